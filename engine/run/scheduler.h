/*
 * The scheduler: which keyed job runs now. A pure state machine: events and the time come in, actions go out; the
 * libuv loop carries them out and never decides.
 *
 *            start              exit 0
 *   READY ----------> RUNNING ---------> DONE
 *     ^   tokens free    | exit != 0, retries left            +- stopping: after TERM exit 75 or death by it
 *     |                  v                                    |
 *     +---- time --- BACKOFF             none left: FAILED    +--> INTERRUPTED
 */
#ifndef RETORT_ENGINE_RUN_SCHEDULER_H
#define RETORT_ENGINE_RUN_SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/pipeline/pipeline.h"

enum job_state { JOB_READY, JOB_RUNNING, JOB_BACKOFF, JOB_DONE, JOB_FAILED, JOB_INTERRUPTED };

struct job_class;

struct job {
    void *owner; /* the caller's: an instance */
    struct resources needs;
    bool exclusive; /* runs alone (a kind that measures the machine) */
    int retries;
    uint64_t timeout_ms;
    bool tolerated;  /* its failure stops nothing: a quorum goes on without it */
    double priority; /* larger first: longest remaining path; ties: order of submission */

    /* Kept by the scheduler. */
    enum job_state state;
    int attempt; /* from 1, once started */
    uint64_t started_ms, due_ms;
    bool terminating; /* TERM was asked for */
    bool killed;      /* KILL was asked for */
    bool timed_out;
    bool released; /* its tokens are given back already */
    size_t order;
    struct job_class *job_class;
    size_t ready_slot, timer_slot, running_slot; /* places in its queues */
};

/* Copied by scheduler_create. Amounts count in millionths. A custom token that is not listed has a capacity of 1: who
   names a licence and says no more has one. */
struct scheduler_limits {
    double cpus;      /* -j; a job that asks for more is given all of them */
    double most_cpus; /* a job that asks for more is refused; 0: none is */
    uint64_t memory_bytes;
    double gpus;
    const struct token_need *custom;
    size_t custom_count;
    uint64_t grace_ms;   /* between TERM and KILL */
    uint64_t backoff_ms; /* first wait before a retry; doubles, at most 60 s */
};

enum schedule_type { SCHEDULE_START, SCHEDULE_TERM, SCHEDULE_KILL };
struct schedule_action {
    enum schedule_type type;
    struct job *job;
};

struct scheduler;

/* `keep_going`: start other jobs after a failed one. The limits are copied. The caller frees with scheduler_free. */
struct scheduler *scheduler_create(const struct scheduler_limits *limits, bool keep_going);
void scheduler_free(struct scheduler *s);

/* ERR_INVALID: there is less than these needs. */
int scheduler_check(struct scheduler *s, const struct resources *wanted, struct error *err);

/* Makes a job ready. `job` is the caller's and must outlive the scheduler. ERR_INVALID if it needs more than the
   total. Larger priority starts first. Jobs that fit pass one that does not, at most SCHEDULER_PATIENCE times; then
   all jobs of lower rank wait for it. */
enum { SCHEDULER_PATIENCE = 64 };
int scheduler_submit(struct scheduler *s, struct job *job, struct error *err);

enum job_exit {
    EXIT_FINISHED,    /* with all outs */
    EXIT_FAILED,      /* anything else; a timeout too */
    EXIT_PUT_OFF,     /* it could not begin, for no fault of its own: this run is done with it */
    EXIT_INTERRUPTED, /* after our TERM: exit 75 or death by it */
    EXIT_KNOWN        /* another engine finished the same key meanwhile */
};

/* An attempt ended; `job->state` says what follows. A failed one goes to BACKOFF, or to FAILED when no retry is left or
   nothing may start any more. EXIT_INTERRUPTED of a job that ran into its timeout is a failure, EXIT_FAILED of one that
   an interrupt killed is an interruption. */
void scheduler_exit(struct scheduler *s, struct job *job, enum job_exit how, uint64_t now_ms);

/* The processes of a running job are gone, and what they left is being stored: gives back the job's tokens, and ends
   its timeout. The job still runs, and an exclusive job waits for it. */
void scheduler_release(struct scheduler *s, struct job *job);

/* A started job could not begin because another engine holds its key: back to READY at `due_ms`, no attempt counted. */
void scheduler_defer(struct scheduler *s, struct job *job, uint64_t due_ms);

/* Something failed that is no job: a select, or a stage that needs more than there is. As after a failed job, nothing
   more starts, unless the scheduler keeps going. */
void scheduler_fail(struct scheduler *s);

/* The user asks to stop: nothing starts any more, running jobs get TERM; a second call: KILL. */
void scheduler_interrupt(struct scheduler *s, uint64_t now_ms);

/* Nothing starts any more: after an interrupt, and without keep-going after the first failure (running jobs then end by
   themselves). Jobs that wait stay READY or BACKOFF. */
bool scheduler_stopped(const struct scheduler *s);

/* The next thing to do now, one at a time, until false. */
bool scheduler_next(struct scheduler *s, uint64_t now_ms, struct schedule_action *out);

/* When scheduler_next should be asked again without an event; UINT64_MAX: never. */
uint64_t scheduler_due_ms(const struct scheduler *s);

/* Nothing runs, and nothing will start without a new submit. */
bool scheduler_idle(const struct scheduler *s);

#endif
