/* Predicts the time and joules of a plan's remaining stages, for `plan`. */
#ifndef RETORT_ENGINE_COMMAND_PLAN_PREDICT_H
#define RETORT_ENGINE_COMMAND_PLAN_PREDICT_H

#include "engine/command/project.h"
#include "engine/energy/forecast.h"
#include "engine/report/table.h"

struct plan_prediction {
    struct forecast *forecast;
    const struct prediction_sum *sum; /* of the forecast */
    struct plan *plan;
    double wall_s; /* of all stages on `cpus`: the longest path, or all work divided by `cpus` if that is more */
    long cpus;     /* of this machine */
};

/* Predicts unknown instances. Close it with plan_prediction_close. The plan must outlive it. */
void plan_predict(struct plan_prediction *out, const struct project *p);
void plan_prediction_close(struct plan_prediction *x);

/* A row for each unknown instance; the caller frees. */
struct table *plan_prediction_rows(const struct plan_prediction *x);

/* Appends "about 12 min on 2 cpus, 3.1 kJ modelled (800 J to 5.2 kJ), from 14 earlier records; 3 stages without
   any". Appends nothing if no stage has to run. */
void plan_prediction_line(struct buffer *out, const struct plan_prediction *x);
cJSON *plan_prediction_json(const struct plan_prediction *x); /* the sums; the caller deletes */

#endif
