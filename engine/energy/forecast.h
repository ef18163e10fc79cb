/*
 * The time and joules that the stages of a plan will take, by the newest records of the same stage or kind (commands: of the same stage); see
 * history.h. The records of a stage, and of a kind, are read once, however many instances are asked for. So what is read is
 * bounded by the number of declarations.
 */
#ifndef RETORT_ENGINE_ENERGY_FORECAST_H
#define RETORT_ENGINE_ENERGY_FORECAST_H

#include "engine/energy/history.h"
#include "engine/plan/plan.h"
#include "store/store.h"

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
struct forecast *forecast_create(const struct pipeline *pipeline, struct plan *plan, struct store *store);
void forecast_free(struct forecast *f);

/* As predicted then; NULL: it was known, or there is no earlier record. */
const struct prediction *forecast_of(const struct forecast *f, const struct instance *i);
const struct prediction_sum *forecast_sum(const struct forecast *f);
const char *forecast_label(const struct forecast *f); /* of the sum; "" where there are no joules */

/* Predicts one instance by what is known of it now: without a key by its name alone. False: there is no earlier record. */
bool forecast_ask(struct forecast *f, const struct instance *i, struct prediction *out);

/* Adds an instance that finished to the records that predictions stand on. */
void forecast_learn(struct forecast *f, const struct instance *i, const cJSON *metrics, const cJSON *energy,
                    double wall_s);

/* Notes what a finished instance took. Joules under another label than the predicted one are no test of the prediction. */
void forecast_compare(struct forecast *f, const struct instance *i, double joules, const char *label, double wall_s);

/* The sum, and its error over the instances that were compared. The caller deletes. */
cJSON *forecast_json(const struct forecast *f);

#endif
