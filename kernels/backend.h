/*
 * The operators of a DeepRx network, behind one table that knows no device. kernels/deeprx.c composes them; a backend
 * implements them. Between two operators stand only tensors, so a backend may fuse whatever an operator spans:
 *
 *   stem      y = conv3x3(x)
 *   separable y = skip + pointwise(depthwise3x3(relu(norm(x))))         half a residual block
 *   project   y = pointwise(relu(norm(x)))                              the skip where widths differ, and the head
 *
 * A forward operator whose result is normalised next takes that `norm`. In training it leaves the batch's statistics in
 * norm->coefficients and updates the running ones. So no operator reads a tensor just to take its moments. Going back,
 * a tensor's gradient is first known up to its norm (`norm` of struct gradient): its reader completes it.
 *
 * Tensors are [N,S,F,C] f32. Each element's channels are padded to channel_stride(C) floats, and the padding is kept
 * zero. Only x of the stem, labels and logits are not padded. Parameters lie in the layouts of deeprx_tensors(). Memory
 * is what allocate() gives: the host may read and write it between operators. Another device hands out shared memory,
 * and ends its queue in each operator that the host reads from. No call leaves work for later.
 */
#ifndef RETORT_KERNELS_BACKEND_H
#define RETORT_KERNELS_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/loss.h"
#include "kernels/optimizer.h"
#include "kernels/parallel.h"

struct grid {
    int slots, symbols, subcarriers; /* N, S, F */
};

/* A convolution's parameters and the places of their gradients (written, not added to). */
struct convolution {
    int channels_in, channels_out;
    const float *weight, *bias;
    float *weight_gradient, *bias_gradient;
};

struct separable {
    struct convolution depthwise, pointwise; /* depthwise: weight [C*m,1,3,3], channel 2c+m; pointwise: [O,C*m,1,1] */
    int multiplier, dilation_time, dilation_frequency;
};

/* Batch normalisation. coefficients: NORM_COEFFICIENTS * channel_stride floats of the network, kept from forward to
   backward; the backend alone knows what is in them. */
enum { NORM_COEFFICIENTS = 7 };
struct norm {
    int channels;
    const float *gamma, *beta;
    float *running_mean, *running_variance;
    float *gamma_gradient, *beta_gradient;
    float *coefficients;
};

/* The gradient of a loss by a tensor `x`. With `norm`, g is by the output of norm(x). The reader completes it in place:
   g <- back through norm at x, plus `add` (may be NULL). Without, g is complete. */
struct gradient {
    float *g;
    const struct norm *norm;
    const float *x, *add;
};

/* The place where an operator runs. `workspace` has at least the bytes that the operator's *_workspace_bytes() asks
   for. */
struct run {
    struct grid grid;
    struct parallel *parallel;
    void *workspace;
};

struct backend {
    const char *name;
    void *(*allocate)(size_t bytes); /* zeroed; NULL when it cannot be had */
    void (*release)(void *memory);
    size_t (*channel_stride)(int channels);

    /* Evaluation mode: coefficients from the running statistics. */
    void (*norm_evaluate)(const struct norm *norm);

    /* x [N,S,F,Cin], weight [Cout,Cin,3,3]; next NULL in evaluation mode, in all forward operators. */
    void (*stem_forward)(const struct run *run, const struct convolution *c, const float *x, float *y,
                         const struct norm *next);
    void (*stem_backward)(const struct run *run, const struct convolution *c, const float *x,
                          const struct gradient *dy);
    size_t (*stem_workspace_bytes)(struct grid grid, int threads, const struct convolution *c);

    /* skip: [N,S,F,Cout], may be y itself, or NULL. */
    void (*separable_forward)(const struct run *run, const struct separable *s, const float *x, const struct norm *norm,
                              const float *skip, float *y, const struct norm *next);
    /* dx receives the gradient by norm(x)'s output, and norm its own gradients. `add_to_dx`: dx holds a share of the
       gradient by relu(norm(x)) already (from project_backward with `only_reader` false). */
    void (*separable_backward)(const struct run *run, const struct separable *s, const float *x,
                               const struct norm *norm, const struct gradient *dy, float *dx, bool add_to_dx);
    size_t (*separable_workspace_bytes)(struct grid grid, int threads, const struct separable *s);

    /* unpadded: y and dy are not padded. Never normalised directly. */
    void (*project_forward)(const struct run *run, const struct convolution *c, const float *x, const struct norm *norm,
                            float *y, bool unpadded);
    /* only_reader: the only reader of relu(norm(x)): dx as separable_backward's. Otherwise dx is by relu's output. */
    void (*project_backward)(const struct run *run, const struct convolution *c, const float *x,
                             const struct norm *norm, const struct gradient *dy, float *dx, bool unpadded,
                             bool only_reader);
    size_t (*project_workspace_bytes)(struct grid grid, int threads, const struct convolution *c);

    /* kernels/loss.h and kernels/optimizer.h on this device. */
    void (*loss)(const struct run *run, const struct loss_batch *batch, const struct loss_config *config,
                 float *gradient, struct loss_value *value);
    size_t (*loss_workspace_bytes)(struct grid grid, int threads, int bits);
    void (*optimize)(const struct run *run, const struct optimizer_tensor *tensors, size_t count,
                     const struct optimizer_config *config, uint64_t step, double rate);
};

/* The CPU of this process, by the code path of kernels/code_path.h. */
const struct backend *backend_cpu(void);

#endif
