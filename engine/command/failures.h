/* How the stages that a plan would run failed before: the last attempt at the same key, if it failed. */
#ifndef RETORT_ENGINE_COMMAND_FAILURES_H
#define RETORT_ENGINE_COMMAND_FAILURES_H

#include "engine/base/bytemap.h"
#include "engine/command/project.h"

struct failure {
    bool searched; /* its last attempt was found */
    char *reason;  /* "exit status 7 (log: PATH)"; NULL: the last attempt did not fail, or there is none */
    char *when;    /* UTC, ISO 8601; "": unknown */
};

/* Appends "failed at TIME: REASON". */
void failure_put(struct buffer *out, const char *when, const char *reason);

/* Appends a line that names the directory of the last failure; nothing where none is kept. */
void failure_put_directory(struct buffer *out, const struct project *p, const struct instance *i);

struct failures {
    struct failure *items;
    size_t count;
    struct bytemap by_key;
};

/* Finds the failures of all instances that would run. Close also after an error. ERR_IO. */
int failures_find(struct failures *out, const struct project *p, struct error *err);
void failures_close(struct failures *f);

/* NULL: its last attempt did not fail. Valid until failures_close. */
const struct failure *failures_get(const struct failures *f, const struct instance *i);

#endif
