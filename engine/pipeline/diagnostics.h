/*
 * Collects all faults of a pipeline file and prints them together:
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
    char *message;                 /* owns one block that also holds file and pointer */
    const char *file;
    const char *pointer; /* JSON Pointer; "" for the root */
    const char *subject; /* the instance that has it; "" for none */
    size_t repeats;      /* of other subjects; after diagnostics_print */
};

struct diagnostics {
    struct diagnostic *items;
    size_t count, capacity;
    size_t errors; /* how many of them are errors */
};

/* Copies file and place: diagnostics outlive the pipeline that `at` points into. */
void diagnostics_add(struct diagnostics *d, enum severity severity, const struct location *at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same for a fault that the instance `subject` has. Others may have it too: they are counted when it is printed. */
void diagnostics_add_of(struct diagnostics *d, enum severity severity, const struct location *at, const char *subject,
                        const char *message);

/* For a file that is no JSON, which has positions but no nodes. */
void diagnostics_add_at(struct diagnostics *d, enum severity severity, const char *file, struct json_position position,
                        const char *message);

/* Appends all of `from` and empties it. */
void diagnostics_move(struct diagnostics *d, struct diagnostics *from);

/* Sorts by file and place, drops repeats and appends one line for each diagnostic. */
void diagnostics_print(struct buffer *out, struct diagnostics *d);
void diagnostics_close(struct diagnostics *d);

#endif
