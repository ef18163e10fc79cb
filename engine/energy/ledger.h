/*
 * The energy of a run: the joules of each attempt, the expected ones, and the budgets.
 *
 *   ledger_create                 once a run: its passes spend from the same budgets
 *     ledger_begin_pass           reads earlier records and predicts the stages to come
 *     ledger_open_meter           measures the base power, opens the counters
 *       ledger_reserve            one attempt; ERR_BUDGET: it must not start
 *       ledger_start, ledger_stop, ledger_finish
 *       ledger_sample             each period: the joules of running attempts so far
 *       ledger_check              ERR_BUDGET: a budget is used up, so the run must stop
 *     ledger_close_meter          returns the energy table of the pass
 *     ledger_prediction           returns the prediction and its error
 *   ledger_free
 *
 * An attempt counts against the budgets when it ends, also a failed one. A running attempt counts at each sample, by
 * the counter or by the model. A stage is not started if its expected joules exceed the rest of a budget. One thread.
 */
#ifndef RETORT_ENGINE_ENERGY_LEDGER_H
#define RETORT_ENGINE_ENERGY_LEDGER_H

#include <sys/types.h>

#include "engine/plan/plan.h"
#include "store/store.h"

struct energy_ledger;
struct energy_attempt; /* one attempt, from its reservation to its end */

struct ledger_options {
    const struct pipeline *pipeline;
    struct store *store;
    const char *root;     /* root of /sys and /proc; NULL: "/" */
    double base_window_s; /* length of one window of the base power; 0: do not measure it */
};

/* The options' pipeline and store must outlive the ledger. The caller frees with ledger_free, after every attempt. */
struct energy_ledger *ledger_create(const struct ledger_options *options);
void ledger_free(struct energy_ledger *l);

struct ledger_observer {
    void *context;
    void (*note)(void *context, const char *text);
    bool (*is_interrupted)(void *context); /* ends a measurement of the base power early */
};

/* Begins a pass: predicts the stages of `plan` that are not known yet. Plan and observer live until the pass ends. */
void ledger_begin_pass(struct energy_ledger *l, struct plan *plan, const struct ledger_observer *observer);

/* Expected seconds of an instance of the plan; NaN: unknown. */
double ledger_expected_s(const struct energy_ledger *l, const struct instance *i);

/* Measures the base power if the options ask for it (half a minute), then opens the counters. Returns the period of
   ledger_sample in ms; 0: never call it, for there is no counter and no budget. */
uint64_t ledger_open_meter(struct energy_ledger *l);
void ledger_sample(struct energy_ledger *l);

/* ---- one attempt ---- */

/* Reserves the expected joules of an attempt. ERR_BUDGET: they exceed the rest of a budget. `i` must outlive the
   attempt. */
int ledger_reserve(struct energy_attempt **out, struct energy_ledger *l, const struct instance *i, struct error *err);

/* Starts the account of the process `keeper` and all its descendants. */
void ledger_start(struct energy_attempt *a, pid_t keeper);

/* Call when the keeper has died and is not reaped yet. NULL, or a second call, does nothing. */
void ledger_stop(struct energy_attempt *a);

/* How an attempt ended. */
struct attempt_end {
    const char *id;       /* names attempts/<id>.json */
    const char *platform; /* of its checkpoint; NULL: it has none */
    int number;           /* of the attempts at this key in this run, from 1 */
    bool finished;
    bool killed;          /* its keeper died of a signal */
    const cJSON *metrics; /* of a finished one */
    bool reported;        /* its keeper sent a result, with these: */
    cJSON *energy;        /* NULL: it did not start */
    double wall_s;
};

/* Accounts for an attempt whose keeper is reaped, and frees it; NULL does nothing. Completes `end`: `energy` gets
   the joules of the common counters and those of earlier attempts at the same checkpoint. Without a result the
   keeper's own account replaces it, and gives `wall_s` (NaN: unknown). The caller deletes `end->energy`. */
void ledger_finish(struct energy_attempt *a, struct attempt_end *end);

/* Frees an attempt without accounting for it, and its reservation. */
void ledger_cancel(struct energy_attempt *a);

/* ---- budgets ---- */

/* Whether any budget is set. Then the joules of one stage may decide whether the next starts. */
bool ledger_has_budget(const struct energy_ledger *l);

/* ERR_BUDGET once, when a budget is used up. */
int ledger_check(struct energy_ledger *l, struct error *err);

/* Returns ERR_BUDGET with the last message if ledger_check or ledger_reserve returned it; else 0. */
int ledger_refusal(const struct energy_ledger *l, struct error *err);

/* ---- the end of a pass ---- */

/* Returns "energy" of runs/<id>.json. `at_rest`: no stage runs and none was interrupted, so the base power may be
   measured again. The caller deletes. */
cJSON *ledger_close_meter(struct energy_ledger *l, bool at_rest);

/* Returns "prediction" of runs/<id>.json; null if no pass was begun. The caller deletes. */
cJSON *ledger_prediction(const struct energy_ledger *l);

#endif
