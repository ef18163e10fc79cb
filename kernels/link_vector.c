#include "kernels/link_vector.h"

#include <sleef.h>

#include "kernels/code_path.h"

#define VECTOR_LANES 1
#define VECTOR_LOAD(p) (*(p))
#define VECTOR_STORE(p, v) (*(p) = (v))
#define VECTOR_PAIR Sleef_float_2
#define VECTOR_SINCOSPI Sleef_cinz_sincospif1_u35purec
#define VECTOR_LOG Sleef_cinz_logf1_u10purec
#define VECTOR_EXP Sleef_cinz_expf1_u10purec
#define VECTOR_FUNCTIONS vector_functions_portable
#define VECTOR_STORAGE static const

#include "kernels/link_vector_body.h"

static const struct vector_functions *functions(void) {
#if defined(VECTOR_HAS_X86)
    if (platform_path() == PLATFORM_X86_AVX512)
        return &vector_functions_avx512;
    if (platform_path() == PLATFORM_X86_AVX2)
        return &vector_functions_avx2;
#endif
    return &vector_functions_portable;
}

void vector_sincospi(float *sine, float *cosine, const float *x, size_t n) {
    functions()->sincospi(sine, cosine, x, n);
}

void vector_log(float *y, const float *x, size_t n) {
    functions()->log(y, x, n);
}

void vector_exp(float *y, const float *x, size_t n) {
    functions()->exp(y, x, n);
}
