/*
 * The vector loops of the CPU backend, one set for each code path and vector width. simd_body.h is compiled once for
 * each set; simd_for() chooses. All rows are channels last, [elements, channels], and `channels` is a padded count: a
 * multiple of the set's lanes. A set's functions are pure loops; they know no layer.
 */
#ifndef RETORT_KERNELS_CPU_SIMD_H
#define RETORT_KERNELS_CPU_SIMD_H

#include <stdbool.h>
#include <stddef.h>

/* The up to three rows of a 3x3 window that lie on the grid, with the weights of their three taps: weight[r] is [3,
   channels]. row[r] points at the element under the middle tap. Its neighbours lie `step` floats to either side; the
   caller keeps a zeroed margin, so they can be read. Elements of a row are `stride` floats apart. */
struct window {
    const float *row[3];
    const float *weight[3];
    float *gradient[3]; /* of weight[r], for simd->depthwise_gradient */
    int count;
    size_t stride, step;
};

/* c[m,n] = init + bias + a * b. a[i,p] = a[i*a_row + p*a_step], and one of the two steps is 1; b and c are rows of `n`
   floats, `b_row` and `c_row` apart. `init` [m,n] (may be c itself) and `bias` [n] may be NULL. n: a multiple of the
   lanes. Each element's sum begins with bias + init and adds the k products in order. With `from_zero` the sum begins
   with 0, and is added to bias + init at the end. */
struct product {
    size_t m, n, k;
    const float *a;
    size_t a_row, a_step;
    const float *b;
    size_t b_row;
    float *c;
    size_t c_row;
    const float *init;
    size_t init_row;
    const float *bias;
    bool from_zero;
};

struct simd {
    size_t lanes;
    /* out = max(0, scale*x + shift); out's elements are `out_stride` apart */
    void (*rectify)(float *out, size_t out_stride, const float *x, const float *scale, const float *shift,
                    size_t elements, size_t channels);
    /* out = bias + sum over taps, or out += sum over taps where bias is NULL; out's elements are `out_stride` apart */
    void (*depthwise)(float *out, size_t out_stride, const struct window *w, const float *bias, size_t elements,
                      size_t channels);
    /* w->gradient[r][tap] += sum over elements of row[r][tap] * g; bias_gradient += sum of g (rows g_stride apart) */
    void (*depthwise_gradient)(const struct window *w, float *bias_gradient, const float *g, size_t g_stride,
                               size_t elements, size_t channels);
    /* g = 0 where scale*x + shift <= 0; sum += g; sum_centred += g * (x - mean) */
    void (*rectify_gradient)(float *g, const float *x, const float *scale, const float *shift, const float *mean,
                             float *sum, float *sum_centred, size_t elements, size_t channels);
    /* g = a*g + b*x + c (+ add, which may be NULL): the way back through batch normalisation */
    void (*norm_gradient)(float *g, const float *x, const float *add, const float *a, const float *b, const float *c,
                          size_t elements, size_t channels);
    /* sum += x - pivot; square += (x - pivot)^2 */
    void (*moments)(const float *x, const float *pivot, float *sum, float *square, size_t elements, size_t channels);
    /* sum += x */
    void (*column_sum)(const float *x, float *sum, size_t elements, size_t channels);
    void (*product)(const struct product *p);
};

/* The set for rows of `channels` floats on the path in use (kernels/code_path.h). */
const struct simd *simd_for(size_t channels);

/* Every padded channel count is a multiple of this, whatever the path. */
enum { SIMD_CHANNELS = 8 };

extern const struct simd simd_portable_4;
#if defined(__x86_64__)
extern const struct simd simd_avx2_8, simd_avx512_8, simd_avx512_16;
#endif

#endif
