#include "stages/kinds/shared.h"

/* 0 everywhere: not given. */
static const struct param processor_members[] = {
    {.name = "name",
     .type = PARAM_STRING,
     .doc = "One of the table, whose figures given here stand instead, or a new one."},
    {.name = "cores",
     .type = PARAM_NUMBER,
     .min = 0,
     .max = 1e9,
     .fallback = "0",
     .doc = "Cores, or lanes of an accelerator."},
    {.name = "ghz", .type = PARAM_NUMBER, .unit = "GHz", .min = 0, .max = 100, .fallback = "0", .doc = "Clock."},
    {.name = "flop_per_clock",
     .type = PARAM_NUMBER,
     .unit = "FLOP",
     .min = 0,
     .max = 1e9,
     .fallback = "0",
     .doc = "Single-precision operations of a core and clock."},
    {.name = "tdp_w",
     .type = PARAM_NUMBER,
     .unit = "W",
     .min = 0,
     .max = 1e7,
     .fallback = "0",
     .doc = "Power at its peak."},
    {.name = "int8_tops",
     .type = PARAM_NUMBER,
     .unit = "TOPS",
     .min = 0,
     .max = 1e9,
     .fallback = "0",
     .doc = "Peak of 8-bit operations, for a device without floating point."},
    {.name = "kappa_f",
     .type = PARAM_NUMBER,
     .unit = "F",
     .min = 0,
     .max = 1,
     .fallback = "0",
     .doc =
         "Effective switched capacitance of metric (1); 0: the one whose power is tdp_w, with which (1) equals (0)."},
    {.name = "convolution_a_j",
     .type = PARAM_NUMBER,
     .unit = "J",
     .min = 0,
     .max = 1,
     .fallback = "0",
     .doc = "Metric (2): a of a convolution's MAC, divided by the layer's input features."},
    {.name = "convolution_b_j",
     .type = PARAM_NUMBER,
     .unit = "J",
     .min = 0,
     .max = 1,
     .fallback = "0",
     .doc = "Metric (2): b of a convolution's MAC."},
    {.name = "memory_j_per_byte",
     .type = PARAM_NUMBER,
     .unit = "J",
     .min = 0,
     .max = 1,
     .fallback = "0",
     .doc = "Energy of a byte moved, for the memory term of Eq. 1."},
    {.name = "source", .type = PARAM_STRING, .fallback = "\"\"", .doc = "Where the figures are from."},
};
static const struct param processor_element = {.name = "processor",
                                               .type = PARAM_OBJECT,
                                               .members = processor_members,
                                               .member_count = COUNT_OF(processor_members)};

static const struct param params[] = {
    {.name = "flops",
     .type = PARAM_NUMBER,
     .unit = "FLOP",
     .min = 0,
     .max = 1e21,
     .fallback = "0",
     .doc = "Operations of an inference; 0: the profile's sum over a slot."},
    {.name = "processors",
     .type = PARAM_LIST,
     .members = &processor_element,
     .member_count = 1,
     .max_items = 256,
     .fallback = "[]",
     .doc = "Processors beside, or instead of, those of the table."},
    {.name = "only",
     .type = PARAM_LIST,
     .members = &label_element,
     .member_count = 1,
     .max_items = 256,
     .fallback = "[]",
     .doc = "Names of the processors to show, in this order; empty: all."},
    {.name = "breakdown",
     .type = PARAM_STRING,
     .fallback = "\"Coral Edge TPU\"",
     .doc = "Processor of the tables by layer and block (the paper's Figure 2)."},
};

static const struct kind_input inputs[] = {
    {"profile", false, false, "json", "`deeprx/profile`'s json: operations, weights and bytes moved, layer by layer."},
};

static const struct kind_out outs[] = {
    {"csv", "estimate.csv", "file",
     "A line a processor and metric: processor, curve, computation_j, memory_j, joules, covers, flops_per_s, power_w, "
     "note."},
    {"json", "estimate.json", "file", "The same as JSON."},
    {"layers", "layers.csv", "file",
     "A line a layer on `breakdown`: layer, block, flops, computation_j, memory_j, share."},
    {"blocks", "blocks.csv", "file", "A line a block on `breakdown`: block, flops, computation_j, memory_j, share."},
    {"metrics", "metrics.json", "metrics", "The metrics."},
};

static const struct kind_metric metrics[] = {
    {"flops_per_inference", "FLOP", "Operations of an inference."},
    {"bytes_per_inference", "B", "Weights and activations read and written, from the profile; absent without one."},
    {"breakdown_j", "J", "Computation energy of an inference on `breakdown` by metric (0)."},
};

const struct kind kind_energy_estimate = {
    .name = "energy/estimate",
    .version = 1,
    .summary = "energy of an inference on a table of processors, by metrics (0), (1) and (2)",
    .doc = "Estimates, never measured: joules from operation counts and data-sheet figures (Table I of the paper). "
           "Computation and memory stand apart (Eq. 1); the memory term is the bytes of weights and activations, each "
           "moved once, times the processor's energy a byte, and is left empty where that is not given. Metric (2) "
           "needs coefficients that the paper does not give. A device without floating point is counted by its 8-bit "
           "operations.",
    .params = params,
    .param_count = COUNT_OF(params),
    .inputs = inputs,
    .input_count = COUNT_OF(inputs),
    .outs = outs,
    .out_count = COUNT_OF(outs),
    .metrics = metrics,
    .metric_count = COUNT_OF(metrics),
};
