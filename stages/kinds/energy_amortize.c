#include "stages/kinds/shared.h"

static const struct param params[] = {
    {.name = "training_j",
     .type = PARAM_NUMBER,
     .unit = "J",
     .min = 0,
     .max = 1e21,
     .fallback = "0",
     .doc = "Energy of the training; 0: the sum over the input `training`."},
    {.name = "inference_j",
     .type = PARAM_NUMBER,
     .unit = "J",
     .min = 0,
     .max = 1e12,
     .fallback = "0",
     .doc = "Energy of one inference; 0: the mean over the input `inference`."},
    {.name = "training_column",
     .type = PARAM_STRING,
     .fallback = "\"joules\"",
     .doc = "Column or metric of `training` to sum."},
    {.name = "inference_column",
     .type = PARAM_STRING,
     .fallback = "\"joules_per_inference\"",
     .doc = "Column or metric of `inference` to average; rows without it are passed over."},
    {.name = "processor",
     .type = PARAM_STRING,
     .fallback = "\"\"",
     .doc = "Empty: the columns hold joules. A processor of the table (`retort energy --processors`): they hold FLOP, "
            "such as `training_flops` and `flops` of `deeprx/train`, and metric (0) of it gives the joules."},
    {.name = "label", .type = PARAM_STRING, .fallback = "\"this study\"", .doc = "Name of our own case in the tables."},
    {.name = "basis",
     .type = PARAM_STRING,
     .fallback = "\"\"",
     .doc = "How our joules are known, such as \"training modelled, inference measured\"; stands beside them."},
    {.name = "inferences_per_s",
     .type = PARAM_NUMBER,
     .unit = "1/s",
     .min = 1e-9,
     .max = 1e12,
     .fallback = "400",
     .doc = "Inferences a second in use."},
    {.name = "paper",
     .type = PARAM_BOOLEAN,
     .fallback = "true",
     .doc = "Adds the paper's figures and what follows from them."},
    {.name = "decades",
     .type = PARAM_INTEGER,
     .min = 1,
     .max = 15,
     .fallback = "12",
     .doc = "The curves run from 1 to 10^decades inferences, four points a decade."},
};

static const struct kind_input inputs[] = {
    {"training", false, true, "csv, json or metrics", "Joules of the training stages, or their FLOP."},
    {"inference", false, true, "csv, json or metrics",
     "Joules of an inference, such as `energy/inference`'s or `energy/estimate`'s, or its FLOP."},
};

static const struct kind_out outs[] = {
    {"csv", "amortize.csv", "file",
     "A line a case: case, training_j, inference_j, break_even_inferences, break_even_s, inferences_per_s, note. Empty "
     "where it is not known or does not apply."},
    {"json", "amortize.json", "file", "The same as JSON."},
    {"curves", "curves.csv", "file",
     "curve, inferences, joules: training energy an inference, and an inference's own."},
    {"metrics", "metrics.json", "metrics", "The metrics."},
};

static const struct kind_metric metrics[] = {
    {"break_even_inferences", NULL,
     "Inferences that take as much energy as the training did; absent without our own joules."},
    {"break_even_s", "s", "How long they take at the given rate."},
    {"training_j", "J", "Energy of the training, as given."},
    {"inference_j", "J", "Energy of an inference, as given."},
    {"paper_break_even_inferences", NULL, "The same from the paper's own step energy, steps and energy an inference."},
    {"paper_break_even_s", "s", "And how long they take at the paper's rate."},
};

const struct kind kind_energy_amortize = {
    .name = "energy/amortize",
    .version = 1,
    .summary = "training energy against inferences: break-even count and time",
    .doc =
        "E_training / n falls as 1/n; it meets the energy of one inference at n = E_training / E_inference. From our "
        "own joules, and from the paper's figures, whose printed results do not agree with each other: every reading "
        "is a line of the table, with what it would take to hold.",
    .params = params,
    .param_count = COUNT_OF(params),
    .inputs = inputs,
    .input_count = COUNT_OF(inputs),
    .outs = outs,
    .out_count = COUNT_OF(outs),
    .metrics = metrics,
    .metric_count = COUNT_OF(metrics),
};
