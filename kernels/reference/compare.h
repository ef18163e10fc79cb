/*
 * The comparison that every kernel is held to: |actual - reference| <= absolute + relative * |reference|, and a NaN
 * on either side fails. The thresholds stand in one table, by what is compared.
 */
#ifndef RETORT_KERNELS_REFERENCE_COMPARE_H
#define RETORT_KERNELS_REFERENCE_COMPARE_H

#include <stddef.h>

struct tolerance {
    double absolute, relative;
};

enum compared {
    COMPARE_OPERATOR,     /* one operator's output, unit-scale inputs, up to a few thousand terms a sum */
    COMPARE_GRADIENT,     /* gradients that are sums over a whole batch */
    COMPARE_NETWORK,      /* logits of a whole network */
    COMPARE_NETWORK_STEP, /* gradients of a whole network against central differences */
    COMPARE_OPTIMIZER,    /* parameters after several steps */
    COMPARE_LOSS          /* loss values and gradients by logits */
};
struct tolerance tolerance_for(enum compared what);

/* The largest difference of two arrays, in units of the tolerance: `worst` <= 1 passes; a NaN makes it infinite. */
struct comparison {
    double worst, actual, reference;
    size_t at;
};
struct comparison compare_floats(const float *actual, const double *reference, size_t n, struct tolerance t);

#endif
