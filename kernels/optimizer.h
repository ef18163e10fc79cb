/*
 * LAMB and AdamW, one step over a list of tensors.
 *
 *   m <- b1 m + (1-b1) g      v <- b2 v + (1-b2) g^2      u = m/(1-b1^step) / (sqrt(v/(1-b2^step)) + epsilon)
 *   AdamW: w <- w - rate (u + decay w)
 *   LAMB:  u <- u + decay w;  w <- w - rate |w|/|u| u, the ratio 1 where |w| or |u| is 0
 *
 * Decay and ratio are for matrices; a tensor of one dimension (bias, gamma, beta) has no decay and ratio 1.
 * Source: Loshchilov, Hutter, ICLR 2019; You et al., "Large batch optimization for deep learning", ICLR 2020.
 */
#ifndef RETORT_KERNELS_OPTIMIZER_H
#define RETORT_KERNELS_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/parallel.h"

enum optimizer { OPTIMIZER_LAMB, OPTIMIZER_ADAMW };

struct optimizer_config {
    enum optimizer type;
    double learning_rate, weight_decay, beta1, beta2, epsilon;
};

struct optimizer_tensor {
    float *parameter;
    const float *gradient;
    float *first, *second; /* moments */
    size_t size;
    bool matrix; /* more than one dimension */
};

/* `step` counts from 1; the rate is config->learning_rate * rate_factor. */
void optimizer_step(struct parallel *p, const struct optimizer_tensor *tensors, size_t count,
                    const struct optimizer_config *config, uint64_t step, double rate_factor);

#endif
