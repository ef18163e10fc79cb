/* Parameters that plots, tables and gains share. */
#ifndef RETORT_STAGES_KINDS_PLOT_H
#define RETORT_STAGES_KINDS_PLOT_H

#include "stages/kinds/shared.h"

extern const char *const spread_choices[], *const legend_choices[];
extern const struct param bound_element;

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

#define PARAM_TITLE                                                                                                    \
    { .name = "title", .type = PARAM_STRING, .fallback = "\"\"", .doc = "Title above the picture." }

#define PARAM_AXIS_LABEL(axis)                                                                                         \
    {                                                                                                                  \
        .name = axis "_label", .type = PARAM_STRING, .fallback = "\"\"",                                               \
        .doc = "Text of the " axis " axis, with its unit; empty: the name of " axis "."                                \
    }

#define PARAM_LOGARITHMIC(axis)                                                                                        \
    { .name = axis "_log", .type = PARAM_BOOLEAN, .fallback = "false", .doc = "Logarithmic " axis " axis." }

#define PARAM_BOUNDS(axis, sentence)                                                                                   \
    {                                                                                                                  \
        .name = axis "_range", .type = PARAM_LIST, .members = &bound_element, .member_count = 1, .max_items = 2,       \
        .ascending = true, .fallback = "[]", .doc = sentence                                                           \
    }

#define PARAM_LEGEND                                                                                                   \
    {                                                                                                                  \
        .name = "legend", .type = PARAM_CHOICE, .choices = legend_choices, .fallback = "\"outside\"",                  \
        .doc = "Where the legend stands."                                                                              \
    }

#define PARAM_REFERENCE(element, sentence)                                                                             \
    {                                                                                                                  \
        .name = "reference", .type = PARAM_LIST, .members = &(element), .member_count = 1, .max_items = 16,            \
        .fallback = "[]", .doc = sentence                                                                              \
    }

/* A kind's check of a PARAM_BOUNDS: none or two numbers, and above 0 where `log_name` is true. */
void plot_range_check(const cJSON *with, const char *range_name, const char *log_name, struct kind_checker *c);

#endif
