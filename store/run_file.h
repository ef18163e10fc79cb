/*
 * runs/<id>.json: what the engine says of a run. RECORD.md lists every member with its type and unit; run_file.c is the
 * one place that knows their names.
 *
 * Reading never fails: what a run does not say (it was killed, or goes on) is "", NaN or NULL. Texts and trees belong to
 * the run's tree.
 */
#ifndef RETORT_STORE_RUN_FILE_H
#define RETORT_STORE_RUN_FILE_H

#include <cJSON.h>
#include <stdbool.h>

#include "engine/base/sha256.h"

struct run_file {
    const char *id;
    const char *pipeline; /* its name */
    bool ended;           /* it has written down its end */
    double exit;          /* status; NaN: none yet */
    double wall_s;
    const cJSON *counts; /* stages by state: run_file_count */
    const cJSON *stages; /* an array: run_file_stage_read */
    const cJSON *energy; /* of the run: the counters of the machine, and "rows" */
    const cJSON *rows;   /* an array: run_file_row_read */
    struct {
        const char *label;
        double compared;   /* stages that were expected and have finished */
        double compared_j; /* expected of them; NaN: nothing */
        double error;      /* by which share they took more; NaN: not known */
    } prediction;
};
struct run_file run_file_read(const cJSON *run);

/* How many stages ended in a state: "known", "finished", "failed", "interrupted", "skipped"; NaN: not said. */
double run_file_count(const struct run_file *run, const char *state);

struct run_file_stage {
    const char *stage;   /* name of the instance */
    const char *key;     /* 64 hex digits; "": it has none */
    const char *state;   /* as above, or "waiting" */
    const char *attempt; /* the last one of this run; NULL: none */
};
struct run_file_stage run_file_stage_read(const cJSON *item);

/* A part of the run's energy: an attempt ("stage"), or what no stage is charged with ("unresolved", "other", "idle").
   Its joules are read by energy_view_read (engine/meter) from the same item. */
struct run_file_row {
    const char *part;
    const char *stage, *kind; /* of an attempt */
};
struct run_file_row run_file_row_read(const cJSON *item);

#endif
