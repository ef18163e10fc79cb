/*
 * Shared by the CPU's layer operators: blocks of slots, workspace, normalisation's coefficients, matrix products.
 *
 * A layer works slot by slot. Slots go in fixed blocks (slot_blocks). A block has partial sums of its own, added up in
 * block order. A thread has scratch memory of its own, which stays in its cache from slot to slot.
 */
#ifndef RETORT_KERNELS_CPU_LAYER_H
#define RETORT_KERNELS_CPU_LAYER_H

#include <stddef.h>

#include "kernels/backend.h"
#include "kernels/cpu/simd.h"

/* A padded channel count; an area's size in floats, so that each area begins on a cache line. */
static inline size_t padded(int channels) {
    return ((size_t)channels + SIMD_CHANNELS - 1) / SIMD_CHANNELS * SIMD_CHANNELS;
}
static inline size_t area(size_t floats) {
    return (floats + 15) / 16 * 16;
}

/* The partition of a batch: a matter of the shape alone. Slots first..last-1 are block `block`'s. */
size_t slot_blocks(struct grid grid);
void slot_range(struct grid grid, size_t block, size_t *first, size_t *last);

/* Symbols worked on together, so that a matrix product has a few hundred rows. */
size_t tile_symbols(struct grid grid);

/* Asks for memory ahead of its use; NULL asks for nothing. */
static inline void fetch(const float *from, size_t floats) {
    for (size_t i = 0; from != NULL && i < floats; i += 16)
        __builtin_prefetch(from + i, 0, 2);
}

struct coefficients {
    float *scale, *shift, *mean, *inverse_deviation; /* forward: norm(x) = scale*x + shift */
    float *by_gradient, *by_x, *constant;            /* backward: dx = by_gradient*g + by_x*x + constant */
};
struct coefficients norm_coefficients(const struct norm *norm);
void norm_evaluate(const struct norm *norm);

/* Computes a batch's statistics from each slot's pivot, sum and square sum about the pivot: [N,3,channels], padded.
   Sets the forward coefficients and moves the running statistics (unbiased variance). */
enum { MOMENTS = 3 };
void norm_from_moments(const struct norm *norm, struct grid grid, const float *moments);

/* From the sums of g and g*(x - mean), padded: the norm's gradients and its backward coefficients. */
void norm_from_gradient(const struct norm *norm, struct grid grid, const float *sum, const float *sum_centred);

/* Adds one slot's rows y to its moments; the pivot is the slot's first element, set when `first`. */
void slot_moments(float *moments, const float *y, size_t elements, size_t channels, bool first);

/* Takes a gradient back through its norm, if it has one (struct gradient), in place. Rows begin at element `from`. */
void gradient_complete(const struct gradient *dy, size_t from, size_t elements, size_t channels);

/* partial[0] += partial[1..blocks-1], each `size` floats long, in order. */
void partial_reduce(struct parallel *p, float *partial, size_t size, size_t blocks);

/* p by our own tiles or, where it is large enough to pay, by BLAS: a matter of the shape alone. */
void product_run(const struct product *p);

/* Weights [out, in] <-> padded [in,out] (what a forward product reads) and [out,in] (what a backward one reads). The
   padded place of input channel i is (i % multiplier)*plane + i/multiplier. */
struct matrix_layout {
    size_t in, out, multiplier, plane; /* in: channels in all, multiplier times the plane's */
    size_t in_padded, out_padded;
};
void matrix_pack(const struct matrix_layout *l, const float *weight, float *forward, float *backward);
void matrix_unpack(const struct matrix_layout *l, const float *forward, float *weight);

/* The operators of kernels/backend.h, for its table. */
void stem_forward(const struct run *run, const struct convolution *c, const float *x, float *y,
                  const struct norm *next);
void stem_backward(const struct run *run, const struct convolution *c, const float *x, const struct gradient *dy);
size_t stem_workspace_bytes(struct grid grid, int threads, const struct convolution *c);
void separable_forward(const struct run *run, const struct separable *s, const float *x, const struct norm *norm,
                       const float *skip, float *y, const struct norm *next);
void separable_backward(const struct run *run, const struct separable *s, const float *x, const struct norm *norm,
                        const struct gradient *dy, float *dx, bool add_to_dx);
size_t separable_workspace_bytes(struct grid grid, int threads, const struct separable *s);
void project_forward(const struct run *run, const struct convolution *c, const float *x, const struct norm *norm,
                     float *y, bool unpadded);
void project_backward(const struct run *run, const struct convolution *c, const float *x, const struct norm *norm,
                      const struct gradient *dy, float *dx, bool unpadded, bool only_reader);
size_t project_workspace_bytes(struct grid grid, int threads, const struct convolution *c);

#endif
