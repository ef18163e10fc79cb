/* Another team's study: an operand URL#REV[:PATH]. */
#ifndef RETORT_ENGINE_COMMAND_STUDY_H
#define RETORT_ENGINE_COMMAND_STUDY_H

#include "engine/lookup/committed.h"

struct study {
    char *url, *rev, *path; /* `path`: of the pipeline file in the commit */
    char commit[COMMIT_DIGITS + 1];
};

/* Resolves the revision, fetches its commit, and finds the only pipeline file at its top where the operand names none.
   ERR_USAGE: the operand is wrong, or names what is not there; ERR_INVALID, ERR_IO. The caller closes `out` in any case. */
int study_open(struct study *out, struct committed *c, const char *operand, struct error *err);
void study_close(struct study *s);

#endif
