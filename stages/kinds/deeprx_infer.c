#include "stages/kinds/shared.h"

static const struct kind_input inputs[] = {
    {"model", true, false, "safetensors", "The network, as deeprx/train wrote it."},
    {"x", true, false, "npy", "Network input: f32 [slots, 14, subcarriers, channels], as link/dataset writes it."},
};

static const struct kind_out outs[] = {
    {"llr", "llr.npy", "file",
     "Logits, ln P(1)/P(0): f32 [slots, 14, subcarriers, bits]; those on pilot symbols mean nothing."},
    {"metrics", "metrics.json", "metrics", "The metrics."},
};

static const struct kind_metric metrics[] = {
    {"slots", "slots", "Slots read."},
    {"flops", "FLOP", "Of all slots: 2 MAC of every convolution."},
};

const struct kind kind_deeprx_infer = {
    .name = "deeprx/infer",
    .version = 1,
    .summary = "log-likelihood ratios of a trained receiver for given input",
    .doc = "Runs a model in evaluation mode on slots that another program, or link/dataset, has written. The input "
           "must have the model's subcarriers and channels, and hold finite numbers only.",
    KIND_INPUTS(inputs),
    KIND_OUTS(outs),
    KIND_METRICS(metrics),
    .work = "flops",
    .tolerance = 0.01,
};
