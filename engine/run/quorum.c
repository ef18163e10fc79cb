/*
 * Failures of instances that only selects with a quorum need, kept under their keys as attempts/failed-<key>.json. One by
 * exit status is remembered, whether the quorum was reached or not: the same work would fail again. A signal or a timeout may be the machine's fault, so it is retried, and
 * the next run tries it again.
 */
#include <stdlib.h>

#include "engine/lookup/recall.h"
#include "engine/run/internal.h"
#include "store/attempts.h"
#include "store/record_format.h"

bool quorum_tolerates(const struct task *t) {
    struct plan *plan = t->run->plan;
    bool tolerated = plan_has_quorum(plan) && plan_is_left_out(plan, t->instance);
    for (size_t i = 0; tolerated && i < t->twin_count; i++)
        tolerated = plan_is_left_out(plan, t->twins[i]);
    return tolerated;
}

bool quorum_is_served(const struct task *t) {
    bool served = plan_serves_quorum(t->run->plan, t->instance);
    for (size_t i = 0; served && i < t->twin_count; i++)
        served = plan_serves_quorum(t->run->plan, t->twins[i]);
    return served;
}

void quorum_keep(struct task *t, bool remembered, const char *reason) {
    struct error fault = {0};
    cJSON *record = attempt_record(t->attempt);
    char *id = store_failure_id(&t->instance->key);
    cJSON_ReplaceItemInObjectCaseSensitive(record, "attempt", cJSON_CreateString(id)); /* the name of the file */
    record_set_end(record, remembered ? recall_remembered : recall_left_out, reason);
    if (store_attempt_write(t->run->store, id, record, &fault) < 0)
        run_note(t->run, t->instance, fault.message);
    cJSON_Delete(record);
    free(id);
}

void quorum_forget(struct task *t) {
    if (!plan_has_quorum(t->run->plan))
        return;
    char *id = store_failure_id(&t->instance->key);
    store_attempt_remove(t->run->store, id);
    free(id);
}

bool quorum_recall(struct run *r, struct instance *i) {
    if (!recall_failure(r->plan, r->store, r->options->retry_failed ? RECALL_NONE : RECALL_REMEMBERED, i))
        return false;
    run_report(r, i, STAGE_FAILED, i->reason);
    if (!quorum_leaves_out(r, i))
        scheduler_fail(r->scheduler);
    return true;
}

size_t quorum_left_out(const struct run *r) {
    size_t count, left_out = 0;
    struct instance *const *all = plan_instances(r->plan, &count);
    for (size_t k = 0; plan_has_quorum(r->plan) && k < count; k++)
        left_out += quorum_leaves_out(r, all[k]);
    return left_out;
}

bool quorum_leaves_out(const struct run *r, const struct instance *i) {
    return i->wanted && i->state == INSTANCE_FAILED && i->decl->type != STAGE_SELECT && plan_was_left_out(r->plan, i);
}
