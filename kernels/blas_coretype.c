#include "kernels/blas_coretype.h"

#include <cblas.h>
#include <stdbool.h>
#include <stddef.h>
#include <strings.h>

static bool is_one_of(const char *name, const char *const *names) {
    for (; *names != NULL; names++)
        if (strcasecmp(name, *names) == 0)
            return true;
    return false;
}

const char *kernels_blas_coretype(void) {
#if defined(__x86_64__)
    static const char *const with_avx512[] = {"SkylakeX", "Cooperlake", "SapphireRapids", NULL};
    static const char *const with_avx2[] = {"Haswell", "Zen", NULL};
    const char *core = kernels_blas_core();
    __builtin_cpu_init();
    if (is_one_of(core, with_avx512))
        return NULL;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return "SKYLAKEX";
    if (!is_one_of(core, with_avx2) && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return "HASWELL";
#endif
    return NULL;
}

const char *kernels_blas_core(void) {
    return openblas_get_corename();
}

const char *kernels_blas_version(void) {
    return openblas_get_config();
}
