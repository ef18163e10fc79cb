/*
 * What a stage that has still to run will take, by what earlier ones took.
 *
 * Of the newest records of the same stage or kind (commands: of the same stage), the five whose key components are
 * nearest, each as many times over as the stage computes more than it did (energy_work.h): their median, and their least
 * and greatest as the spread. Two numbers, in words of a command too, are as far apart as the logarithm of their ratio, at
 * most one; other components that differ are one apart. Joules of different labels are never mixed: those of the nearest
 * record's label count.
 */
#ifndef RETORT_ENGINE_ENERGY_PREDICT_H
#define RETORT_ENGINE_ENERGY_PREDICT_H

#include "engine/plan/plan.h"
#include "store/store.h"

/* NaN and "" where no record has joules. */
struct prediction {
    double wall_s, low_s, high_s;
    double joules, low_j, high_j;
    char label[16];
    size_t records; /* 0: there is no earlier record, and nothing else means anything */
};

struct predictor;

/* Reads the records of a stage once, when it is first asked. The store lives as long. */
struct predictor *predictor_create(struct store *store);
void predictor_free(struct predictor *p);

/* False where there is no earlier record. An instance without a key yet is predicted by its name alone. */
bool predictor_ask(struct predictor *p, const struct instance *i, struct prediction *out);

/* How many records the answers so far stand on, each once. */
size_t predictor_records(const struct predictor *p);

/* Of several instances: sums, spreads added up. */
struct prediction_sum {
    double wall_s, cpu_s; /* cpu_s: wall time x cpus asked for */
    double joules, low_j, high_j;
    size_t stages, without; /* predicted, and not */
    bool measured, modelled;
};

/* `p` NULL: nothing is known of the instance. */
void prediction_add(struct prediction_sum *sum, const struct instance *i, const struct prediction *p);
const char *prediction_label(const struct prediction_sum *sum); /* "" where there are no joules */

#endif
