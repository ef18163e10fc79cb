#include "stages/kinds/plot.h"

static const char *const style_choices[] = {"lines", "points", NULL};

static const struct param point_coordinate = {.name = "coordinate", .type = PARAM_NUMBER};
static const struct param point_element = LIST("point", point_coordinate, 2, 2, NULL, NULL);
static const struct param reference_members[] = {
    TEXT("label", NULL, "Its name in the legend."),
    LIST("points", point_element, 1, 1000, NULL, "Its points as [x, y]."),
};
static const struct param reference_element = OBJECT("reference", reference_members, NULL, NULL);

static const struct param params[] = {
    TEXT("x", NULL, "Column, metric or label on the x axis; one that is text makes categories."),
    TEXT("y", NULL, "Column, metric or label on the y axis."),
    LIST("series", label_element, 0, 16, "[]",
         "Labels that tell one line from another; empty: every label that differs, but x and average_over."),
    PARAM_AVERAGE,
    PARAM_SPREAD,
    CHOICE("style", style_choices, "\"lines\"", "How values are drawn."),
    PARAM_TITLE,
    PARAM_AXIS_LABEL("x"),
    PARAM_AXIS_LABEL("y"),
    PARAM_LOGARITHMIC("x"),
    PARAM_LOGARITHMIC("y"),
    PARAM_BOUNDS("x", "Smallest and largest x shown; empty: as the data needs."),
    PARAM_BOUNDS("y", "Smallest and largest y shown; empty: as the data needs."),
    PARAM_LEGEND,
    PARAM_REFERENCE(reference_element, "Published values drawn beside ours, hollow and dashed."),
};

static const struct kind_input inputs[] = {
    {"curves", true, true, "csv, json or metrics",
     "Tables with a header, JSON curves, or metrics; each row carries its file's labels."},
};

static const struct kind_out outs[] = {
    {"svg", "plot.svg", "file", "The picture."},
    {"data", "data.csv", "file",
     "The points as drawn: series, x, y, low, high, count, reference. low and high are empty where there is no "
     "spread."},
};

static void ranges_check(const cJSON *with, struct kind_checker *c) {
    plot_range_check(with, "x_range", "x_log", c);
    plot_range_check(with, "y_range", "y_log", c);
}

const struct kind kind_plot_lines = {
    .name = "plot/lines",
    .version = 2,
    .summary = "draws curves or metrics over a sweep, with published values beside them",
    .doc = "Reads every row of its inputs, adds the labels of the file that it came from, and draws y over x, one line "
           "for each combination of the series labels. The numbers drawn are an out of their own. A value that is "
           "NaN or infinite, or not positive on a logarithmic axis, leaves a gap. The picture says how many were left "
           "out, and they stay in the data. On a logarithmic axis, an error bar that reaches below zero has no lower "
           "end.",
    KIND_PARAMS(params),
    KIND_INPUTS(inputs),
    KIND_OUTS(outs),
    .check = ranges_check,
};
