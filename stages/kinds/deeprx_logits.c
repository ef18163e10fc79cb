#include "stages/kinds/shared.h"

static const struct param params[] = {
    PARAM_LINK,
    INTEGER("slots", "slots", 0, 4e9, "0",
            "Training slots 0 to N-1; 0 writes an empty array, from which nothing is taken."),
    PARAM_SEED("1", "Seed of the training slots: that of the trainings which use the logits."),
};

static const struct kind_input inputs[] = {
    {"model", true, false, "safetensors", "The teacher, as deeprx/train wrote it."},
};

static const struct kind_out outs[] = {
    {"logits", "logits.npy", "file", "What the teacher says: f32 [slots, 14, subcarriers, bits]."},
    {"metrics", "metrics.json", "metrics", "The metrics."},
};

static const struct kind_metric metrics[] = {
    {"slots", "slots", "Slots written."},
    {"flops", "FLOP", "Of all slots: 2 MAC of every convolution."},
};

static const char *const linear[] = {"slots", NULL};

const struct kind kind_deeprx_logits = {
    .name = "deeprx/logits",
    .version = 1,
    .summary = "a teacher's logits on training slots, for all students that see these slots",
    .doc = "Runs a teacher once over the slots that every `deeprx/train` with the same link and seed learns from. "
           "Given to it as `logits` beside the `teacher`, they change no byte of the student: they spare the "
           "teacher's part of each step.",
    KIND_PARAMS(params),
    KIND_INPUTS(inputs),
    KIND_OUTS(outs),
    KIND_METRICS(metrics),
    .work = "flops",
    .work_linear = linear,
    .tolerance = 0.01,
};
