/*
 * Who spent the machine's joules while a run went on, where this process can read a counter of the processor.
 *
 *   sharing_open --> share_begin(keeper) ... sharing_sample, each second ... share_stop --> share_record
 *        |               all stages that run stand in one interval of the attribution (engine/meter/attribution.h)
 *   sharing_close: stages + unresolved + other + idle = counter
 *
 * Without a counter there is no `struct sharing`, no timer and no sample: what a keeper says of its stage stands. But
 * where a budget has to be watched the model says meanwhile what each stage has taken so far. One thread.
 */
#ifndef RETORT_ENGINE_ENERGY_SHARE_H
#define RETORT_ENGINE_ENERGY_SHARE_H

#include <cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/meter/meter.h"

struct sharing;
struct share; /* one attempt of a stage */

struct sharing_options {
    const char *root;              /* "/" but for tests and where sysfs is mounted elsewhere */
    bool gpus;                     /* stages hold GPUs: theirs are part of the sum */
    bool model;                    /* without a counter: the model, so far */
    const struct meter_base *base; /* copied; NULL: not known */
};

/* NULL where no counter of the processor can be read and the model is not asked for. */
struct sharing *sharing_open(const struct sharing_options *options);

/* "measured", or "modelled". */
const char *sharing_word(const struct sharing *e);

/* How often sharing_sample is due: once a second, more often where a counter wraps fast. */
uint64_t sharing_period_ms(const struct sharing *e);
void sharing_sample(struct sharing *e);

/* A stage begins: the process that keeps it and all below it, in a control group of its own where one can be made, and so
   many GPUs that it holds. `e` NULL gives NULL. `stage` is copied. The caller frees with share_free, before
   sharing_close. */
struct share *share_begin(struct sharing *e, pid_t keeper, const char *stage, double gpus);
void share_free(struct share *s);

/* Its keeper has died and is not reaped yet: the last moment at which the CPU time of all it waited for can be read. A
   second call, or NULL, does nothing. */
void share_stop(struct share *s);

/* Joules that are its own so far; 0 for NULL. */
double share_joules(const struct share *s);

/* After share_stop, once the keeper is reaped: the record (engine/meter/meter.h) with the joules of the common attribution and "beside":
   {"count", "stages"}, the stages that ran at the same time. `kept` (may be NULL): the keeper's own record, whose CPU time,
   duration and memory are exact; by the model, it alone (NULL without one). The caller deletes. */
cJSON *share_record(struct share *s, const cJSON *kept);

/* Ends it all: {"label", "why", "source", "counter_j", "counter_s", "share_rule", "baseline", "stages_j",
   "unresolved_j", "other_j", "idle_j", "samples", "domains", "series"}; `e` NULL gives NULL. The caller deletes. */
cJSON *sharing_close(struct sharing *e);

#endif
