/*
 * Predicts the time and joules of a plan's stages from the newest records of the same stage or kind. Commands use only
 * records of the same stage. history.h has the method. The records of a stage, and of a kind, are read once, however
 * many instances are predicted. So the number of declarations bounds the records that are read.
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
    size_t stages, without; /* predicted, and without a prediction */
    size_t records;         /* records behind the figures, each counted once */
    bool measured, modelled;
};

struct forecast;

/* Predicts every wanted instance of the plan that is not known yet. The store must outlive the forecast. */
struct forecast *forecast_create(const struct pipeline *pipeline, struct plan *plan, struct store *store);
void forecast_free(struct forecast *f);

/* The prediction that forecast_create made; NULL: the instance was known, or has no earlier record. */
const struct prediction *forecast_of(const struct forecast *f, const struct instance *i);
const struct prediction_sum *forecast_sum(const struct forecast *f);
const char *forecast_label(const struct forecast *f); /* of the sum; "" where there are no joules */

/* Predicts one instance with its present key; without a key by its name alone. False: there is no earlier record. */
bool forecast_ask(struct forecast *f, const struct instance *i, struct prediction *out);

/* Adds a finished instance to the records behind later predictions. */
void forecast_learn(struct forecast *f, const struct instance *i, const cJSON *metrics, const cJSON *energy,
                    double wall_s);

/* Compares a finished instance with its prediction. Joules under another label than the predicted one are not
   compared. */
void forecast_compare(struct forecast *f, const struct instance *i, double joules, const char *label, double wall_s);

/* The sum, and its error over the compared instances. The caller deletes. */
cJSON *forecast_json(const struct forecast *f);

#endif
