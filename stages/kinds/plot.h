/* What plots and tables have in common: where their numbers come from. */
#ifndef RETORT_STAGES_KINDS_PLOT_H
#define RETORT_STAGES_KINDS_PLOT_H

#include "stages/kinds/shared.h"

extern const char *const spread_choices[], *const legend_choices[];

#define PARAM_AVERAGE                                                                                                  \
    {                                                                                                                  \
        .name = "average_over", .type = PARAM_STRING, .fallback = "\"\"",                                              \
        .doc = "A label, such as seed, over whose values means are taken; empty: none."                                \
    }

#define PARAM_SPREAD                                                                                                   \
    {                                                                                                                  \
        .name = "spread", .type = PARAM_CHOICE, .choices = spread_choices, .fallback = "\"std\"",                      \
        .doc = "What stands beside a mean: the sample standard deviation, the smallest and largest value, or nothing." \
    }

#endif
