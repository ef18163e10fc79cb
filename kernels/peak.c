#include "kernels/peak.h"

#include "kernels/code_path.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Enough chains to hide the latency of a multiply-add on two ports, few enough for sixteen registers. */
enum { CHAINS = 12 };

typedef float vec4 __attribute__((vector_size(16)));

#define SPLAT4(x) ((vec4){x, x, x, x})
#define MULTIPLY_THEN_ADD(r, factor, term) ((r) * (factor) + (term))

/* Each chain starts and ends in a volatile, so that a compiler cannot see that all are equal, nor leave one out. */
#define PEAK_LOOP(type, splat, step)                                                                                   \
    volatile float start = 0;                                                                                          \
    volatile type end;                                                                                                 \
    type r[CHAINS], factor = splat(PEAK_FACTOR), term = splat(PEAK_TERM);                                              \
    for (int i = 0; i < CHAINS; i++) {                                                                                 \
        float value = start;                                                                                           \
        r[i] = splat(value);                                                                                           \
    }                                                                                                                  \
    for (size_t n = 0; n < rounds; n++)                                                                                \
        for (int i = 0; i < CHAINS; i++)                                                                               \
            r[i] = step(r[i], factor, term);                                                                           \
    for (int i = 0; i < CHAINS; i++)                                                                                   \
        end = r[i];                                                                                                    \
    return end[0]

static float run_portable(size_t rounds) {
    PEAK_LOOP(vec4, SPLAT4, MULTIPLY_THEN_ADD);
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static float run_avx2(size_t rounds) {
    PEAK_LOOP(__m256, _mm256_set1_ps, _mm256_fmadd_ps);
}

__attribute__((target("avx512f,fma,prefer-vector-width=512"))) static float run_avx512(size_t rounds) {
    PEAK_LOOP(__m512, _mm512_set1_ps, _mm512_fmadd_ps);
}
#endif

size_t peak_lanes(void) {
    switch (platform_path()) {
    case PLATFORM_X86_AVX512:
        return 16;
    case PLATFORM_X86_AVX2:
        return 8;
    default:
        return 4;
    }
}

size_t peak_registers(void) {
    return CHAINS;
}

float peak_run(size_t rounds, double *flops) {
    *flops = 2.0 * (double)rounds * (double)(peak_lanes() * CHAINS);
#if defined(__x86_64__)
    if (platform_path() == PLATFORM_X86_AVX512)
        return run_avx512(rounds);
    if (platform_path() == PLATFORM_X86_AVX2)
        return run_avx2(rounds);
#endif
    return run_portable(rounds);
}
