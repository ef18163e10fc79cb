#if defined(__x86_64__)
#pragma GCC target("avx2")
#endif
#include "kernels/link_vector.h"

#include <sleef.h>

#if defined(VECTOR_HAS_X86)

#define VECTOR_LANES 8
#define VECTOR_LOAD(p) _mm256_loadu_ps(p)
#define VECTOR_STORE(p, v) _mm256_storeu_ps(p, v)
#define VECTOR_PAIR Sleef___m256_2
#define VECTOR_SINCOSPI Sleef_cinz_sincospif8_u35avx
#define VECTOR_LOG Sleef_cinz_logf8_u10avx
#define VECTOR_EXP Sleef_cinz_expf8_u10avx
#define VECTOR_FUNCTIONS vector_functions_avx2
#define VECTOR_STORAGE const

#include "kernels/link_vector_body.h"

#endif
