#include "stages/kinds/shared.h"

static const struct param params[] = {
    PARAM_FEATURES,
    PARAM_LINK,
    INTEGER("slots", "slots", 1, 4e9, "1000", "Slots in all or, with a grid, of each of its points."),
    PARAM_SEED("1", "Seed of the slots."),
    ASCENDING(
        "sinr_db", sinr_element, "dB", 0, 200, "[]",
        "Empty: the training slots 0 to N-1, each with an SNR of its own from the link's range. A grid: the slots on "
        "which `deeprx/evaluate` counts, point after point; with interference, SIR and SNR are both SINR + 3.01 dB."),
};

static const struct kind_out outs[] = {
    {"x", "x.npy", "file", "Network input: f32 [slots, 14, subcarriers, channels]."},
    {"label", "label.npy", "file", "Sent bits, 0 or 1: u8 [slots, 14, subcarriers, bits]; 0 on pilot symbols."},
    {"mask", "mask.npy", "file", "1 on data elements, 0 on pilot symbols: u8 [14, subcarriers], for every slot."},
    {"snr_db", "snr_db.npy", "file", "SNR of each slot: f32 [slots]."},
    {"sir_db", "sir_db.npy", "file",
     "Signal-to-interference ratio of each slot: f32 [slots]; infinite without interference."},
    {"metrics", "metrics.json", "metrics", "The metrics."},
};

static const struct kind_metric metrics[] = {
    {"slots", "slots", "Slots written."},
    {"channels", NULL, "Channels of the network input."},
    {"labels", NULL, "Labels of all slots that the mask does not leave out."},
};

static const char *const linear[] = {"slots", NULL};

const struct kind kind_link_dataset = {
    .name = "link/dataset",
    .version = 1,
    .summary = "slots of a link as .npy arrays, for other programs",
    .doc = "Writes what a network would read and should answer: features, sent bits, the mask of data elements, and "
           "each slot's SNR. Without a grid these are the very slots that `deeprx/train` with the same link, seed and "
           "`train_slots` learns from; with a grid those on which `deeprx/evaluate` with the same link, seed, slots "
           "and grid counts errors. Arrays are NumPy's .npy, format 1.0, in C order, channels last.",
    KIND_PARAMS(params),
    KIND_OUTS(outs),
    KIND_METRICS(metrics),
    .work_linear = linear,
    .tolerance = 0.01,
};
