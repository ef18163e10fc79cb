#include "stages/kinds/shared.h"

static const char *const receiver_choices[] = {"awgn", "rayleigh", "ls", "lmmse", "genie", NULL};

static const struct param params[] = {
    CHOICE("receiver", receiver_choices, NULL,
           "`ls`, `lmmse`, `genie`: that receiver on the simulated link; `awgn`, `rayleigh`: a flat channel known to "
           "the receiver, with maximum-ratio combining."),
    BOOLEAN("simulate", "false",
            "Draws the flat channels of `awgn` and `rayleigh` and counts errors, instead of their closed form."),
    INTEGER("branches", NULL, 1, 8, "1",
            "Receive branches of `awgn` and `rayleigh`; the grid is the SNR per branch before combining."),
    INTEGER("slots", "slots", 1, 1e7, "40", "Slots simulated per point."),
    PARAM_SEED("2", "Seed of the slots; `deeprx/evaluate` with the same seed and link sees the same slots."),
    PARAM_DEMAPPER,
    PARAM_SINR_GRID,
    PARAM_LINK,
};

static const struct kind_out outs[] = {
    {"curve", "curve.csv", "file", "The curve: curve, sinr_db, bits, errors, ber."},
    {"json", "curve.json", "file", "The same as JSON."},
    {"metrics", "metrics.json", "metrics", "The metrics."},
};

static const struct kind_metric metrics[] = {
    {"gm_ber", NULL,
     "Mean over the grid of log10 of the bit error rate, max(errors, 1/2) / bits where it was counted."},
    {"floored", "points", "Points of the grid without a single error."},
    {"sinr_db_at_1e-3", "dB",
     "SINR at which the curve first falls to a bit error rate of 1e-3; absent when it never does."},
};

static const char *const linear[] = {"slots", NULL};

const struct kind kind_link_baseline = {
    .name = "link/baseline",
    .version = 1,
    .summary = "bit error rate of a classical receiver, in closed form or simulated",
    .doc = "The curves that a neural receiver is to be compared with. In closed form: Gray QAM over AWGN, and over "
           "Rayleigh fading with maximum-ratio combining of independent branches. Simulated: least squares with linear "
           "interpolation, linear MMSE with known statistics, and a genie that knows the channel, on slots of the "
           "link. ICI, and ISI beyond the cyclic prefix, are not modelled.",
    KIND_PARAMS(params),
    KIND_OUTS(outs),
    KIND_METRICS(metrics),
    .work_linear = linear,
    .tolerance = 0.01,
};
