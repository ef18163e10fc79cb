/*
 * The network's operators once more, naive and in double: one loop for each letter of the formula, nothing shared with
 * the fast ones. Tensors are [N,S,F,C] without padding; weights as in deeprx_tensors().
 */
#ifndef RETORT_KERNELS_REFERENCE_OPERATORS_H
#define RETORT_KERNELS_REFERENCE_OPERATORS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/loss.h"
#include "kernels/optimizer.h"

struct reference_grid {
    int slots, symbols, subcarriers;
};

/* y = w * x + b with zero padding, window 3 or 1 in both directions. multiplier 0: every output reads every input
   channel; m > 0: depthwise, output channel 2c+m reads channel c. w: [out, in or 1, window, window]. */
struct reference_convolution {
    int in, out, window, multiplier, dilation_time, dilation_frequency;
};
void convolution_reference(const struct reference_convolution *c, struct reference_grid grid, const double *x,
                           const double *weight, const double *bias, double *y);

/* Mean and biased variance of each channel over all elements. */
void moments_reference(struct reference_grid grid, int channels, const double *x, double *mean, double *variance);
/* gamma (x - mean)/sqrt(variance + 1e-5) + beta, then max(0, .) if asked. */
void norm_reference(struct reference_grid grid, int channels, const double *x, const double *gamma, const double *beta,
                    const double *mean, const double *variance, bool rectify, double *y);

/* loss.h's value; the KL terms straight from their definition, sum over outcomes of p (ln p - ln q). */
struct loss_value loss_reference(struct reference_grid grid, int bits, const double *logits, const double *label,
                                 const double *mask, const double *teacher, const struct loss_config *config);

/* optimizer.h's step for one tensor, by the published formulae. */
void optimizer_reference(const struct optimizer_config *config, double *parameter, const double *gradient,
                         double *first, double *second, int size, bool matrix, uint64_t step, double rate_factor);

#endif
