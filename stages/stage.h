/*
 * The world of a built-in kind's code: its attempt, opened from RETORT_SPEC. It reads nothing else.
 */
#ifndef RETORT_STAGES_STAGE_H
#define RETORT_STAGES_STAGE_H

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

struct stage_item {
    const char *path;
    const char *name;    /* visible file name */
    const char *sha256;  /* 64 hex digits */
    const cJSON *labels; /* an object */
};

struct kind;
struct stage;

/* Reads and checks the spec of an attempt, and its environment. From here on SIGTERM is noted. ERR_INVALID,
   ERR_NOT_FOUND or ERR_IO; the message begins with the path. */
int stage_open(struct stage **out, const char *spec_path, struct error *err);
void stage_close(struct stage *s);

/* The description, the parameters, and the threads that the code may use: at least 1. */
const struct kind *stage_kind(const struct stage *s);
const cJSON *stage_with(const struct stage *s); /* complete: every parameter of the kind is there and valid */
int stage_cpus(const struct stage *s);

/* Typed reads of `with`; the description guarantees presence and type. */
double stage_number(const struct stage *s, const char *name);
int64_t stage_integer(const struct stage *s, const char *name);
bool stage_boolean(const struct stage *s, const char *name);
const char *stage_text(const struct stage *s, const char *name);

/* Items of an input; NULL and 0 when it was not given. */
const struct stage_item *stage_input(const struct stage *s, const char *name, size_t *count);

/* Path of an out; stage_write replaces it atomically. */
const char *stage_out(const struct stage *s, const char *name);
int stage_write(const struct stage *s, const char *name, const void *bytes, size_t size, struct error *err);

/* Checkpoint directory that survives kills; NULL when there is none (retort exec). */
const char *stage_checkpoint(const struct stage *s);

/* Events on RETORT_EVENTS_FD; nothing happens when there is none. Progress is cut to ten lines a second. */
void stage_progress(struct stage *s, double done, double total, const char *unit);
void stage_metric(struct stage *s, const char *name, double step, double value);
void stage_note(struct stage *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* SIGTERM has come: checkpoint, then return STAGE_INTERRUPTED. */
bool stage_interrupted(const struct stage *s);

/* Sets a metric of the kind, which stage_finish writes to its metrics out. ERR_FAILED for NaN and infinity. */
int stage_result(struct stage *s, const char *metric, double value, struct error *err);
int stage_finish(struct stage *s, struct error *err);

enum { STAGE_INTERRUPTED = 75 }; /* exit status of an attempt that left a checkpoint */

/* Runs one kind: 0, STAGE_INTERRUPTED, or a negative error code. */
typedef int stage_run(struct stage *s, struct error *err);
stage_run *stage_find(const struct kind *kind); /* the code of one of kinds_all() */

#endif
