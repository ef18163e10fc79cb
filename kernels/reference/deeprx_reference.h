/* The whole network from the naive operators, in double: what the fast one and its gradients are held to. */
#ifndef RETORT_KERNELS_REFERENCE_DEEPRX_REFERENCE_H
#define RETORT_KERNELS_REFERENCE_DEEPRX_REFERENCE_H

#include <stdbool.h>

#include "kernels/deeprx.h"

/* x [n,S,F,Cin], parameters and statistics as deeprx_tensors() lays them out -> logits [n,S,F,B]. `training`: norms by
   the batch's own moments, and the statistics are moved. Returns 0, or -1 when memory cannot be had. */
int deeprx_reference(const struct deeprx_config *c, const double *parameters, double *statistics, const double *x,
                     int n, bool training, double *logits);

#endif
