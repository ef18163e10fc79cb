#include "stages/kinds/shared.h"

static const char *const receiver_choices[] = {"ls", "lmmse", "genie", NULL};
static const struct param receiver_element = {.name = "receiver", .type = PARAM_CHOICE, .choices = receiver_choices};

static const struct param params[] = {
    INTEGER("pilots", NULL, 0, 2, "0", "DMRS symbols of a slot in place of the link's; 0: as the link says."),
    INTEGER("slots", "slots", 1, 1e7, "40", "Slots per point of the grid."),
    PARAM_SEED("2", "Seed of the slots; other than the validation's, so that a chosen network is judged on new slots."),
    LIST("receivers", receiver_element, 0, 3, "[]", "Classical receivers that are given the same slots."),
    PARAM_DEMAPPER,
    PARAM_SINR_GRID,
    PARAM_LINK,
};

static const struct kind_input inputs[] = {
    {"model", true, false, "safetensors", "The network, as deeprx/train wrote it."},
};

static const struct kind_out outs[] = {
    {"ber", "ber.csv", "file", "The curves: curve (network, ls, lmmse, genie), sinr_db, bits, errors, ber."},
    {"json", "ber.json", "file", "The same as JSON."},
    {"metrics", "metrics.json", "metrics", "The metrics."},
};

static const struct kind_metric metrics[] = {
    {"gm_ber", NULL, "Mean over the grid of log10(max(errors, 1/2) / bits) of the network."},
    {"floored", "points", "Points of the grid at which the network makes no error."},
    {"sinr_db_at_1e-3", "dB",
     "SINR at which the network first falls to a bit error rate of 1e-3; absent when it never does."},
    {"ls_gm_ber", NULL, "gm_ber of the LS receiver, when asked for."},
    {"lmmse_gm_ber", NULL, "gm_ber of the LMMSE receiver, when asked for."},
    {"genie_gm_ber", NULL, "gm_ber of the receiver that knows the channel, when asked for."},
    {"ls_floored", "points", "Points at which the LS receiver makes no error, when asked for."},
    {"lmmse_floored", "points", "Points at which the LMMSE receiver makes no error, when asked for."},
    {"genie_floored", "points", "Points at which the genie makes no error, when asked for."},
    {"ls_sinr_db_at_1e-3", "dB", "As sinr_db_at_1e-3, of the LS receiver, when asked for and reached."},
    {"lmmse_sinr_db_at_1e-3", "dB", "As sinr_db_at_1e-3, of the LMMSE receiver, when asked for and reached."},
    {"genie_sinr_db_at_1e-3", "dB", "As sinr_db_at_1e-3, of the genie, when asked for and reached."},
};

static const char *const linear[] = {"slots", NULL};

const struct kind kind_deeprx_evaluate = {
    .name = "deeprx/evaluate",
    .version = 1,
    .summary = "bit error rate of a trained receiver over SINR, with classical receivers beside it",
    .doc = "Counts the bit errors of a model at each SINR of a grid, on slots that training never saw, and on request "
           "those of classical receivers on the very same slots. The link's constellation, antennas and subcarriers "
           "must be those of the model; pilots, channel and interference may differ.",
    KIND_PARAMS(params),
    KIND_INPUTS(inputs),
    KIND_OUTS(outs),
    KIND_METRICS(metrics),
    .work_linear = linear,
    .tolerance = 0.01,
};
