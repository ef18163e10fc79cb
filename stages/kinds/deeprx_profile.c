#include "stages/kinds/shared.h"

static const struct param params[] = {
    PARAMS_NETWORK("30"),
    PARAM_FEATURES,
    PARAM_LINK,
};

static const struct kind_out outs[] = {
    {"profile", "profile.csv", "file", "A line a layer: layer, block, parameters, macs_element, flops_slot, share."},
    {"blocks", "blocks.csv", "file", "A line a block: block, parameters, macs_element, flops_slot, share."},
    {"json", "profile.json", "file", "Both as JSON."},
    {"metrics", "metrics.json", "metrics", "The metrics."},
};

static const struct kind_metric metrics[] = {
    {"parameters", NULL, "Trainable parameters."},
    {"macs_per_element", "MAC", "Multiply-accumulates of every convolution per resource element, padded taps counted."},
    {"flops_per_slot", "FLOP", "2 MAC over all elements of a slot."},
    {"statistics", NULL, "Running means and variances, which are not trained."},
};

const struct kind kind_deeprx_profile = {
    .name = "deeprx/profile",
    .version = 1,
    .summary = "parameters, MACs and FLOPs of a DeepRx network, by block and layer",
    .doc = "Counts what one slot costs, layer by layer. FLOP = 2 MAC of every convolution, first, last and skips "
           "included; biases, normalisation, activations and additions are not counted.",
    KIND_PARAMS(params),
    KIND_OUTS(outs),
    KIND_METRICS(metrics),
    .check = network_check,
};
