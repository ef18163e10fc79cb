#include "stages/kinds/shared.h"

/* 0 everywhere: not given. */
static const struct param processor_members[] = {
    TEXT("name", NULL, "One of the table, whose figures given here stand instead, or a new one."),
    NUMBER("cores", NULL, 0, 1e9, "0", "Cores, or lanes of an accelerator."),
    NUMBER("ghz", "GHz", 0, 100, "0", "Clock."),
    NUMBER("flop_per_clock", "FLOP", 0, 1e9, "0", "Single-precision operations of a core and clock."),
    NUMBER("tdp_w", "W", 0, 1e7, "0", "Power at its peak."),
    NUMBER("int8_tops", "TOPS", 0, 1e9, "0", "Peak of 8-bit operations, for a device without floating point."),
    NUMBER("kappa_f", "F", 0, 1, "0",
           "Effective switched capacitance of metric (1); 0: the one whose power is tdp_w, with which (1) equals (0)."),
    NUMBER("convolution_a_j", "J", 0, 1, "0",
           "Metric (2): a of a convolution's MAC, divided by the layer's input features."),
    NUMBER("convolution_b_j", "J", 0, 1, "0", "Metric (2): b of a convolution's MAC."),
    NUMBER("memory_j_per_byte", "J", 0, 1, "0", "Energy of a byte moved, for the memory term of Eq. 1."),
    TEXT("source", "\"\"", "Where the figures are from."),
};
static const struct param processor_element = OBJECT("processor", processor_members, NULL, NULL);

static const struct param params[] = {
    NUMBER("flops", "FLOP", 0, 1e21, "0", "Operations of an inference; 0: the profile's sum over a slot."),
    LIST("processors", processor_element, 0, 256, "[]", "Processors beside, or instead of, those of the table."),
    LIST("only", label_element, 0, 256, "[]", "Names of the processors to show, in this order; empty: all."),
    TEXT("breakdown", "\"Coral Edge TPU\"", "Processor of the tables by layer and block (the paper's Figure 2)."),
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
    KIND_PARAMS(params),
    KIND_INPUTS(inputs),
    KIND_OUTS(outs),
    KIND_METRICS(metrics),
};
