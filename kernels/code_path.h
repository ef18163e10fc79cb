/*
 * The code path that the kernels take on this processor, found once by CPUID, and the way to pin another.
 *
 * Kernels with several paths ask platform_path(). A path is a set of instructions, ordered: a processor that has one
 * has those before it. PLATFORM_DISPATCH makes such a kernel out of one body: the same C, compiled once for each path.
 */
#ifndef RETORT_KERNELS_CODE_PATH_H
#define RETORT_KERNELS_CODE_PATH_H

enum platform_path {
    PLATFORM_PORTABLE,   /* the compiler's baseline */
    PLATFORM_X86_AVX2,   /* AVX2 and FMA */
    PLATFORM_X86_AVX512, /* AVX-512 F, BW, DQ and VL */
};

/* The path in use: the best that this processor has, or the pinned one. */
enum platform_path platform_path(void);

/* Its name: "portable", "x86-64-avx2" or "x86-64-avx512". */
const char *kernels_platform(void);

/* Pins the path of that name for the whole process (golden tests); NULL lets the processor decide again.
   Call it while no kernel runs. Returns 0, or -1 for a name that is unknown or beyond this processor, which changes
   nothing. */
int kernels_platform_pin(const char *name);

/* Defines `static void name params` that calls `name_body args`, compiled for the path in use. The body must be
   `static inline PLATFORM_INLINE void`, so that each clone takes it in whole. */
#define PLATFORM_INLINE __attribute__((always_inline))
#if defined(__x86_64__)
#define PLATFORM_DISPATCH(name, params, args)                                                                          \
    static void name##_portable params {                                                                               \
        name##_body args;                                                                                              \
    }                                                                                                                  \
    __attribute__((target("avx2"))) static void name##_avx2 params {                                                   \
        name##_body args;                                                                                              \
    }                                                                                                                  \
    __attribute__((                                                                                                    \
        target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512"))) static void name##_avx512 params {      \
        name##_body args;                                                                                              \
    }                                                                                                                  \
    static void name params {                                                                                          \
        switch (platform_path()) {                                                                                     \
        case PLATFORM_X86_AVX512:                                                                                      \
            name##_avx512 args;                                                                                        \
            break;                                                                                                     \
        case PLATFORM_X86_AVX2:                                                                                        \
            name##_avx2 args;                                                                                          \
            break;                                                                                                     \
        default:                                                                                                       \
            name##_portable args;                                                                                      \
            break;                                                                                                     \
        }                                                                                                              \
    }                                                                                                                  \
    static void name params
#else
#define PLATFORM_DISPATCH(name, params, args)                                                                          \
    static void name params {                                                                                          \
        name##_body args;                                                                                              \
    }                                                                                                                  \
    static void name params
#endif

#endif
