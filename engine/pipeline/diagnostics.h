/*
 * All faults of a pipeline file, collected and then shown together:
 *
 *   study.json:12:17: error: unknown parameter "stepz"; did you mean "steps"? (at /stages/scratch/with/stepz)
 */
#ifndef RETORT_ENGINE_PIPELINE_DIAGNOSTICS_H
#define RETORT_ENGINE_PIPELINE_DIAGNOSTICS_H

#include <stddef.h>

#include "engine/base/buffer.h"
#include "engine/base/json.h"

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

/* Where something stands in a pipeline file. `file` and `pointer` live as long as the pipeline. */
struct location {
    const char *file;
    struct json_position position; /* line 0: the file as a whole */
    const char *pointer;           /* JSON Pointer; "" for the root */
};

struct diagnostic {
    enum severity severity;
    struct location at;
    char *message;
};

struct diagnostics {
    struct diagnostic *items;
    size_t count, capacity;
    size_t errors; /* how many of them are errors */
};

void diagnostics_add(struct diagnostics *d, enum severity severity, const struct location *at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Sorts by file and place, drops exact repeats, appends one line each. */
void diagnostics_print(struct buffer *out, struct diagnostics *d);
void diagnostics_close(struct diagnostics *d);

#endif
