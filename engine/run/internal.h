/*
 * Shared by the files of a run.
 *
 *   run.c       passes, each from begin to end      task.c     one attempt after another
 *   loop.c      events and time in, steps out       event_loop.c  the loop, signals
 *   discover.c  plan -> known, or a task            commit.c   durable, then reported
 *   publish.c   known results -> results/           end.c      exit code, run file
 *   report.c    counts, observers, the first fault  files.c    large files are hashed on workers
 *   quorum.c    failures that a select goes on without      force.c    known stages that run again
 *
 * Everything here is on one thread, but for attempt_prepare, attempt_collect and store_group_write on workers.
 */
#ifndef RETORT_ENGINE_RUN_INTERNAL_H
#define RETORT_ENGINE_RUN_INTERNAL_H

#include <stdatomic.h>
#include <uv.h>

#include "engine/attempt/attempt.h"
#include "engine/energy/ledger.h"
#include "engine/lookup/drift.h"
#include "engine/lookup/facts.h"
#include "engine/run/event_loop.h"
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
    struct task *next; /* in `ended` or `finished` */
    int busy_count;    /* how often another engine held the key */
    bool claimed;
    bool forced;   /* runs although its key is known */
    bool finished; /* by this run */
    bool recorded; /* it made a record, which is queued or durable */
    bool durable;  /* done, and reported so */

    struct attempt *attempt;       /* under way, until it is judged */
    char *attempt_id;              /* of the last one; NULL: none */
    cJSON *energy_record;          /* of the last one, where the stage is not cached; NULL: none */
    struct energy_attempt *energy; /* NULL before its reservation and after its end */
};

/* The members that all passes of a run share. */
struct tally {
    struct energy_ledger *ledger;
    struct key_map finished; /* digests of names */
    size_t known_again;      /* in this pass: finished by one before */
    bool compared;           /* programs were compared with the caller's */
};

struct task_list {
    struct task *first, **last;
    size_t count;
};

/* files.c */
struct run_files {
    struct bytemap jobs;    /* path -> struct file_job */
    struct file_job *first; /* that waits */
    struct file_job **last;
    size_t hashing;
    bool came;        /* a digest that the plan does not know yet */
    atomic_bool stop; /* nothing starts any more: hashing ends early */
};

struct run {
    const struct pipeline *pipeline;
    struct store *store;
    const struct run_options *options;
    struct run_summary *summary;
    struct diagnostics *diagnostics;

    struct facts *facts;
    struct drift *drift; /* known results from another Python */
    struct plan *plan;
    struct scheduler *scheduler;
    struct run_files files;
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
    struct event_loop loop;
    int signals_handled; /* those that stages were told of */
    struct tally *tally;
    struct energy_ledger *ledger; /* the tally's */
    uv_timer_t energy_timer;
    struct attempts attempts;
    size_t in_flight;          /* tasks whose attempt is not judged yet */
    size_t put_off;            /* tasks, or the publishing, that found what they need damaged or gone */
    bool found_known;          /* another engine did what was to be started: the plan can go on */
    struct task_list ended;    /* their attempts wait to be judged */
    struct task_list finished; /* their records wait for a group */
    uint64_t commit_due_ms;    /* of the first in `finished` */

    /* commit.c */
    struct task_list committing; /* their records are in the group that is being written */
    struct store_group *group;   /* NULL: none */
    uv_work_t group_work;
    bool group_written; /* with `group_code` */
    int group_code;
    struct error group_error;
    struct task_list durable; /* their records wait to be known */
    uint64_t index_due_ms;    /* of the first in `durable` */
};

/* ---- report.c ---- */

uint64_t run_now_ms(void); /* does not count the time that the machine slept */
void task_list_add(struct task_list *list, struct task *task);
struct task *task_list_pop(struct task_list *list); /* NULL: empty */

/* Keeps the first fatal error and stops everything. Returns `code`. */
int run_fail(struct run *r, int code, const struct error *err);

