#include "stages/kinds/plot.h"

static const struct param bound_element = {.name = "bound", .type = PARAM_NUMBER};
static const struct param reference_value = {.name = "value", .type = PARAM_NUMBER};
static const struct param reference_members[] = {
    {.name = "label", .type = PARAM_STRING, .doc = "Its name in the legend."},
    {.name = "values",
     .type = PARAM_MAP,
     .members = &reference_value,
     .member_count = 1,
     .min_items = 1,
     .max_items = 1000,
     .doc = "Its values by category, such as {\"11\": -1.9}; one that no row has becomes a category of its own."},
};
static const struct param reference_element = {.name = "reference",
                                               .type = PARAM_OBJECT,
                                               .members = reference_members,
                                               .member_count = COUNT_OF(reference_members)};

static const struct param params[] = {
    {.name = "x",
     .type = PARAM_STRING,
     .doc = "Column, metric or label that makes the categories: numbers in their order, texts as they come."},
    {.name = "y", .type = PARAM_STRING, .doc = "Column, metric or label that is the height of a bar."},
    {.name = "series",
     .type = PARAM_LIST,
     .members = &label_element,
     .member_count = 1,
     .max_items = 16,
     .fallback = "[]",
     .doc = "Labels that tell the bars of a group apart; empty: every label that differs within a group, but "
            "average_over."},
    PARAM_AVERAGE,
    PARAM_SPREAD,
    {.name = "title", .type = PARAM_STRING, .fallback = "\"\"", .doc = "Title above the picture."},
    {.name = "x_label",
     .type = PARAM_STRING,
     .fallback = "\"\"",
     .doc = "Text of the x axis, with its unit; empty: the name of x."},
    {.name = "y_label",
     .type = PARAM_STRING,
     .fallback = "\"\"",
     .doc = "Text of the y axis, with its unit; empty: the name of y."},
    {.name = "y_log", .type = PARAM_BOOLEAN, .fallback = "false", .doc = "Logarithmic y axis."},
    {.name = "y_range",
     .type = PARAM_LIST,
     .members = &bound_element,
     .member_count = 1,
     .max_items = 2,
     .ascending = true,
     .fallback = "[]",
     .doc = "Smallest and largest y shown; empty: as the data needs, with 0 on an axis that is not logarithmic."},
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
     .doc = "Published values beside ours, hollow."},
};

static const struct kind_input inputs[] = {
    {"values", true, true, "csv, json or metrics",
     "Tables with a header, JSON rows, or metrics; each row carries its file's labels."},
};

static const struct kind_out outs[] = {
    {"svg", "plot.svg", "file", "The picture."},
    {"data", "data.csv", "file", "The bars as drawn: series, x, y, low, high, count, reference."},
};

static void range_check(const cJSON *with, struct kind_checker *c) {
    const cJSON *range = cJSON_GetObjectItemCaseSensitive(with, "y_range");
    const cJSON *first = range ? range->child : NULL;
    if (!cJSON_IsArray(range) || !first || checker_open(c, range))
        return;
    if (!first->next)
        checker_fault(c, range, false,
                      "\"y_range\" has one number; allowed is [smallest, largest], or [] for what the data need");
    else if (cJSON_IsNumber(first) && first->valuedouble <= 0 &&
             cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(with, "y_log")))
        checker_fault(c, range, false, "\"y_range\" starts at %g; a logarithmic axis must start above 0",
                      first->valuedouble);
}

const struct kind kind_plot_bars = {
    .name = "plot/bars",
    .version = 1,
    .summary = "draws values as groups of bars, with published values beside them",
    .doc =
        "Reads every row of its inputs, adds the labels of the file that it came from, and draws a group of bars for "
        "each value of x, one bar for each combination of the series labels. Means have their spread as a line upon "
        "the bar. The numbers drawn are an out of their own.",
    .params = params,
    .param_count = COUNT_OF(params),
    .inputs = inputs,
    .input_count = COUNT_OF(inputs),
    .outs = outs,
    .out_count = COUNT_OF(outs),
    .check = range_check,
};
