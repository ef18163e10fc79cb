#include "stages/kinds/plot.h"

static const struct param any_number = {.name = "value", .type = PARAM_NUMBER};
static const struct param reference_members[] = {
    {.name = "row", .type = PARAM_OBJECT, .doc = "Labels and values that the row must have, such as {\"alpha\": 0.1}."},
    {.name = "values",
     .type = PARAM_MAP,
     .members = &any_number,
     .member_count = 1,
     .doc = "Published values by column, such as {\"gm_ber\": -0.445}."},
};
static const struct param reference_element = {.name = "reference",
                                               .type = PARAM_OBJECT,
                                               .members = reference_members,
                                               .member_count = COUNT_OF(reference_members)};

static const struct param params[] = {
    {.name = "columns",
     .type = PARAM_LIST,
     .members = &label_element,
     .member_count = 1,
     .min_items = 1,
     .max_items = 32,
     .doc = "Columns or metrics to show."},
    {.name = "rows",
     .type = PARAM_LIST,
     .members = &label_element,
     .member_count = 1,
     .max_items = 16,
     .fallback = "[]",
     .doc = "Labels that name a row; empty: every label but average_over."},
    PARAM_AVERAGE,
    PARAM_SPREAD,
    {.name = "title", .type = PARAM_STRING, .fallback = "\"\"", .doc = "Heading above the table."},
    {.name = "digits",
     .type = PARAM_INTEGER,
     .min = 1,
     .max = 17,
     .fallback = "4",
     .doc = "Significant digits of the Markdown table; CSV and JSON hold all."},
    {.name = "reference",
     .type = PARAM_LIST,
     .members = &reference_element,
     .member_count = 1,
     .max_items = 256,
     .fallback = "[]",
     .doc = "Published values beside ours; one that no row of ours has becomes a row of its own."},
    {.name = "reference_title", .type = PARAM_STRING, .fallback = "\"paper\"", .doc = "Who published the values."},
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
    .params = params,
    .param_count = COUNT_OF(params),
    .inputs = inputs,
    .input_count = COUNT_OF(inputs),
    .outs = outs,
    .out_count = COUNT_OF(outs),
};
