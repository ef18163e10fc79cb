#include "stages/kinds/plot.h"

static const struct param any_number = {.name = "value", .type = PARAM_NUMBER};
static const struct param reference_members[] = {
    {.name = "row", .type = PARAM_OBJECT, .doc = "Labels and values that the row must have, such as {\"alpha\": 0.1}."},
    MAP("values", any_number, 0, 0, NULL, "Published values by column, such as {\"gm_ber\": -0.445}."),
};
static const struct param reference_element = OBJECT("reference", reference_members, NULL, NULL);

static const struct param params[] = {
    LIST("columns", label_element, 1, 32, NULL, "Columns or metrics to show."),
    LIST("rows", label_element, 0, 16, "[]", "Labels that name a row; empty: every label but average_over."),
    PARAM_AVERAGE,
    PARAM_SPREAD,
    TEXT("title", "\"\"", "Heading above the table."),
    INTEGER("digits", NULL, 1, 17, "4", "Significant digits of the Markdown table; CSV and JSON hold all."),
    LIST("reference", reference_element, 0, 256, "[]",
         "Published values beside ours; one that no row of ours has becomes a row of its own."),
    TEXT("reference_title", "\"paper\"", "Who published the values."),
};

static const struct kind_input inputs[] = {
    {"metrics", true, true, "csv, json or metrics",
     "Tables with a header, JSON curves, or metrics; each row carries its file's labels."},
};

static const struct kind_out outs[] = {
    {"csv", "table.csv", "file", "The table with all digits."},
    {"markdown", "table.md", "file", "The table for people."},
    {"json", "table.json", "file", "The table for programs."},
};

const struct kind kind_plot_table = {
    .name = "plot/table",
    .version = 2,
    .summary = "a table of metrics over a sweep, with published values beside them",
    .doc =
        "Reads every row of its inputs, adds the labels of the file that it came from, and writes one row for each "
        "combination of the row labels, in the order in which they come, with means, spread and the number of values.",
    KIND_PARAMS(params),
    KIND_INPUTS(inputs),
    KIND_OUTS(outs),
};
