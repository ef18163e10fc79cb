/*
 * All faults of a pipeline file, collected and then shown together:
 *
 *   study.json:12:17: error: unknown parameter "stepz"; did you mean "steps"? (at /stages/scratch/with/stepz)
 */
#ifndef RETORT_ENGINE_PIPELINE_DIAGNOSTICS_H
#define RETORT_ENGINE_PIPELINE_DIAGNOSTICS_H

#include <stddef.h>

#include "engine/base/buffer.h"
#include "engine/pipeline/location.h"

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct diagnostic {
    enum severity severity;
    struct json_position position; /* line 0: the file as a whole */
    char *message;                 /* one block of three texts: this, and */
    const char *file;
    const char *pointer; /* JSON Pointer; "" for the root */
};

struct diagnostics {
    struct diagnostic *items;
    size_t count, capacity;
    size_t errors; /* how many of them are errors */
};

/* A diagnostic outlives the pipeline: it keeps nothing of `at`. */
void diagnostics_add(struct diagnostics *d, enum severity severity, const struct location *at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same for a place that is no node: a file that is no JSON. */
void diagnostics_add_at(struct diagnostics *d, enum severity severity, const char *file, struct json_position position,
                        const char *message);

/* Adds all of `from`, which is empty then. */
void diagnostics_move(struct diagnostics *d, struct diagnostics *from);

/* Sorts by file and place, drops exact repeats, appends one line each. */
void diagnostics_print(struct buffer *out, struct diagnostics *d);
void diagnostics_close(struct diagnostics *d);

#endif
