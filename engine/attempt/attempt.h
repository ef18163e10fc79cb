/*
 * The files of one attempt: what the stage is given before, what it left behind after.
 *
 *   attempt_create, attempt_look --main thread: the project's files are what the key says
 *   attempt_prepare --worker--> work/<id>/attempt.json, spec.json, dir/in/..., dir/.home, dir/.tmp
 *                               (the keeper runs it: executor.h; it writes work/<id>/result.json and the logs)
 *   attempt_collect --worker--> struct outcome; outs are in the store, work/<id> is gone
 *   attempt_check_inputs --main thread: and the stage read nothing else
 *
 * One thread at a time; the action must live as long.
 */
#ifndef RETORT_ENGINE_ATTEMPT_ATTEMPT_H
#define RETORT_ENGINE_ATTEMPT_ATTEMPT_H

#include "engine/attempt/given.h"
#include "engine/plan/plan.h"
#include "store/store.h"

/* Where stages find their programs. */
#define ATTEMPT_PATH "/usr/local/bin:/usr/bin:/bin"

/* An object that the stage reads where others do: through a hard link, or in its place in the store. */
struct shared_input {
    const char *input; /* its name */
    char *path;
    struct object object;
    struct digest stamp; /* of what is at `path`, when it was given */
};

struct attempt {
    struct store *store;
    const struct instance *instance;
    int cpus;
    char *id;
    char *root;      /* work/<id> */
    char *directory; /* where the stage works */
    char *file, *spec, *result, *stdout_log, *stderr_log;
    char *checkpoint; /* NULL: the stage has none */
    bool object_lost; /* what it was to be given, or was given, is damaged or gone, and must be made again */
    bool only_look;   /* its outs are not taken into the store, and work/<id> stays: it is the caller's to remove */
    cJSON *account;   /* what the keeper needs to leave a record should this engine be killed */
    struct digest checkpoint_stamp;
    char **argv; /* of a command, as run */
    size_t argc;
    struct shared_input *shared;
    size_t shared_count, shared_capacity;
    struct given_file *given;       /* one an item of the action's inputs, in their order; empty for an object */
    struct given_program *programs; /* the action's pins */
};

/* `checkpoint`: the path of the checkpoint directory, NULL for a stage that has none; taken over. The caller frees with
   attempt_free. */
struct attempt *attempt_create(struct store *store, const struct instance *instance, const char *id, char *checkpoint);

/* `head`: the members of the attempt's record that are known before it runs; taken over. Before attempt_prepare. */
void attempt_account(struct attempt *a, cJSON *head);
void attempt_free(struct attempt *a);

/* Whether a stage uses a checkpoint directory. */
bool attempt_uses_checkpoint(const struct instance *i);

/* Before attempt_prepare: whether the project's files and pinned programs are what the key says. ERR_FAILED names one
   that is not; ERR_IO. */
int attempt_look(struct attempt *a, struct facts *facts, struct error *err);

/* A file of the project, or a pinned program, that was not, or may not have been, what the key says, `when` it changed:
   what the stage made of it belongs to no key. ERR_FAILED; ERR_IO. */
int attempt_check_inputs(const struct attempt *a, struct facts *facts, const char *when, struct error *err);

/* ERR_IO: the disk, the system. ERR_FAILED: a file of the project changed. ERR_NOT_FOUND, ERR_CORRUPT, ERR_INVALID: an
   input is not there or not what it was. */
int attempt_prepare(struct attempt *a, struct error *err);

struct log {
    bool known; /* it could be read */
    struct digest digest;
    uint64_t size; /* 0: the file was removed */
};

struct outcome {
    bool finished;         /* exit 0 and every out is as declared */
    int exit;              /* -1: it did not exit */
    int signal;            /* 0: it did not die of one */
    bool checkpoint_stuck; /* there is a checkpoint, and this attempt did not advance it */
    char *reason;          /* not finished: why, in a line with the path of the log */
    char *detail;          /* not finished: the reason and the last lines of its stderr */
    cJSON *result;         /* what the keeper reported; NULL when it was killed */
    struct object *outs;   /* finished: one per action->outs */
    cJSON *metrics;        /* finished: an object */
    struct log stdout_log, stderr_log;
    bool short_of_space; /* failed: less than a MiB is left on its file system, which may be why */
    double wall_s;       /* NAN: its keeper was killed before it had written that down */
};

/* `keeper_status` as of waitpid. ERR_IO: the store could not take an out; everything else is an outcome. */
int attempt_collect(struct attempt *a, int keeper_status, struct outcome *out, struct error *err);
void outcome_close(struct outcome *o);

#endif
