#include "stages/kinds/shared.h"

static const struct param params[] = {
    NUMBER("training_j", "J", 0, 1e21, "0", "Energy of the training; 0: the sum over the input `training`."),
    NUMBER("inference_j", "J", 0, 1e12, "0", "Energy of one inference; 0: the mean over the input `inference`."),
    TEXT("training_column", "\"joules\"", "Column or metric of `training` to sum."),
    TEXT("inference_column", "\"joules_per_inference\"",
         "Column or metric of `inference` to average; rows without it are passed over."),
    TEXT("processor", "\"\"",
         "Empty: the columns hold joules. A processor of the table (`retort energy --processors`): they hold FLOP, "
         "such as `training_flops` and `flops` of `deeprx/train`, and metric (0) of it gives the joules."),
    TEXT("label", "\"this study\"", "Name of our own case in the tables."),
    TEXT("basis", "\"\"",
         "How our joules are known, such as \"training modelled, inference measured\"; stands beside them."),
    NUMBER("inferences_per_s", "1/s", 1e-9, 1e12, "400", "Inferences a second in use."),
    BOOLEAN("paper", "true", "Adds the paper's figures and what follows from them."),
    INTEGER("decades", NULL, 1, 15, "12", "The curves run from 1 to 10^decades inferences, four points a decade."),
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
    .doc = "E_training / n falls as 1/n; it meets the energy of one inference at n = E_training / E_inference. From "
           "our own joules, and from the paper's figures, whose printed results do not agree with each other: every "
           "reading is a line of the table, with what it would take to hold.",
    KIND_PARAMS(params),
    KIND_INPUTS(inputs),
    KIND_OUTS(outs),
    KIND_METRICS(metrics),
};
