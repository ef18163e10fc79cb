#include "stages/kinds/plot.h"

static const struct param reference_value = {.name = "value", .type = PARAM_NUMBER};
static const struct param reference_members[] = {
    TEXT("label", NULL, "Its name in the legend."),
    MAP("values", reference_value, 1, 1000, NULL,
        "Its values by category, such as {\"11\": -1.9}; one that no row has becomes a category of its own."),
};
static const struct param reference_element = OBJECT("reference", reference_members, NULL, NULL);

static const struct param params[] = {
    TEXT("x", NULL, "Column, metric or label that makes the categories: numbers in their order, texts as they come."),
    TEXT("y", NULL, "Column, metric or label that is the height of a bar."),
    LIST("series", label_element, 0, 16, "[]",
         "Labels that tell the bars of a group apart; empty: every label that differs within a group, but "
         "average_over."),
    PARAM_AVERAGE,
    PARAM_SPREAD,
    PARAM_TITLE,
    PARAM_AXIS_LABEL("x"),
    PARAM_AXIS_LABEL("y"),
    PARAM_LOGARITHMIC("y"),
    PARAM_BOUNDS("y",
                 "Smallest and largest y shown; empty: as the data needs, with 0 on an axis that is not logarithmic."),
    PARAM_LEGEND,
    PARAM_REFERENCE(reference_element, "Published values beside ours, hollow."),
};

static const struct kind_input inputs[] = {
    {"values", true, true, "csv, json or metrics",
     "Tables with a header, JSON rows, or metrics; each row carries its file's labels."},
};

static const struct kind_out outs[] = {
    {"svg", "plot.svg", "file", "The picture."},
    {"data", "data.csv", "file",
     "The bars as drawn: series, x, y, low, high, count, reference. low and high are empty where there is no "
     "spread."},
};

static void check(const cJSON *with, struct kind_checker *c) {
    plot_range_check(with, "y_range", "y_log", c);
}

const struct kind kind_plot_bars = {
    .name = "plot/bars",
    .version = 3,
    .summary = "draws values as groups of bars, with published values beside them",
    .doc = "Reads every row of its inputs, adds the labels of the file that it came from, and draws a group of bars "
           "for each value of x, one bar for each combination of the series labels. Means have their spread as a line "
           "upon the bar. The numbers drawn are an out of their own. A value that is NaN or infinite, or not positive "
           "on a logarithmic axis, is left out, and the picture says how many were. There, an error bar that reaches "
           "below zero has no lower end.",
    KIND_PARAMS(params),
    KIND_INPUTS(inputs),
    KIND_OUTS(outs),
    .check = check,
};
