/*
 * Shares out the machine's joules among the stages of a run, if this process can read a counter of the processor.
 *
 *   sharing_open --> share_begin(keeper) ... sharing_sample, each second ... share_stop --> share_record
 *        |               all running stages are in one interval of the attribution (engine/meter/attribution.h)
 *   sharing_close: stages + unresolved + other + idle = counter
 *
 * Unresolved are the joules of stages whose share is not labelled "measured".
 *
 * Without a counter there is no `struct sharing`, no timer and no sample: the keepers' own figures are used. If there
 * is a budget to watch, the model gives the joules of each stage so far. One thread.
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
    const char *root;              /* "/", except in tests and when sysfs is mounted elsewhere */
    bool gpus;                     /* stages hold GPUs, whose joules are part of the sum */
    bool model;                    /* without a counter, use the model for joules so far */
    const struct meter_base *base; /* copied; NULL: unknown */
};

/* NULL if no counter of the processor can be read and the options do not ask for the model. */
struct sharing *sharing_open(const struct sharing_options *options);

/* "measured", or "modelled". */
const char *sharing_word(const struct sharing *e);

/* The period of sharing_sample in ms: a second, or less if a counter wraps fast. */
uint64_t sharing_period_ms(const struct sharing *e);
void sharing_sample(struct sharing *e);

/* Begins a stage: process `keeper` and all its descendants, with `gpus` GPUs. Puts them into a control group of
   their own, if possible. `stage` is copied. `e` NULL gives NULL. The caller frees with share_free, before
   sharing_close. */
struct share *share_begin(struct sharing *e, pid_t keeper, const char *stage, double gpus);
void share_free(struct share *s);

/* Call when the keeper has died and is not reaped yet: the last moment at which the CPU time of its children can be
   read. A second call, or NULL, does nothing. */
void share_stop(struct share *s);

/* The stage's joules so far; 0 for NULL. */
double share_joules(const struct share *s);

/* Call after share_stop, once the keeper is reaped. Returns the record (engine/meter/meter.h) with the joules of the
   common attribution and "beside": {"count", "stages"}, the stages that ran at the same time. `kept` (may be NULL)
   is the keeper's own record, whose CPU time, duration and memory are exact. With the model the result is `kept`
   alone (NULL without one). The caller deletes. */
cJSON *share_record(struct share *s, const cJSON *kept);

/* Ends all and returns {"label", "why", "source", "counter_j", "counter_s", "share_rule", "baseline", "stages_j",
   "unresolved_j", "other_j", "idle_j", "samples", "domains", "series"}. `e` NULL gives NULL. The caller deletes. */
cJSON *sharing_close(struct sharing *e);

#endif
