/*
 * The list of a DeepRx network's layers, in the order in which they run. Tensors, counts and the network itself are
 * made from it alone.
 */
#ifndef RETORT_KERNELS_DEEPRX_LAYOUT_H
#define RETORT_KERNELS_DEEPRX_LAYOUT_H

#include <stddef.h>

#include "kernels/deeprx.h"

enum { LAYERS_MAX = 1 + 7 * DEEPRX_MAX_BLOCKS + 2, TENSORS_MAX = 4 * LAYERS_MAX };

enum layer_kind { LAYER_STEM, LAYER_NORM, LAYER_DEPTHWISE, LAYER_POINTWISE };

struct layer {
    enum layer_kind kind;
    int block; /* 0: stem, 1..: blocks, block_count+1: head */
    int in, out;
    char name[40]; /* tensors add ".weight" and so on */
};

/* Writes at most `capacity` layers; returns how many there are. */
size_t layout_layers(const struct deeprx_config *c, struct layer *out, size_t capacity);

/* Values of its weight (gamma for a norm), biases apart. */
size_t layer_weights(const struct layer *layer);

#endif
