/*
 * Milliseconds a training step and GFLOP/s (3 x forward, FLOP = 2 MAC of the convolutions) of the networks of the
 * studies and of those timed with other programs. Prints; asserts nothing.
 *
 *   deeprx_bench [threads [seconds a network]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kernels/deeprx.h"
#include "kernels/platform.h"

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *noise(size_t n, uint32_t seed, bool bits) {
    float *x = malloc(n * sizeof *x);
    for (size_t i = 0; x != NULL && i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = bits ? (float)(seed >> 31) : (float)(seed >> 8) / 8388608.0f - 1.0f;
    }
    return x;
}

static void bench(const char *name, const struct deeprx_config *c, int batch, struct parallel *p, double seconds) {
    const size_t grid = (size_t)c->symbols * (size_t)c->subcarriers, elements = (size_t)batch * grid;
    float *x = noise(elements * (size_t)c->channels_in, 1, false), *label = noise(elements * (size_t)c->bits, 2, true);
    float *mask = malloc(grid * sizeof *mask);
    float *logits = malloc(elements * (size_t)c->bits * sizeof *logits);
    struct deeprx *net = deeprx_create(c, batch, true, p);
    if (x == NULL || label == NULL || mask == NULL || logits == NULL || net == NULL) {
        printf("%-34s out of memory\n", name);
        exit(1);
    }
    for (size_t i = 0; i < grid; i++)
        mask[i] = 1.0f;
    deeprx_initialise(c, 1, deeprx_parameters(net), deeprx_statistics(net));
    const struct loss_config loss = {.kd = KD_NONE};
    const struct optimizer_config optimizer = {OPTIMIZER_LAMB, 1e-2, 1e-4, 0.9, 0.999, 1e-6};
    struct loss_value value;
    deeprx_train_step(net, x, label, mask, NULL, &loss, &optimizer, 1, 1.0, &value);
    double begin = now_s(), best = 1e9, each;
    for (uint64_t step = 2; now_s() - begin < seconds; step++) {
        each = now_s();
        deeprx_train_step(net, x, label, mask, NULL, &loss, &optimizer, step, 1.0, &value);
        each = now_s() - each;
        best = each < best ? each : best;
    }
    const double flop = (double)deeprx_flops_slot(c) * batch;
    double infer = 1e9;
    for (begin = now_s(); now_s() - begin < seconds / 4;) {
        each = now_s();
        deeprx_infer(net, x, batch, logits);
        each = now_s() - each;
        infer = each < infer ? each : infer;
    }
    printf("%-34s %8.1f MFLOP/slot x %3d  train %8.2f ms %6.1f GFLOP/s   infer %8.2f ms %6.1f GFLOP/s\n", name,
           (double)deeprx_flops_slot(c) * 1e-6, batch, best * 1e3, 3.0 * flop / best * 1e-9, infer * 1e3,
           flop / infer * 1e-9);
    fflush(stdout);
    deeprx_free(net);
    free(logits);
    free(mask);
    free(label);
    free(x);
}

/* 11 blocks of widths w,w,2w,2w,4w,4w,4w,2w,2w,w,w on 72 x 14. */
static void bench_eleven(int w, int subcarriers, int batch, struct parallel *p, double seconds) {
    const struct deeprx_config c = {
        .channels_in = 10,
        .bits = 8,
        .symbols = 14,
        .subcarriers = subcarriers,
        .depth_multiplier = 1,
        .block_count = 11,
        .blocks = {{w, 1, 1},
                   {w, 1, 1},
                   {2 * w, 2, 3},
                   {2 * w, 2, 3},
                   {4 * w, 3, 6},
                   {4 * w, 3, 6},
                   {4 * w, 3, 6},
                   {2 * w, 2, 3},
                   {2 * w, 2, 3},
                   {w, 1, 1},
                   {w, 1, 1}},
    };
    char name[64];
    snprintf(name, sizeof name, "11 blocks, width %d, 14 x %d", w, subcarriers);
    bench(name, &c, batch, p, seconds);
}

static void bench_laptop(int s, struct parallel *p, double seconds) {
    const struct deeprx_config c = {
        .channels_in = 10,
        .bits = 4,
        .symbols = 14,
        .subcarriers = 48,
        .depth_multiplier = 1,
        .block_count = 5,
        .blocks = {{16, 1, 1}, {s, 2, 3}, {2 * s, 3, 6}, {s, 2, 3}, {16, 1, 1}},
    };
    char name[64];
    snprintf(name, sizeof name, "laptop, s = %d, 14 x 48", s);
    bench(name, &c, 32, p, seconds);
}

static void bench_deeprx(struct parallel *p, double seconds) {
    const struct deeprx_config c = {
        .channels_in = 10,
        .bits = 8,
        .symbols = 14,
        .subcarriers = 312,
        .depth_multiplier = 2,
        .block_count = 11,
        .blocks = {{64, 1, 1},
                   {64, 1, 1},
                   {128, 2, 3},
                   {128, 2, 3},
                   {256, 2, 3},
                   {256, 3, 6},
                   {256, 2, 3},
                   {128, 2, 3},
                   {128, 2, 3},
                   {64, 1, 1},
                   {64, 1, 1}},
    };
    bench("DeepRx, 14 x 312", &c, 2, p, seconds);
}

int main(int argc, char **argv) {
    const int threads = argc > 1 ? atoi(argv[1]) : 1;
    const double seconds = argc > 2 ? atof(argv[2]) : 2.0;
    struct parallel *p = parallel_create(threads);
    if (p == NULL)
        return 1;
    printf("%s, %d threads\n", kernels_platform(), parallel_threads(p));
    const int sizes[] = {8, 16, 24, 32, 72, 88};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        bench_laptop(sizes[i], p, seconds);
    bench_eleven(8, 72, 16, p, seconds);
    bench_eleven(16, 72, 16, p, seconds);
    bench_eleven(64, 312, 2, p, seconds);
    bench_deeprx(p, seconds);
    parallel_free(p);
    return 0;
}
