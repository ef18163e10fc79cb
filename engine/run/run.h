/*
 * A run: brings stages up to date. Glue of the pure plan and scheduler with the store and the processes.
 *
 *   plan_next --> store_record_find --known--> plan_finish
 *                      | not known
 *                      v
 *               scheduler --START--> claim, work directory, inputs --> executor (retort-stage) --exit-->
 *               outs hashed on a worker thread --> record queued --> group commit --> reported finished
 *
 * libuv callbacks only turn what happened into an event and call run_step(); decisions stand in plan and scheduler.
 */
#ifndef RETORT_ENGINE_RUN_RUN_H
#define RETORT_ENGINE_RUN_RUN_H

#include "engine/plan/plan.h"
#include "engine/publish/publish.h"
#include "engine/run/scheduler.h"
#include "store/store.h"

enum stage_event {
    STAGE_KNOWN,
    STAGE_STARTED,
    STAGE_FINISHED, /* durable */
    STAGE_FAILED,
    STAGE_RETRYING,
    STAGE_INTERRUPTED,
    STAGE_SKIPPED,
    STAGE_SELECTED /* a select was decided */
};

/* Receives the events of a run: the progress displays and the JSON lines implement it. Any member may be NULL. */
struct run_observer {
    void *context;
    /* `detail`: a line or NULL: why it failed, with the path of its log; what a retry waits for. */
    void (*stage)(void *context, const struct instance *i, enum stage_event event, const char *detail);
    void (*progress)(void *context, const struct instance *i, double done, double total, const char *unit);
    void (*metric)(void *context, const struct instance *i, const char *name, double step, double value);
    void (*note)(void *context, const struct instance *i, const char *text); /* i NULL: of the engine */
};

struct run_options {
    const char *const *targets;
    size_t target_count;
    struct scheduler_limits limits;
    struct gpus *gpus; /* those that stages may get (engine/environment/gpus.h); as many as limits.gpus */
    bool keep_going;
    size_t keep_failed;          /* directories of failed attempts that stay */
    uint64_t log_limit_bytes;    /* of each of a stage's two logs */
    bool retry_failed;           /* run failures again that a quorum left out */
    bool force;                  /* run what the targets name, also if it is known */
    bool same_platform;          /* only results of this platform are known */
    const char *stage_program;   /* path of retort-stage */
    struct committed *committed; /* reads files of commits; NULL: the pipeline has none */
    char **covers;               /* folders that commands do not see, NULL-terminated; NULL: they see all */
    bool no_sandbox;             /* commands run without it */
    const char *results;         /* directory that results/<pipeline>/ stands in */
    const char *meter_root;      /* root of /sys and /proc for energy; NULL: "/" */
    double base_window_s;        /* of the windows of the base power, measured before and after; 0: it is not */
    struct run_observer observer;
};

struct run_summary {
    size_t known, finished, failed, interrupted, skipped;
    double wall_s;
    struct published results; /* the caller frees its path */
    char *run_id;             /* the caller frees */
};

/* 0: all done. ERR_FAILED, ERR_INTERRUPTED (SIGINT/SIGTERM/SIGHUP; everything kept), ERR_INVALID (the file, found
   while expanding; `diagnostics` says where), ERR_IO/ERR_CORRUPT (store or environment). The summary is filled in
   every case. */
int run_pipeline(const struct pipeline *pipeline, struct store *store, const struct run_options *options,
                 struct run_summary *summary, struct diagnostics *diagnostics, struct error *err);

#endif
