#include "kernels/cpu/simd.h"

#define SIMD_LANES 4
#define SIMD_TILE_ROWS 4
#define SIMD_TILE_VECTORS 2
#define SIMD_FMA(a, b, c) ((a) * (b) + (c))
#define SIMD_NAME(x) x##_portable_4
#include "kernels/cpu/simd_body.h"
