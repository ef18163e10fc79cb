/* Parameters that plots, tables and gains share. */
#ifndef RETORT_STAGES_KINDS_PLOT_H
#define RETORT_STAGES_KINDS_PLOT_H

#include "stages/kinds/shared.h"

extern const char *const spread_choices[], *const legend_choices[];
extern const struct param bound_element;

#define PARAM_AVERAGE                                                                                                  \
    TEXT("average_over", "\"\"", "A label, such as seed, over whose values means are taken; empty: none.")

#define PARAM_SPREAD                                                                                                   \
    CHOICE("spread", spread_choices, "\"std\"",                                                                        \
           "What stands beside a mean: the sample standard deviation, the smallest and largest value, or nothing.")

#define PARAM_TITLE TEXT("title", "\"\"", "Title above the picture.")

#define PARAM_AXIS_LABEL(axis)                                                                                         \
    TEXT(axis "_label", "\"\"", "Text of the " axis " axis, with its unit; empty: the name of " axis ".")

#define PARAM_LOGARITHMIC(axis) BOOLEAN(axis "_log", "false", "Logarithmic " axis " axis.")

#define PARAM_BOUNDS(axis, sentence) ASCENDING(axis "_range", bound_element, NULL, 0, 2, "[]", sentence)

#define PARAM_LEGEND CHOICE("legend", legend_choices, "\"outside\"", "Where the legend stands.")

#define PARAM_REFERENCE(element, sentence) LIST("reference", element, 0, 16, "[]", sentence)

/* A kind's check of a PARAM_BOUNDS: none or two numbers, and above 0 where `log_name` is true. */
void plot_range_check(const cJSON *with, const char *range_name, const char *log_name, struct kind_checker *c);

#endif
