#include "stages/kinds/shared.h"

static const char *const optimizer_choices[] = {"lamb", "adamw", NULL};
static const char *const kd_choices[] = {"bernoulli", "softmax", NULL};
static const char *const reduction_choices[] = {"sum", "mean", NULL};

static const struct param validation_members[] = {
    INTEGER("slots", "slots", 1, 1e6, "20", "Slots per point of the grid."),
    PARAM_SINR_GRID,
    LIST("profiles", profile_element, 1, 5, "[\"A\",\"E\"]",
         "Tapped delay lines of validation; the rest of the link is as in training."),
    PARAM_SEED(
        "1", "Seed of the validation slots: the same for every network, so that networks are compared on equal slots."),
};

static const struct param params[] = {
    PARAMS_NETWORK(NULL),
    PARAM_FEATURES,
    PARAM_LINK,
    INTEGER("steps", "steps", 1, 1e7, "3000",
            "Optimizer steps. The learning rate rises over the first 800/30000 of them, stays until 0.3 of them, and "
            "falls linearly to 0."),
    INTEGER("batch", "slots", 1, 256, "32", "Slots of an optimizer step."),
    INTEGER("train_slots", "slots", 0, 4e9, "0",
            "0: every slot is new. N: the slots 0 to N-1 over and over, a finite training set."),
    CHOICE("optimizer", optimizer_choices, "\"lamb\"", "LAMB as published for DeepRx, or AdamW."),
    NUMBER("learning_rate", NULL, 0, 10, "0.01", "Highest learning rate of the schedule."),
    NUMBER("weight_decay", NULL, 0, 10, "0.0001", "Weight decay of the tensors with more than one dimension."),
    PARAM_SEED("1", "Seed of the initial weights and the training slots."),
    CHOICE("kd", kd_choices, "\"bernoulli\"",
           "With a teacher, the divergence: `bernoulli` for each bit, or `softmax` of the softmax over an element's "
           "bit logits."),
    CHOICE("kd_reduction", reduction_choices, "\"sum\"",
           "With a teacher: the divergence is summed over bits, elements and batch, or its mean is taken; the "
           "cross-entropy is always a mean."),
    BOOLEAN("t_squared", "false", "With a teacher: multiplies the divergence by the square of the temperature."),
    NUMBER("alpha", NULL, 0, 1e12, "500000",
           "With a teacher: weight of the cross-entropy; the divergence has weight 1."),
    NUMBER("temperature", NULL, 0.01, 1000, "3", "With a teacher: divides the logits of both in the divergence."),
    NUMBER("logit_clip", NULL, 0.1, 1e6, "20", "With a teacher: its logits are cut to this size, either way."),
    OBJECT("validation", validation_members, "{}",
           "The slots that the metric gm_ber is taken over, none of them seen in training."),
};

static const struct kind_input inputs[] = {
    {"teacher", false, false, "safetensors",
     "A trained model to learn from; without it the network trains from scratch."},
    {"logits", false, false, "npy",
     "The teacher's logits on the first training slots, from deeprx/logits: a saving, for they change nothing."},
};

static const struct kind_out outs[] = {
    {"model", "model.safetensors", "file", "Parameters and running statistics; the architecture is in the metadata."},
    {"history", "history.csv", "series",
     "step, loss, bce, kd, ber of the training batches, averaged between the lines."},
    {"metrics", "metrics.json", "metrics", "The metrics."},
};

static const struct kind_metric metrics[] = {
    {"gm_ber", NULL, "Mean over the validation grid of log10(max(errors, 1/2) / bits)."},
    {"floored", "points", "Points of the validation grid without a single error."},
    {"loss", NULL, "Loss, averaged over the last tenth of the steps."},
    {"bce", NULL, "Binary cross-entropy (nat a bit), averaged over the last tenth of the steps."},
    {"kd", NULL, "Divergence from the teacher, averaged over the last tenth of the steps; 0 without one."},
    {"lambda", NULL, "Effective weight of the mean cross-entropy beside the mean divergence; 1 without a teacher."},
    {"flops", "FLOP", "Of one slot forward: 2 MAC of every convolution."},
    {"parameters", NULL, "Trainable parameters."},
    {"training_flops", "FLOP",
     "Of the whole training: three forwards a slot and, where its logits are not given, one of the teacher."},
    {"steps", "steps", "Optimizer steps."},
};

static const char *const linear[] = {"steps", "batch", NULL};

const struct kind kind_deeprx_train = {
    .name = "deeprx/train",
    .version = 1,
    .summary = "trains a DeepRx receiver from scratch or by knowledge distillation",
    .doc = "Trains the network on slots that are made on the fly, from scratch or, with a teacher, on alpha times the "
           "cross-entropy plus the divergence between the teacher's and the student's tempered outputs. Interrupted or "
           "not, it ends with the same bytes.",
    KIND_PARAMS(params),
    KIND_INPUTS(inputs),
    KIND_OUTS(outs),
    KIND_METRICS(metrics),
    .checkpoints = true,
    .work = "training_flops",
    .work_linear = linear,
    .tolerance = 0.1, /* rounding acts like another seed; seeds differ by up to a tenth in gm_ber */
    .check = network_check,
};
