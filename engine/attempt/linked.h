/* Links in outs that lead to declared inputs. */
#ifndef RETORT_ENGINE_ATTEMPT_LINKED_H
#define RETORT_ENGINE_ATTEMPT_LINKED_H

#include "engine/base/error.h"

struct attempt;

/* Replaces each such link, also an out that is one itself, by the content of the input. It is what the key names: never
   what the link leads to by now. Other links stay. Call after the stage, before its outs are stored. Any thread.
   ERR_FAILED: the input has changed; ERR_IO. */
int linked_replace(struct attempt *a, struct error *err);

#endif
