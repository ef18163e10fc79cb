/* Replaces home folders, host names and user names in records, before they leave. */
#ifndef RETORT_ENGINE_BUNDLE_REDACT_H
#define RETORT_ENGINE_BUNDLE_REDACT_H

#include <cJSON.h>

#include "engine/base/texts.h"

struct redaction {
    const char *root;   /* of the project, absolute: paths below it become relative. Not owned. */
    struct texts hosts; /* the first becomes "host-1" */
    struct texts users; /* the first becomes "user-1" */
    struct texts homes; /* become "~" */
};

/* Begins with the home and name of the caller. */
void redaction_open(struct redaction *r, const char *root);
void redaction_close(struct redaction *r);

/* Notes the host, and all users whose homes a record names. Call it for all records before the first is changed. */
void redaction_note(struct redaction *r, const cJSON *record);

/* Changes the texts of a record. Its key, the key's components, names of stages and outs, and metrics stay: they are the
   result, and the key is computed from the components. */
void redaction_apply(const struct redaction *r, cJSON *record);

#endif
