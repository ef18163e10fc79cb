#include "stages/kinds/plot.h"

const char *const spread_choices[] = {"std", "range", "none", NULL};
const char *const legend_choices[] = {"outside", "top right", "top left", "bottom right", "bottom left", "none", NULL};
static const char *const style_choices[] = {"lines", "points", NULL};

static const struct param point_coordinate = {.name = "coordinate", .type = PARAM_NUMBER};
static const struct param point_element = {.name = "point",
                                           .type = PARAM_LIST,
                                           .members = &point_coordinate,
                                           .member_count = 1,
                                           .min_items = 2,
                                           .max_items = 2};
static const struct param reference_members[] = {
    {.name = "label", .type = PARAM_STRING, .doc = "Its name in the legend."},
    {.name = "points",
     .type = PARAM_LIST,
     .members = &point_element,
     .member_count = 1,
     .min_items = 1,
     .max_items = 1000,
     .doc = "Its points as [x, y]."},
};
static const struct param reference_element = {.name = "reference",
                                               .type = PARAM_OBJECT,
                                               .members = reference_members,
                                               .member_count = COUNT_OF(reference_members)};
static const struct param bound_element = {.name = "bound", .type = PARAM_NUMBER};

#define PARAM_BOUNDS(axis)                                                                                             \
    {                                                                                                                  \
        .name = axis "_range", .type = PARAM_LIST, .members = &bound_element, .member_count = 1, .max_items = 2,       \
        .ascending = true, .fallback = "[]", .doc = "Smallest and largest " axis " shown; empty: as the data needs."   \
    }

static const struct param params[] = {
    {.name = "x",
     .type = PARAM_STRING,
     .doc = "Column, metric or label on the x axis; one that is text makes categories."},
    {.name = "y", .type = PARAM_STRING, .doc = "Column, metric or label on the y axis."},
    {.name = "series",
     .type = PARAM_LIST,
     .members = &label_element,
     .member_count = 1,
     .max_items = 16,
     .fallback = "[]",
     .doc = "Labels that tell one line from another; empty: every label that differs, but x and average_over."},
    PARAM_AVERAGE,
    PARAM_SPREAD,
    {.name = "style",
     .type = PARAM_CHOICE,
     .choices = style_choices,
     .fallback = "\"lines\"",
     .doc = "How values are drawn."},
    {.name = "title", .type = PARAM_STRING, .fallback = "\"\"", .doc = "Title above the picture."},
    {.name = "x_label",
     .type = PARAM_STRING,
     .fallback = "\"\"",
     .doc = "Text of the x axis, with its unit; empty: the name of x."},
    {.name = "y_label",
     .type = PARAM_STRING,
     .fallback = "\"\"",
     .doc = "Text of the y axis, with its unit; empty: the name of y."},
    {.name = "x_log", .type = PARAM_BOOLEAN, .fallback = "false", .doc = "Logarithmic x axis."},
    {.name = "y_log", .type = PARAM_BOOLEAN, .fallback = "false", .doc = "Logarithmic y axis."},
    PARAM_BOUNDS("x"),
    PARAM_BOUNDS("y"),
    {.name = "legend",
     .type = PARAM_CHOICE,
     .choices = legend_choices,
     .fallback = "\"outside\"",
     .doc = "Where the legend stands."},
    {.name = "reference",
     .type = PARAM_LIST,
     .members = &reference_element,
     .member_count = 1,
     .max_items = 16,
     .fallback = "[]",
     .doc = "Published values drawn beside ours, hollow and dashed."},
};

static const struct kind_input inputs[] = {
    {"curves", true, true, "csv, json or metrics",
     "Tables with a header, JSON curves, or metrics; each row carries its file's labels."},
};

static const struct kind_out outs[] = {
    {"svg", "plot.svg", "file", "The picture."},
    {"data", "data.csv", "file", "The points as drawn: series, x, y, low, high, count, reference."},
};

static void range_check(const cJSON *with, const char *name, const char *log, struct kind_checker *c) {
    const cJSON *range = cJSON_GetObjectItemCaseSensitive(with, name);
    const cJSON *first = range ? range->child : NULL;
    if (!cJSON_IsArray(range) || !first || checker_open(c, range))
        return;
    if (!first->next)
        checker_fault(c, range, false,
                      "\"%s\" has one number; allowed is [smallest, largest], or [] for what the data need", name);
    else if (cJSON_IsNumber(first) && first->valuedouble <= 0 &&
             cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(with, log)))
        checker_fault(c, range, false, "\"%s\" starts at %g; a logarithmic axis must start above 0", name,
                      first->valuedouble);
}

static void ranges_check(const cJSON *with, struct kind_checker *c) {
    range_check(with, "x_range", "x_log", c);
    range_check(with, "y_range", "y_log", c);
}

const struct kind kind_plot_lines = {
    .name = "plot/lines",
    .version = 1,
    .summary = "draws curves or metrics over a sweep, with published values beside them",
    .doc = "Reads every row of its inputs, adds the labels of the file that it came from, and draws y over x, one line "
           "for each combination of the series labels. The numbers drawn are an out of their own. On a logarithmic "
           "axis, values that are not positive are left out of the picture and stay in the data.",
    .params = params,
    .param_count = COUNT_OF(params),
    .inputs = inputs,
    .input_count = COUNT_OF(inputs),
    .outs = outs,
    .out_count = COUNT_OF(outs),
    .check = ranges_check,
};
