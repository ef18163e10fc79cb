/*
 * The DeepRx network: shape, parameters, inference, training step. This is what stages see; operators lie behind
 * `struct backend` (kernels/backend.h), so another backend can stand beside the CPU's.
 *
 *   x [N,S,F,Cin] -- conv 3x3 --> residual blocks --> BN, ReLU, conv 1x1 --> logits [N,S,F,B]
 *   block: BN-ReLU-depthwise 3x3-pointwise-BN-ReLU-depthwise 3x3-pointwise, plus skip
 *
 * Source: Honkala, Korpi, Huttunen, "DeepRx: Fully Convolutional Deep Learning Receiver", IEEE TWC 2021.
 * kernels/README.md has the rules for all else: bias everywhere, depthwise channel 2c+m, skip 1x1 on the activated
 * tensor.
 */
#ifndef RETORT_KERNELS_DEEPRX_H
#define RETORT_KERNELS_DEEPRX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/loss.h"
#include "kernels/optimizer.h"
#include "kernels/parallel.h"
#include "kernels/tensor.h"

enum { DEEPRX_MAX_BLOCKS = 32 };

struct deeprx_block {
    int width;
    int dilation_time, dilation_frequency;
};

struct deeprx_config {
    int channels_in;          /* Cin */
    int bits;                 /* B: logits an element */
    int symbols, subcarriers; /* S, F of a slot */
    int depth_multiplier;
    int block_count;
    struct deeprx_block blocks[DEEPRX_MAX_BLOCKS]; /* the first convolution goes to blocks[0].width */
};

/* Trainable tensors, one after another in one flat f32 array of `parameter_count`; BN's running statistics in a second
   one of `statistic_count`. Names say the layer, and blocks count from 1. Shapes are PyTorch's, and every convolution has a
   .bias [O] too.

     stem.weight [O,I,3,3]                        blockK.norm1.weight (gamma), .bias (beta)
     blockK.depthwise1.weight [C*m,1,3,3]         blockK.norm1.running_mean, .running_var (statistics)
     blockK.pointwise1.weight [O,C*m,1,1]         head.norm.*
     blockK.skip.weight [O,I,1,1]                 head.weight [B,C,1,1] */
struct deeprx_tensor {
    char name[64];
    int dims; /* 1 or 4 */
    size_t shape[4];
    size_t offset, size; /* in f32 elements, in the flat array */
    bool statistic;      /* in the array of statistics: "block3.norm1.running_mean" */
};
size_t deeprx_parameter_count(const struct deeprx_config *c);
size_t deeprx_statistic_count(const struct deeprx_config *c);
size_t deeprx_tensors(const struct deeprx_config *c, struct deeprx_tensor *out,
                      size_t capacity); /* how many there are */

/* N(0, 2/fan_in), biases 0, gamma 1, beta 0, running mean 0 and variance 1; from Philox (seed, RNG_WEIGHTS, place of
   the tensor in the list). */
void deeprx_initialise(const struct deeprx_config *c, uint64_t seed, float *parameters, float *statistics);

/* One line of the profile a layer: convolutions and norms in the order they run. FLOP = 2 MAC of every convolution,
   padded taps counted; norms, biases and additions count no MAC. */
struct deeprx_layer {
    char name[64];                     /* "block3.depthwise1" */
    int block;                         /* 0: stem, 1..: blocks, block_count+1: head */
    uint64_t parameters;               /* trainable; a norm has two a channel */
    uint64_t macs_element;             /* per resource element */
    uint64_t weight_bytes;             /* f32, running statistics included */
    uint64_t activation_bytes_element; /* f32 per resource element: the layer's input read and its output written */
};
size_t deeprx_layers(const struct deeprx_config *c, struct deeprx_layer *out, size_t capacity);
uint64_t deeprx_macs_element(const struct deeprx_config *c);
uint64_t deeprx_flops_slot(const struct deeprx_config *c); /* 2 * macs * S * F */

/* A network bound to a batch size, with its workspace; memory is its own (one allocation). */
struct deeprx;

/* `training` false: inference only (small workspace). NULL when memory cannot be had. `p` stays the caller's. */
struct deeprx *deeprx_create(const struct deeprx_config *c, int batch, bool training, struct parallel *p);
void deeprx_free(struct deeprx *net);
float *deeprx_parameters(struct deeprx *net); /* [parameter_count], to load and save */
float *deeprx_statistics(struct deeprx *net);
float *
deeprx_moments(struct deeprx *net); /* [2*parameter_count]: the optimizer's first, then second moments; or NULL */
float *deeprx_gradients(struct deeprx *net); /* [parameter_count], of the last step; NULL without `training` */
/* The memory of a network with one thread; each further thread adds scratch of a few slots' activations. */
size_t deeprx_workspace_bytes(const struct deeprx_config *c, int batch, bool training);

/* Evaluation mode (running statistics): x [n,S,F,Cin], n <= batch -> logits [n,S,F,B]. */
void deeprx_infer(struct deeprx *net, const float *x, int n, float *logits);

/* One optimizer step on a full batch. label [N,S,F,B], mask [S,F] (the same for every slot), teacher logits [N,S,F,B]
   or NULL: cross-entropy alone, whatever `loss` says of distillation.
   `step` counts from 1 (bias correction); `rate_factor` is the schedule's value. Running statistics are updated. */
void deeprx_train_step(struct deeprx *net, const float *x, const float *label, const float *mask, const float *teacher,
                       const struct loss_config *loss, const struct optimizer_config *optimizer, uint64_t step,
                       double rate_factor, struct loss_value *value);

/* The schedule: warm-up 800/30000 of the steps, constant to .3, linear to 0 at the end. `step` from 1 to `steps`. */
double schedule_factor(uint64_t step, uint64_t steps);

#endif
