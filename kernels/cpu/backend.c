#include "kernels/backend.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernels/cpu/layer.h"

/* Large memory on huge pages, where there are any: a small net spends a good part of its time on page tables else. */
static void *cpu_allocate(size_t bytes) {
    enum { CACHE_LINE = 64, HUGE_PAGE = 2 << 20 };
    const size_t alignment = bytes < HUGE_PAGE ? CACHE_LINE : HUGE_PAGE;
    void *memory = NULL;
    if (bytes > SIZE_MAX - alignment || posix_memalign(&memory, alignment, bytes) != 0)
        return NULL;
    if (alignment == HUGE_PAGE)
        madvise(memory, bytes, MADV_HUGEPAGE);
    memset(memory, 0, bytes);
    return memory;
}

static size_t cpu_channel_stride(int channels) {
    return padded(channels);
}

static void cpu_loss(const struct run *run, const struct loss_batch *batch, const struct loss_config *config,
                     float *gradient, struct loss_value *value) {
    loss_run(run->parallel, batch, config, run->workspace, gradient, value);
}

static size_t cpu_loss_workspace_bytes(struct grid grid, int threads, int bits) {
    return loss_workspace_bytes((size_t)grid.slots, (size_t)grid.symbols * (size_t)grid.subcarriers, (size_t)bits,
                                threads);
}

static void cpu_optimize(const struct run *run, const struct optimizer_tensor *tensors, size_t count,
                         const struct optimizer_config *config, uint64_t step, double rate_factor) {
    optimizer_step(run->parallel, tensors, count, config, step, rate_factor);
}

const struct backend *backend_cpu(void) {
    static const struct backend backend = {
        .name = "cpu",
        .allocate = cpu_allocate,
        .release = free,
        .channel_stride = cpu_channel_stride,
        .norm_evaluate = norm_evaluate,
        .stem_forward = stem_forward,
        .stem_backward = stem_backward,
        .stem_workspace_bytes = stem_workspace_bytes,
        .separable_forward = separable_forward,
        .separable_backward = separable_backward,
        .separable_workspace_bytes = separable_workspace_bytes,
        .project_forward = project_forward,
        .project_backward = project_backward,
        .project_workspace_bytes = project_workspace_bytes,
        .loss = cpu_loss,
        .loss_workspace_bytes = cpu_loss_workspace_bytes,
        .optimize = cpu_optimize,
    };
    return &backend;
}
