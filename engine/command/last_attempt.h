/* The last attempt that a run made at an instance, for instances without a record in the store. */
#ifndef RETORT_ENGINE_COMMAND_LAST_ATTEMPT_H
#define RETORT_ENGINE_COMMAND_LAST_ATTEMPT_H

#include "engine/command/project.h"

struct last_attempt {
    const struct instance *instance;
    char *attempt; /* its id, on the heap; NULL: none was found yet */
    bool is_other; /* it had another key than the instance has now, as far as that is known */
};

/* Looks through the runs, the newest first, for the attempts that are missing. ERR_IO. */
int last_attempts_find(struct last_attempt *items, size_t count, const struct project *p, struct error *err);

#endif
