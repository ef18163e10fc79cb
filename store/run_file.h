/*
 * runs/<id>.json, the record of a run. RECORD.md lists every member with its type and unit; only run_file.c knows their
 * names.
 *
 *   store_run_write   without a tree, when work begins: writes run_file_head; the file of a killed run holds no more
 *   store_run_write   at the end: adds run_file_end with run_file_set_stages
 *
 * Reading never fails: a missing member (the run was killed, or goes on) is "", NaN or NULL. Texts and trees belong to
 * the run's tree.
 */
#ifndef RETORT_STORE_RUN_FILE_H
#define RETORT_STORE_RUN_FILE_H

#include <cJSON.h>
#include <stdbool.h>

#include "engine/base/buffer.h"
#include "store/record_format.h"

struct run_file {
    const char *id;
    const char *pipeline;        /* its name */
    struct record_source origin; /* of another team's study; "": a file of this machine */
    const cJSON *overrides;      /* of params, by name */
    bool ended;                  /* its end is recorded */
    double exit;                 /* status; NaN: none yet */
    double wall_s;
    const cJSON *counts; /* stages by state: run_file_count */
    const cJSON *stages; /* an array: run_file_stage_read */
    const cJSON *energy; /* of the run: the counters of the machine, and "rows" */
    const cJSON *rows;   /* an array: run_file_row_read */
    struct {
        const char *label;
        double compared;   /* stages that were expected and have finished */
        double compared_j; /* expected of them; NaN: no expectation */
        double error;      /* the share by which they took more; NaN: unknown */
    } prediction;
};
/* A view of the run file, valid as long as its tree. */
struct run_file run_file_read(const cJSON *run);

/* Stages that ended as "known", "finished", "failed", "interrupted" or "skipped"; NaN: not recorded. */
double run_file_count(const struct run_file *run, const char *state);

struct run_file_stage {
    const char *stage;   /* name of the instance */
    const char *key;     /* 64 hex digits; "": it has none */
    const char *state;   /* as above, or "waiting" */
    const char *attempt; /* the last one of this run; NULL: none */
    bool left_out;       /* it failed, and a quorum went on without it */
};
/* Reads one item of `stages`. */
struct run_file_stage run_file_stage_read(const cJSON *item);

/* Whether the text of a run file may hold an attempt at a stage whose name, as JSON text, begins with `name`. Also
   true for an incomplete text. */
bool run_file_may_tell_attempt(const char *text, const char *name);

/* A part of the run's energy: an attempt ("stage"), or energy that no stage is charged with ("unresolved", "other",
   "idle"). energy_view_read (engine/meter) reads its joules from the same item. */
struct run_file_row {
    const char *part;
    const char *stage, *kind; /* of an attempt */
};
struct run_file_row run_file_row_read(const cJSON *item);

/* ---- writing ---- */

/* The members that are known when the run begins. The caller deletes. */
cJSON *run_file_head(const char *id, const char *pipeline, const cJSON *overrides, double began_s);

struct run_file_end {
    const char *file;     /* of the pipeline */
    const char *platform; /* NULL: no stage ran, so it is unknown */
    const char *results;  /* the folder they were published to; NULL: none */
    double ended_s;       /* since 1970 */
    double wall_s;
    int exit;
    size_t known, finished, failed, interrupted, skipped;
    cJSON *energy, *prediction; /* taken over, and the next too */
    cJSON *origin;              /* of another team's study: {"url", "commit", "path"}; NULL: a file of this machine */
};

/* The members that are known when the run has ended, for store_run_write. The caller deletes. */
cJSON *run_file_end(const struct run_file_end *end);

/* Appends a stage to the text of "stages", at first `{0}`. It is text because a tree of a million stages is large.
   `key`, `attempt` and `reason` may be NULL: there is none. */
void run_file_add_stage(struct buffer *stages, const struct run_file_stage *stage, const char *reason);

/* Adds the text to the run as "stages" and closes the buffer. */
void run_file_set_stages(cJSON *run, struct buffer *stages);

#endif
