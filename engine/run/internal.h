/*
 * What the files of a run share.
 *
 *   run.c       begin, end                          task.c     one attempt after another
 *   loop.c      events and time in, steps out       record.c   what is written down of an attempt
 *   discover.c  plan -> known, or a task            commit.c   durable, then reported
 *   results_energy.c  what each published file took
 *   results_lock.c    one publisher at a time
 *   verify.c    recorded stages once more
 *   results.c, known.c, attempt.c, executor.c: with headers of their own
 *
 * Everything here is on one thread, but what attempt_prepare and attempt_collect do on a worker.
 */
#ifndef RETORT_ENGINE_RUN_INTERNAL_H
#define RETORT_ENGINE_RUN_INTERNAL_H

#include <uv.h>

#include "engine/attempt/attempt.h"
#include "engine/attempt/events.h"
#include "engine/attempt/executor.h"
#include "engine/energy/ledger.h"
#include "engine/lookup/facts.h"
#include "engine/run/key_map.h"
#include "engine/run/run.h"

struct run;

/* A key that has to run: its instance, and others of the same key, which take its results. */
struct task {
    struct job job; /* its owner is this task */
    struct run *run;
    struct instance *instance;
    struct instance **twins;
    size_t twin_count, twin_capacity;
    struct task *next; /* in `collected` or `finished` */
    int busy_count;    /* how often another engine held the key */
    bool claimed;
    bool durable; /* done, and reported so */

    /* The attempt under way. */
    struct attempt *attempt;
    struct execution *execution;   /* NULL before and after the keeper's life */
    struct energy_attempt *energy; /* NULL before its reservation and after its end */
    struct event_reader events;
    struct outcome outcome;
    uv_work_t work;
    int work_code;
    struct error work_error;
    int keeper_status;
};

/* What the passes of a run have in common. */
struct tally {
    struct energy_ledger *ledger;
    struct key_map finished; /* digests of names */
    size_t known_again;      /* in this pass: finished by one before */
};

struct task_list {
    struct task *first, **last;
    size_t count;
};

struct run {
    const struct pipeline *pipeline;
    struct store *store;
    const struct run_options *options;
    struct run_summary *summary;
    struct diagnostics *diagnostics;

    struct facts *facts;
    struct plan *plan;
    struct scheduler *scheduler;
    struct key_map tasks;
    struct task **all; /* every task, to free */
    size_t task_count, task_capacity;

    struct instance **pending; /* KEYED, not known, not yet submitted */
    size_t pending_count, pending_capacity;
    size_t seen_instances; /* as of the last plan_order */
    double *estimates;     /* seconds by instance index; NAN: not asked yet */
    size_t estimate_count, estimate_capacity;
    struct instance **selects; /* not decided yet */
    size_t select_count, select_capacity, select_seen;

    char *platform; /* NULL until something runs, or same_platform asks */
    uint64_t began_ns;
    int code; /* the first fatal error: nothing starts any more, what runs is killed */
    struct error error;

    /* From the first start on. */
    bool loop_open;
    uv_loop_t loop;
    uv_timer_t timer;
    uv_signal_t signals[3];
    int signals_seen, signals_handled;
    struct tally *tally;
    struct energy_ledger *ledger; /* the tally's */
    uv_timer_t energy_timer;
    struct executor *executor;
    size_t in_flight;           /* tasks between start and collected */
    size_t put_off;             /* tasks, or the publishing, that found what they need damaged or gone */
    bool found_known;           /* another engine did what was to be started: the plan can go on */
    struct task_list collected; /* their attempts wait to be judged */
    struct task_list finished;  /* their records wait to be durable */
    uint64_t commit_due_ms;     /* of the first in `finished` */
    uv_work_t first_work, provenance_work;
    bool provenance_ready;
    cJSON *git, *host, *versions;
};

uint64_t run_now_ms(void);
void task_list_add(struct task_list *list, struct task *task);
struct task *task_list_take(struct task_list *list); /* NULL: empty */

/* Keeps the first fatal error and stops everything. Returns `code`. */
int run_fail(struct run *r, int code, const struct error *err);

/* Counts and tells. */
void run_report(struct run *r, const struct instance *i, enum stage_event event, const char *detail);
void run_note(struct run *r, const struct instance *i, const char *text);

/* Stops the run once an energy budget is used up: nothing starts any more, and stages under way are asked to leave. */
void run_check_budgets(struct run *r);

/* ---- loop.c ---- */

/* Runs what is pending and what follows from it until nothing can go on. */
int run_execute(struct run *r, struct error *err);
/* The loop with its timer, an executor, and the signals that are counted in `signals_seen`; a hang-up is not heard where it
   was ignored before. ERR_IO. Closed by run_close_loop, also after a failure. */
int run_open_loop(struct run *r, const char *stage_program, struct error *err);
void run_close_loop(struct run *r);
/* How many signals have asked the run to end by now, also in this moment. What else the loop has to do is done meanwhile. */
int run_signals(struct run *r);
/* When nothing runs any more that would have to be asked to leave: until the loop is closed one signal is counted, and a second
   one of its kind ends the program. Where the loop is not open the first does. */
void run_hear_once(struct run *r);
/* Whether one has come that no stage was told of. */
bool run_is_interrupted(struct run *r);

/* ---- results_lock.c ---- */

/* Waits until no other engine publishes results of this pipeline in this project, and keeps others from it until `*lock`
   is closed. -1: no result is done, or nobody can be kept from it: the file system has no locks, or the user may not write
   there. ERR_INTERRUPTED: a signal came meanwhile; ERR_IO. */
int run_lock_results(int *lock, struct run *r, struct error *err);

/* ---- results_energy.c ---- */

/* Writes results/<pipeline>.energy.md and .csv beside what was published, where something changed. ERR_IO: a file of the
   user's, or one that cannot be looked at, stands there. */
int run_energy_page(struct run *r, struct error *err);

/* ---- discover.c ---- */

/* Lets the plan go on: finishes what is known, makes tasks of the rest and submits them once `r->scheduler` is there. */
int run_discover(struct run *r, struct error *err);
int run_submit(struct run *r, struct error *err);

/* ---- task.c ---- */

bool task_is_cached(const struct task *t); /* it leaves a record: one of its stages is cached */
void task_start(struct task *t);           /* the scheduler's START */
void task_stop(struct task *t, enum schedule_type how);
void task_judge(
    struct task *t); /* a collected attempt: finished, failed, interrupted; tells the scheduler and the plan */
void task_free(struct task *t);

/* ---- commit.c ---- */

/* Makes what is finished durable when it is time, or `now`, and reports it. */
int run_commit(struct run *r, bool now, struct error *err);

/* ---- record.c ---- */

/* The record of an attempt (store.h), and what of it is known before it runs; the caller deletes them. */
cJSON *record_build(struct task *t);
cJSON *record_head(const struct task *t);

#endif
