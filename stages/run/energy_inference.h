/* Inside energy/inference: the measurement on a machine that tests replace. */
#ifndef RETORT_STAGES_RUN_ENERGY_INFERENCE_H
#define RETORT_STAGES_RUN_ENERGY_INFERENCE_H

#include "engine/meter/meter.h"
#include "stages/stage.h"

/* Runs the kind. run_energy_inference calls it with {.root = "/"} and windows of a second. */
int energy_inference_measure(struct stage *s, const struct meter_options *options, double window_s, struct error *err);

/* Mean of values and two standard errors of it as a share of its magnitude; NaN for fewer than two. */
double energy_mean(double *share, const double *values, size_t count);

#endif
