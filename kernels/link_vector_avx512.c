#if defined(__x86_64__)
#pragma GCC target("avx512f")
#endif
#include "kernels/link_vector.h"

#include <sleef.h>

#if defined(VECTOR_HAS_X86)

#define VECTOR_LANES 16
#define VECTOR_LOAD(p) _mm512_loadu_ps(p)
#define VECTOR_STORE(p, v) _mm512_storeu_ps(p, v)
#define VECTOR_PAIR Sleef___m512_2
#define VECTOR_SINCOSPI Sleef_cinz_sincospif16_u35avx512fnofma
#define VECTOR_LOG Sleef_cinz_logf16_u10avx512fnofma
#define VECTOR_EXP Sleef_cinz_expf16_u10avx512fnofma
#define VECTOR_FUNCTIONS vector_functions_avx512
#define VECTOR_STORAGE const

#include "kernels/link_vector_body.h"

#endif