/* Counts and tells. */
void run_report(struct run *r, const struct instance *i, enum stage_event event, const char *detail);
void run_note(struct run *r, const struct instance *i, const char *text);

/* Stops the run once an energy budget is used up: nothing starts any more, and stages under way are asked to leave. */
void run_check_budgets(struct run *r);

/* Whether a signal has come that no stage was told of. */
bool run_is_interrupted(struct run *r);

/* ---- loop.c ---- */

/* Runs what is pending and what follows from it until nothing can go on. */
int run_execute(struct run *r, struct error *err);
void run_close_loop(struct run *r);

/* ---- files.c ---- */

void run_defer_file(void *context, const char *path); /* a store_unhashed; the context is the run */
void run_hash_files(struct run *r);  /* hashes what was deferred, or ends that where the run is stopped */
void run_take_hashed(struct run *r); /* lets the plan ask again */
bool run_is_hashing(const struct run *r);
void run_files_close(struct run_files *f);

/* ---- publish.c ---- */

/* Publishes the results that are known, by this run or an earlier one, and fills `r->summary->results`. Fails as
   publish_results does. */
int run_publish(struct run *r, struct error *err);

/* ---- discover.c ---- */

/* Lets the plan go on: finishes what is known, makes tasks of the rest, and submits those whose inputs are there. */
int run_discover(struct run *r, struct error *err);
void run_submit(struct run *r);

/* ---- task.c ---- */

bool task_is_cached(const struct task *t);              /* it leaves a record: one of its stages is cached */
void task_start(struct task *t);                        /* the scheduler's START */
void task_stop(struct task *t, enum schedule_type how); /* the scheduler's TERM or KILL */
/* Judges an attempt that has ended: finished, failed, interrupted; tells the scheduler and the plan. */
void task_judge(struct task *t);
void task_release(struct task *t); /* releases its claim */
void task_free(struct task *t);

/* ---- force.c ---- */

/* Whether the instance has to run although its key may be known: a target names it, and no pass has done it yet. */
bool force_wants(const struct run *r, const struct instance *i);
/* Whether its key has a record. If it fails now, no quorum goes on without it: the next run would have it again. */
bool force_has_record(const struct run *r, const struct instance *i);
/* Queues the record of a forced task that has finished. The same outs as before keep the earlier record; else that is
   withdrawn. `*kept`: the earlier one stays, and nothing was queued. */
int force_add_record(bool *kept, struct task *t, const cJSON *record, struct error *err);

/* ---- quorum.c ---- */

/* Whether a quorum goes on without all instances of the task. */
bool quorum_tolerates(const struct task *t);
/* Whether nothing but selects with a quorum need its results. */
bool quorum_is_served(const struct task *t);
/* Keeps the failure of the task's attempt under its key; `remembered`: later runs do not repeat it. */
void quorum_keep(struct task *t, bool remembered, const char *reason);
void quorum_forget(struct task *t);
/* Fails an instance that failed before and that a quorum goes on without; false: it has to run. */
bool quorum_recall(struct run *r, struct instance *i);
/* Whether it failed, and a quorum went on without it; how many did. */
bool quorum_leaves_out(const struct run *r, const struct instance *i);
size_t quorum_left_out(const struct run *r);

/* ---- end.c ---- */

/* Publishes results and writes the run file, whatever came before. Returns the first fault. `*again`: in, whether
   another pass may follow; out, whether one must. */
int run_end(struct run *r, bool *again, struct error *err);

/* ---- commit.c ---- */

/* Makes what is finished durable when it is time, or `now`, reports it, and makes it known. Does not wait for the
   disk. */
int run_commit(struct run *r, bool now, struct error *err);

/* Whether something finished is not durable and known yet, and when run_commit has to be called for it. */
bool run_is_committing(const struct run *r);
uint64_t run_commit_due_ms(const struct run *r);

#endif
