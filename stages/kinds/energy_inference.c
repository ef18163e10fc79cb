#include "engine/base/json.h"
#include "stages/kinds/shared.h"

enum { MIN_ROUNDS = 10, MAX_ROUNDS = 120 }; /* the defaults below */

static const struct param params[] = {
    INTEGER("batch", "slots", 1, 4096, "1", "Slots of one call; an inference is one slot."),
    NUMBER("uncertainty", NULL, 1e-4, 1, "0.02",
           "Share to which two standard errors of the mean time of an inference, and of its mean energy where that is "
           "counted, are to fall."),
    NUMBER("round_s", "s", 0.01, 3600, "1", "Length of a round, about; every round gives one value of the mean."),
    INTEGER("min_rounds", "rounds", 3, 10000, "10", "Rounds that are run in any case."),
    INTEGER("max_rounds", "rounds", 3, 100000, "120",
            "Rounds after which it ends, however uncertain; the record then says so."),
    INTEGER("base_windows", "s", 15, 3600, "30",
            "Windows of a second in which the base power is measured, before and again after; only where there is a "
            "counter."),
    PARAM_SEED("1",
               "Seed of the network's input, random numbers of unit variance: their values do not change the time."),
};

static const struct kind_input inputs[] = {
    {"model", true, false, "safetensors", "The network."},
};

static const struct kind_out outs[] = {
    {"csv", "inference.csv", "file",
     "By method: processor, curve, joules, uncertainty_j, label, power_w, flops_per_s, note. A figure that is not "
     "known is empty."},
    {"json", "inference.json", "file", "The same as JSON."},
    {"energy", "energy.json", "file", "The measurement: label, why, the four steps, base power, counters, rounds."},
    {"series", "series.json", "series", "Samples of the counters while it ran; no rows where there is no counter."},
    {"metrics", "metrics.json", "metrics", "The metrics."},
};

static const struct kind_metric metrics[] = {
    {"seconds_per_inference", "s", "Mean time of an inference over the rounds."},
    {"seconds_uncertainty", NULL, "Two standard errors of that mean, as a share of it."},
    {"cpu_s_per_inference", "s",
     "CPU time of an inference, all threads: beside it one sees whether the machine was busy."},
    {"inferences", NULL, "Inferences that were timed."},
    {"rounds", "rounds", "Rounds that were run."},
    {"flops_per_inference", "FLOP", "2 MAC of every convolution over a slot."},
    {"flops_per_s", "FLOP/s", "What the network reached."},
    {"peak_flops_per_s", "FLOP/s", "What these cores reach in fused multiply-adds, measured just before."},
    {"metric_0_j", "J", "Metric (0) for this machine: operations x power / measured peak. Estimated, not measured."},
    {"base_w", "W",
     "Median power without the network, before and after. Absent without a counter, like all that follow."},
    {"base_mad_w", "W", "Median absolute deviation of the base power."},
    {"absolute_w", "W", "Mean power while the network ran."},
    {"relative_w", "W", "Absolute less base power; may be negative."},
    {"joules_per_inference", "J", "Relative power x time / inferences; may be negative."},
    {"joules_uncertainty_j", "J", "2 counter resolutions and the base power's MAD over the time, of an inference."},
};

static void rounds_check(const cJSON *with, struct kind_checker *checker) {
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(with, "max_rounds");
    const cJSON *least = cJSON_GetObjectItemCaseSensitive(with, "min_rounds");
    if (checker_open(checker, given) || checker_open(checker, least))
        return;
    double most = json_double(with, "max_rounds", MAX_ROUNDS), fewest = json_double(with, "min_rounds", MIN_ROUNDS);
    if (most < fewest)
        checker_fault(checker, given ? given : least, false, "\"max_rounds\" is %g, less than \"min_rounds\" %g", most,
                      fewest);
}

const struct kind kind_energy_inference = {
    .name = "energy/inference",
    .version = 1,
    .summary = "time and, where a counter can be read, energy of a network's inference on this machine",
    .doc = "Repeats inference until its mean is certain enough. Where the processor's energy is counted "
           "(engine/meter), the paper's four steps: median base power before and after, absolute power, relative "
           "power, energy = relative power x time. Where it is not, the energy is `unavailable` with the reason and "
           "its metrics are absent: nothing is modelled in its place. Metric (0) for this machine stands beside, from "
           "a peak that is measured and the power of the processor table, and is called an estimate.",
    KIND_PARAMS(params),
    KIND_INPUTS(inputs),
    KIND_OUTS(outs),
    KIND_METRICS(metrics),
    .measures_machine = true,
    .tolerance = 0.5,
    .check = rounds_check,
};
