/*
 * One attempt at one stage, for a run and for verify alike. Its life:
 *
 *   attempts_fetch        inputs from URLs enter the store (fetch.h)          main thread
 *   attempt_create
 *   attempt_start         the project's files are compared with the key       main thread
 *     prepare             its directory is filled                             worker, or at once
 *   attempts_submit       all that are prepared go to the executor            main thread
 *     events              progress, metrics, notes of the stage               main thread
 *     collect             outs go into the store, the directory is emptied    worker
 *     observer.ended      `outcome` is there                                  main thread
 *   inputs_check_after    the stage read nothing but what its key says        main thread
 *   attempt_record        for the store
 *   attempt_free
 *
 * An attempt's directory is held open (directory.h). Everything that the stage leaves is reached from there,
 * never by a path that the stage could have changed.
 */
#ifndef RETORT_ENGINE_ATTEMPT_ATTEMPT_H
#define RETORT_ENGINE_ATTEMPT_ATTEMPT_H

#include <stdatomic.h>
#include <uv.h>

#include "engine/attempt/directory.h"
#include "engine/attempt/events.h"
#include "engine/attempt/executor.h"
#include "engine/attempt/given.h"
#include "engine/attempt/inputs.h"
#include "engine/lookup/facts.h"
#include "engine/plan/plan.h"
#include "engine/provenance/provenance.h"
#include "engine/transfer/transfer.h"
#include "store/store.h"

/* ---- shared by the attempts of one engine ---- */

enum { ATTEMPT_LOG_LIMIT = 64 << 20 };

struct attempts_options {
    uv_loop_t *loop;
    struct store *store;
    struct facts *facts;
    struct gpus *gpus; /* handed out to the attempts */
    const struct pipeline *pipeline;
    const char *platform;     /* copied */
    const char *run;          /* its id, for records; copied; NULL: there is none */
    const char *name;         /* names of directories begin with it; copied */
    size_t keep_failed;       /* directories of failed attempts that stay */
    uint64_t log_limit_bytes; /* of each of a stage's two logs; ATTEMPT_LOG_LIMIT where nobody sets another */
    char **covers;   /* folders that commands do not see, NULL-terminated; NULL: they see all. It outlives all */
    bool no_sandbox; /* the user declines it */
};

struct attempts {
    struct attempts_options options;
    char *platform, *run, *name;
    char **covers; /* NULL: the machine allows no isolation, or nobody wants it */
    bool probed;   /* whether the machine was asked */
    struct {
        bool probed;
        struct sandbox_means means;
        struct error error; /* why the machine allows none */
    } sandbox;
    struct executor *executor;
    int work_fd;                    /* the store's work/ */
    struct attempt *noting;         /* they hold a note */
    struct attempt_directory *idle; /* directories that the next attempts use */
    size_t directory_count;
    struct attempt **prepared; /* they wait for attempts_submit */
    size_t prepared_count, prepared_capacity;
    struct transfers *transfers; /* NULL before the first */
    struct fetch *fetches;       /* fetch.c */
    size_t fetch_count, fetching;
    cJSON *git;
    struct git_files git_files;                  /* names of tracked files */
    cJSON *git_text, *host_text, *versions_text; /* provenance of every record: raw, so that it is written once */
    bool has_provenance;
    uv_work_t provenance_work;
};

/* Starts to gather the provenance on a worker. Closed also after a failure. ERR_IO. */
int attempts_open(struct attempts *out, const struct attempts_options *options, struct error *err);

/* Ends the keepers; after every attempt has ended. The loop has to run once more before attempts_free. */
void attempts_close(struct attempts *all);
void attempts_free(struct attempts *all);

/* Stops all stages, or lets them go on; `all` is a struct attempts. For event_loop_on_stop. */
void attempts_stop(void *all, bool stop);

/* Passes on the notes that are due: of a stage one a second, the last. Returns when (clock_awake_ns, in ms) to call it
   again; UINT64_MAX: never. In notes.c. */
uint64_t attempts_pass_notes(struct attempts *all);

/* Gives what is prepared by now to the executor, as one batch. */
void attempts_submit(struct attempts *all);

/* ---- one attempt ---- */

struct attempt_observer {
    void *context;
    void (*started)(void *context, pid_t keeper);
    void (*progress)(void *context, double done, double total, const char *unit);
    void (*metric)(void *context, const char *name, double step, double value);
    void (*note)(void *context, const char *text);
    /* All processes of the stage are gone; its keeper can still be read below /proc. */
    void (*ending)(void *context);
    /* It ended with status 0: its outs are collected next. May be NULL. */
    void (*executed)(void *context);
    /* The outcome is there. It is the last call. */
    void (*ended)(void *context);
};

struct log {
    bool known; /* it could be read */
    struct digest digest;
    uint64_t size; /* 0: the file was removed */
};

struct outcome {
    bool finished;                /* exit 0 and every out is as declared */
    bool has_result;              /* the keeper told one; it may have been killed */
    struct attempt_result result; /* without a result its members are unknown */
    int keeper_status;            /* as of waitpid, where the keeper was killed */
    bool checkpoint_stuck;        /* there is a checkpoint, and this attempt did not advance it */
    bool short_of_space;          /* it failed, and less than a MiB is left on its file system */
    char *reason;                 /* not finished: why, in a line with the path of the log */
    char *detail;                 /* not finished: the reason and the last lines of its stderr, or of its stdout */
    struct object *outs;          /* finished: one per action->outs */
    cJSON *metrics;               /* finished: an object */
    struct log stdout_log, stderr_log;
};

