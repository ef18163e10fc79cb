#include "stages/kinds/plot.h"

static const struct param label_value = {.name = "value", .type = PARAM_ANY};

static const struct param params[] = {
    MAP("baseline", label_value, 1, 8, NULL,
        "What the baseline's curves are labelled, such as {\"receiver\": \"scratch\"}. Curves that differ from it in "
        "these labels are compared with it; in all others they must agree, or have no such label."),
    NUMBER("ber", NULL, 1e-12, 0.5, "0.001", "Bit error rate at which the gain is taken."),
    PARAM_AVERAGE,
    PARAM_SPREAD,
};

static const struct kind_input inputs[] = {
    {"curves", true, true, "ber-curve", "Curves with the columns sinr_db and ber, and bits and errors where counted."},
};

static const struct kind_out outs[] = {
    {"csv", "gain.csv", "file",
     "A row for each comparison: its labels, gain_db with its spread, reached, pairs, sinr_db, baseline_sinr_db, word, "
     "note."},
    {"json", "gain.json", "file", "The same, with every pair of curves."},
    {"markdown", "gain.md", "file", "The same for people."},
    {"metrics", "metrics.json", "metrics", "The metrics."},
};

static const struct kind_metric metrics[] = {
    {"comparisons", NULL, "Comparisons with the baseline, after averaging."},
    {"reached", NULL, "Comparisons in which every pair of curves reaches the bit error rate."},
    {"gain_db", "dB", "The gain, where there is one comparison and it reaches the bit error rate."},
    {"gain_db_min", "dB", "The smallest gain of those that reach it; absent when none does."},
    {"gain_db_max", "dB", "The largest gain of those that reach it; absent when none does."},
};

static void baseline_check(const cJSON *with, struct kind_checker *c) {
    const cJSON *baseline = cJSON_GetObjectItemCaseSensitive(with, "baseline");
    if (!cJSON_IsObject(baseline) || checker_open(c, baseline))
        return;
    for (const cJSON *value = baseline->child; value; value = value->next)
        if (!checker_open(c, value) && !cJSON_IsString(value) && !cJSON_IsNumber(value) && !cJSON_IsBool(value))
            checker_fault(c, value, false,
                          "\"%s\" of the baseline must be a text, a number, true or false; an object is named by its "
                          "label",
                          value->string);
}

const struct kind kind_curve_gain = {
    .name = "curve/gain",
    .version = 1,
    .summary = "gain in dB between bit error rate curves, where they reach a given rate",
    .doc =
        "Finds where each curve first falls to the bit error rate, by a straight line between points in dB and log10, "
        "and says by how many dB less than the baseline it gets there. Pairs of curves that differ in "
        "`average_over` alone give one mean. A curve that never falls so low, or lies below from its first point on, "
        "has no gain: then the word stands in its place, and a mean that would leave such a pair out is not taken.",
    KIND_PARAMS(params),
    KIND_INPUTS(inputs),
    KIND_OUTS(outs),
    KIND_METRICS(metrics),
    .check = baseline_check,
};
