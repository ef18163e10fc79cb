/* What `plan` and `why` say of an instance. */
#ifndef RETORT_ENGINE_COMMAND_STATES_H
#define RETORT_ENGINE_COMMAND_STATES_H

#include "engine/command/project.h"

enum { SIMILAR_RECORDS = 16 };

/* "known", "run" or "waiting". */
const char *state_name(const struct instance *i);

/* One line: why an instance is in its state. */
void state_reason(struct buffer *out, const struct project *p, const struct instance *i);

/* The record nearest to what an instance would run now: of the same stage, else of the same kind; NULL when there is
   none. The caller deletes it. */
cJSON *state_nearest_record(const struct project *p, const struct instance *i);

/* Does `each` for every instance that the plan's targets name, in plan order; returns how many there are. */
size_t state_each_named(const struct project *p,
                        void (*each)(void *context, const struct project *p, const struct instance *i), void *context);

#endif