struct attempt_options {
    struct instance *instance; /* lives as long as the attempt, which holds its action */
    const char *id;            /* names its files; copied */
    int number;                /* of the stage in this run, from 1 */
    char *checkpoint;          /* the checkpoint's directory; taken over; NULL: none, or of its own where only_look */
    bool only_look;            /* its outs are not taken into the store, and its directory stays until attempt_remove */
};

struct attempt {
    struct attempts *all;
    struct instance *instance;
    struct attempt_observer observer;
    char *id;
    int number, cpus;
    char *gpus;      /* those that it got, "0,2"; NULL: none */
    bool holds_gpus; /* until its processes are gone */
    bool only_look;
    bool object_lost;           /* an input from the store is damaged or gone, and must be made again */
    struct isolation isolation; /* of a command; without covers where it sees the project */
    bool sandboxed;
    struct sandbox sandbox; /* complete once it is prepared */
    size_t read_count, read_capacity;
    char **places; /* targets of its binds */
    size_t keep_count, keep_capacity, bind_capacity, place_capacity, bound_count;
    atomic_bool cancelled; /* asked to leave, or killed, before it was submitted */
    bool own_inputs;       /* they are copies, which the user of a shell may change; not in an isolated directory */
    bool keeps;            /* its directory stays if it fails: */
    char *kept;            /* there; NULL before the stage has ended */

    struct attempt_directory *directory; /* from attempt_start to attempt_remove */
    char *worked_in;                     /* the stage's working directory, for the record */
    char *checkpoint;
    int checkpoint_fd; /* -1: none */
    struct digest checkpoint_stamp;
    char *stdout_log, *stderr_log;
    char **argv; /* of a command, as run; NULL-terminated */
    size_t argc;
    char **environment;
    struct attempt_inputs inputs;
    cJSON *account; /* the record of the attempt, as far as it is known beforehand */
    char *account_path;

    struct execution *execution; /* NULL before and after the keeper has it */
    struct event_reader events;
    struct {
        char *held;           /* the last one that is not passed on yet; NULL: none */
        size_t left_out;      /* before it */
        uint64_t due_ms;      /* of clock_awake_ns: the next one may be passed on */
        struct attempt *next; /* that holds a note too */
    } notes;
    uv_work_t work;
    int code; /* of the first step that failed; `error` says why */
    struct error error;
    struct outcome outcome;
};

/* Copies the id and takes over the checkpoint's path; starts nothing. The caller frees with attempt_free. */
struct attempt *attempt_create(struct attempts *all, const struct attempt_options *options);
void attempt_free(struct attempt *a); /* after it has ended; NULL is fine */

/* Whether a stage uses a checkpoint directory. */
bool attempt_uses_checkpoint(const struct instance *i);

/* Starts an attempt. `observer` is copied. `ended` is called later, also when the start fails; `code` then says why.
   ERR_IO: the disk, the system, or the store could not take an out. ERR_FAILED: a file of the project changed.
   ERR_NOT_FOUND, ERR_CORRUPT, ERR_INVALID: an input is missing or has changed. ERR_INTERRUPTED: it was cancelled
   before it began. A stage that fails is an outcome, with code 0. */
void attempt_start(struct attempt *a, const struct attempt_observer *observer);

/* Prepares an only_look attempt and starts nothing: its directory, `argv` and `environment` are as the stage would have
   them. Errors as for attempt_start. Then attempt_remove. */
int attempt_enter(struct attempt *a, struct error *err);

/* Asks the stage to leave, or kills it. Harmless when it has ended. `failed`: because it failed, by taking too long. */
void attempt_cancel(struct attempt *a, enum cancel how, bool failed);

/* The record of an attempt that has ended (store/RECORD.md). The caller deletes it. */
cJSON *attempt_record(const struct attempt *a);

/* An out in a record: one that may be a file or a directory by what it is. The caller deletes it. */
cJSON *attempt_out_json(const struct out_decl *out, const struct object *object);

/* Gives its directory back. Before attempt_free, where only_look. */
void attempt_remove(struct attempt *a);

/* ---- provenance.c, for attempt.c; on a worker thread ---- */

/* The git state of a pipeline, as provenance_git gives it; of another team's study that of its commit. */
cJSON *attempts_git(const struct pipeline *p, struct git_files *files);
void attempts_find_provenance(uv_work_t *work); /* of a struct attempts, `work->data` */

/* ---- notes.c, for attempt.c ---- */

/* A note of the stage. */
void attempt_note(struct attempt *a, const char *text);

/* Passes on the last one: no more come. */
void attempt_end_notes(struct attempt *a);

/* ---- steps, on worker threads; for attempt.c ---- */

/* prepare.c. Errors as for attempt_start. */
int attempt_prepare(struct attempt *a, struct error *err);

/* The request for the keeper. It borrows from the attempt. */
struct attempt_request attempt_request(const struct attempt *a);

/* outcome.c. ERR_IO: the store could not take an out. Everything else is an outcome. */
int attempt_collect(struct attempt *a, struct error *err);
void outcome_close(struct outcome *o);

/* outs.c. Takes the outs into the store, or looks at them, and reads the metrics. ERR_FAILED, ERR_INVALID: an out is
   not as declared. ERR_IO. */
int attempt_store_outs(struct attempt *a, struct error *err);

/* Whether it is a metrics out inside a directory out, with which its file is stored. */
bool attempt_out_is_inside(const struct action *action, const struct out_decl *out);

/* Whether another team's stage left a git repository at a path of its directory. git runs programs that a repository's
   configuration names, for whoever enters the folder. */
bool attempt_leaves_repository(const struct attempt *a, int folder, const char *name);

/* attempt_record.c: the members of the record that are known before the attempt runs. The caller deletes it. */
cJSON *attempt_record_head(const struct attempt *a);

#endif
