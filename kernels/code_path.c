#include "kernels/code_path.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

static const char *const path_names[] = {"portable", "x86-64-avx2", "x86-64-avx512"};

enum { UNKNOWN = -1 };

static atomic_int path_in_use = UNKNOWN;

static enum platform_path path_detect(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return PLATFORM_PORTABLE;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return PLATFORM_X86_AVX512;
    return PLATFORM_X86_AVX2;
#else
    return PLATFORM_PORTABLE;
#endif
}

enum platform_path platform_path(void) {
    int path = atomic_load_explicit(&path_in_use, memory_order_relaxed);
    if (path == UNKNOWN) {
        path = (int)path_detect();
        atomic_store_explicit(&path_in_use, path, memory_order_relaxed);
    }
    return (enum platform_path)path;
}

const char *kernels_platform(void) {
    return path_names[platform_path()];
}

int kernels_platform_pin(const char *name) {
    if (name == NULL) {
        atomic_store(&path_in_use, UNKNOWN);
        return 0;
    }
    for (int path = 0; path <= (int)path_detect(); path++)
        if (strcmp(name, path_names[path]) == 0) {
            atomic_store(&path_in_use, path);
            return 0;
        }
    return -1;
}
