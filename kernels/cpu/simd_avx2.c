#if defined(__x86_64__)
#pragma GCC target("avx2,fma")
#endif
#include "kernels/cpu/simd.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define SIMD_LANES 8
#define SIMD_TILE_ROWS 6
#define SIMD_TILE_VECTORS 2
#define SIMD_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define SIMD_NAME(x) x##_avx2_8
#include "kernels/cpu/simd_body.h"
#endif
