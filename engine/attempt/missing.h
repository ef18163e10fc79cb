/* Why a command did not find a file: the project has it, and the stage was not given it. */
#ifndef RETORT_ENGINE_ATTEMPT_MISSING_H
#define RETORT_ENGINE_ATTEMPT_MISSING_H

#include "engine/base/buffer.h"

struct attempt;

/* Looks in `text`, the last lines of a failed command's log, for paths of the project. Appends "; " and a sentence for
   each that is no input, or is one that stands elsewhere. An input that could not be changed is named too, and a file
   that the sandbox does not show. A few at most. */
void missing_explain(struct buffer *out, struct attempt *a, const char *text);

#endif
