/* The processor table (engine/meter/data/processors.json) with a stage's own processors over it. */
#ifndef RETORT_STAGES_RUN_ENERGY_PROCESSORS_H
#define RETORT_STAGES_RUN_ENERGY_PROCESSORS_H

#include <cJSON.h>
#include <stddef.h>

#include "engine/base/error.h"

/* Figures in SI; NaN where they are not known. */
struct processor {
    char name[64];
    double cores, clock_hz, flop_per_clock, power_w;
    double flops_per_s; /* the peak: cores x clock x FLOP a clock, or its 8-bit operations */
    double kappa_f;
    double convolution_a_j, convolution_b_j;
    double memory_j_per_byte;
};

/* `own`: a list of objects by the names of energy/estimate's `processors`; one whose name stands in the table replaces
   the figures that it gives. `only`: names, in order; empty: all. The caller frees. ERR_INVALID for a name that is not
   there, with the nearest one. */
int processors_read(struct processor **out, size_t *count, const cJSON *own, const cJSON *only, struct error *err);

/* The one of that name; ERR_INVALID as above. */
int processor_find(const struct processor **out, const struct processor *list, size_t count, const char *name,
                   struct error *err);

#endif
