/*
 * The loss that a training step minimises: binary cross-entropy, and with a teacher a divergence from it.
 *
 *   BCE        mean over unmasked labels of softplus(z) - y z
 *   bernoulli  KL = softplus(z_s/T) - softplus(z_t/T) - p (z_s - z_t)/T, p = sigmoid(z_t/T), for each label
 *   softmax    KL(softmax(z_t/T), softmax(z_s/T)) over the bits of an element, for each element
 *   total      BCE without a teacher; alpha * BCE + KD with one, KD summed over the batch or its mean, times T^2 if
 *              asked
 *
 * Masked elements count nowhere. Values and gradients are finite for every finite logit.
 */
#ifndef RETORT_KERNELS_LOSS_H
#define RETORT_KERNELS_LOSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/parallel.h"

enum kd_form { KD_NONE, KD_BERNOULLI, KD_SOFTMAX };
enum kd_reduction { KD_SUM, KD_MEAN };

struct loss_config {
    enum kd_form kd;
    enum kd_reduction reduction;
    double alpha, temperature;
    bool t_squared;    /* KD times T^2 */
    double logit_clip; /* |z_teacher| at most this */
};

struct loss_value {
    double total, bce;
    double kd; /* reduced as asked, times T^2 if asked; 0 without a teacher */
    /* lambda, the weight of the cross-entropy's mean beside the divergence's mean. It is alpha / N for the sum and
       alpha for the mean, with N the unmasked labels of the batch (elements for the softmax). It is 1 without a
       teacher. */
    double kd_weight;
    uint64_t bit_errors, bit_count; /* of the unmasked labels; logit > 0 is bit 1 */
};

/* `slots` slots of `elements` resource elements with `bits` labels each. */
struct loss_batch {
    size_t slots, elements, bits;
    const float *logits;  /* [slots,elements,bits] */
    const float *label;   /* [slots,elements,bits], 0 or 1 */
    const float *mask;    /* [elements]: 0 leaves the element out, in every slot */
    const float *teacher; /* [slots,elements,bits], or NULL */
};

/* gradient [slots,elements,bits]: of value->total by the logits. config->kd needs a teacher. */
void loss_run(struct parallel *p, const struct loss_batch *batch, const struct loss_config *config, void *workspace,
              float *gradient, struct loss_value *value);
size_t loss_workspace_bytes(size_t slots, size_t elements, size_t bits, int threads);

#endif
