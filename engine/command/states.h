/* The states of instances and their reasons, for `plan` and `why`. */
#ifndef RETORT_ENGINE_COMMAND_STATES_H
#define RETORT_ENGINE_COMMAND_STATES_H

#include "engine/command/failures.h"
#include "engine/command/project.h"

enum { SIMILAR_RECORDS = 16 };

struct record_list {
    cJSON **items;
    size_t count;
};

/* Records that may explain why an instance has to run: its own, those of its stage and of its kind. The latter are
   read once for consecutive instances of a stage. A command has no kind: a command of another stage explains
   nothing. Begin with `{.store = s}`, and set `failures` if a failure may be the reason. Close with earlier_close. */
struct earlier_records {
    struct store *store;
    const struct failures *failures; /* may be NULL */
    const struct kind *kind;
    const struct stage_decl *decl;
    struct record_list of_kind, of_stage, of_instance;
};
void earlier_close(struct earlier_records *e);

/* The record nearest to the instance's present components; NULL: none. Valid until the next call. */
const cJSON *earlier_nearest(struct earlier_records *e, const struct instance *i, const cJSON *components);

/* "known", "run" or "waiting". One that is left out is known: no run repeats it. */
const char *state_name(struct plan *plan, const struct instance *i);

/* Appends one line: the reason for the instance's state. */
void state_reason(struct buffer *out, struct earlier_records *e, struct plan *plan, const struct instance *i);

/* Appends a line that says which runs withdrew an earlier record; nothing if none did. */
void state_put_withdrawals(struct buffer *out, const struct texts *runs);

/* Calls `each` for every instance that the plan's targets name, in plan order; returns their number. */
size_t state_each_named(const struct project *p,
                        void (*each)(void *context, const struct project *p, const struct instance *i), void *context);

#endif
