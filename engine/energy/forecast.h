/*
 * What stages that have still to run will take, by what earlier ones took.
 *
 * Of the newest records of the same stage or kind (commands: of the same stage), the five whose key components are
 * nearest, each as many times over as the stage computes more than it did (work.h): their median, and their least and
 * greatest as the spread. Two numbers, in words of a command too, are as far apart as the logarithm of their ratio, at
 * most one; other components that differ are one apart. Joules of different labels are never mixed: those of the nearest
 * record's label count.
 */
#ifndef RETORT_ENGINE_ENERGY_FORECAST_H
#define RETORT_ENGINE_ENERGY_FORECAST_H

#include "engine/plan/plan.h"
#include "store/store.h"

/* NaN and "" where no record has joules. */
struct prediction {
    double wall_s, low_s, high_s;
    double joules, low_j, high_j;
    char label[16];
    size_t records; /* 0: there is no earlier record, and nothing else means anything */
};

/* Sums over the instances of a plan; spreads are added up. */
struct prediction_sum {
    double wall_s, cpu_s; /* cpu_s: wall time x cpus asked for */
    double joules, low_j, high_j;
    size_t stages, without; /* predicted, and not */
    size_t records;         /* that the figures stand on, each once */
    bool measured, modelled;
};

struct forecast;

/* Predicts every wanted instance of the plan that is not known yet. The store lives as long. */
struct forecast *forecast_create(struct plan *plan, struct store *store);
void forecast_free(struct forecast *f);

/* As predicted then; NULL: it was known, or there is no earlier record. */
const struct prediction *forecast_of(const struct forecast *f, const struct instance *i);
const struct prediction_sum *forecast_sum(const struct forecast *f);
const char *forecast_label(const struct forecast *f); /* of the sum; "" where there are no joules */

/* Predicts one instance by what is known of it now: without a key by its name alone. False: there is no earlier record. */
bool forecast_ask(struct forecast *f, const struct instance *i, struct prediction *out);

/* Notes what a finished instance took. Joules under another label than the predicted one are no test of the prediction. */
void forecast_compare(struct forecast *f, const struct instance *i, double joules, const char *label, double wall_s);

/* The sum, and its error over the instances that were compared. The caller deletes. */
cJSON *forecast_json(const struct forecast *f);

#endif
