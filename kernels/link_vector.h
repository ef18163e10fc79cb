/*
 * Elementary functions over arrays, by SLEEF's deterministic variants without fused multiply-add ("cinz"). Those give
 * the same bytes at every vector width. So every code path and every position in an array gives the same value, and the
 * link simulator's slots do not depend on the processor. In place is fine where x and y agree.
 */
#ifndef RETORT_KERNELS_LINK_VECTOR_H
#define RETORT_KERNELS_LINK_VECTOR_H

#include <stddef.h>

/* sine[i] = sin(pi x[i]), cosine[i] = cos(pi x[i]); within 3.5 ulp for |x| < 1e6. */
void vector_sincospi(float *sine, float *cosine, const float *x, size_t n);
/* y[i] = ln x[i], within 1 ulp. */
void vector_log(float *y, const float *x, size_t n);
/* y[i] = e^x[i], within 1 ulp. */
void vector_exp(float *y, const float *x, size_t n);

/* One set of them a code path; link_vector.c chooses. */
struct vector_functions {
    void (*sincospi)(float *sine, float *cosine, const float *x, size_t n);
    void (*log)(float *y, const float *x, size_t n);
    void (*exp)(float *y, const float *x, size_t n);
};

/* sleef.h offers its AVX variants by the compiler's feature macros. GCC's target pragma sets these within a file.
   Clang's does not, so Clang's builds use the portable functions, which give the same bytes. */
#if defined(__x86_64__) && !defined(__clang__)
#define VECTOR_HAS_X86 1
extern const struct vector_functions vector_functions_avx2, vector_functions_avx512;
#endif

#endif
