#if defined(__x86_64__)
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
#endif
#include "kernels/cpu/simd.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define SIMD_TILE_ROWS 8
#define SIMD_TILE_VECTORS 3

#define SIMD_LANES 16
#define SIMD_FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define SIMD_NAME(x) x##_avx512_16
#include "kernels/cpu/simd_body.h"
#undef SIMD_LANES
#undef SIMD_FMA
#undef SIMD_NAME

/* Half the width with all 32 registers, for channel counts that are no multiple of 16. */
#define SIMD_LANES 8
#define SIMD_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define SIMD_NAME(x) x##_avx512_8
#include "kernels/cpu/simd_body.h"
#endif
