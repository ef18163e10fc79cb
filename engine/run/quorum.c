/*
 * Failures that a quorum leaves out. One by exit status is remembered under its key, as attempts/failed-<key>.json: the
 * same work would fail again. A signal or a timeout may be the machine's fault, so it is retried and never remembered.
 */
#include <stdlib.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/run/internal.h"
#include "store/attempts.h"

bool quorum_tolerates(const struct task *t) {
    struct plan *plan = t->run->plan;
    bool tolerated = plan_has_quorum(plan) && plan_is_left_out(plan, t->instance);
    for (size_t i = 0; tolerated && i < t->twin_count; i++)
        tolerated = plan_is_left_out(plan, t->twins[i]);
    return tolerated;
}

void quorum_remember(struct task *t, cJSON *record) {
    struct error fault = {0};
    char *id = store_failure_id(&t->instance->key);
    cJSON_ReplaceItemInObjectCaseSensitive(record, "attempt", cJSON_CreateString(id)); /* the name of the file */
    if (store_attempt_write(t->run->store, id, record, &fault) < 0)
        run_note(t->run, t->instance, fault.message);
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
    cJSON *record = NULL;
    if (!plan_has_quorum(r->plan) || r->options->retry_failed || !plan_is_left_out(r->plan, i))
        return false;
    char *id = store_failure_id(&i->key);
    bool failed = store_attempt_read(r->store, id, &record, NULL) == 0;
    if (failed) {
        char *reason =
            mem_printf("failed before: %s; run --retry-failed runs it again", json_text(record, "reason", "?"));
        plan_fail(r->plan, i, reason);
        run_report(r, i, STAGE_FAILED, reason);
        free(reason);
    }
    cJSON_Delete(record);
    free(id);
    return failed;
}

size_t quorum_left_out(const struct run *r) {
    size_t count, left_out = 0;
    struct instance *const *all = plan_instances(r->plan, &count);
    for (size_t k = 0; plan_has_quorum(r->plan) && k < count; k++)
        left_out += quorum_leaves_out(r, all[k]);
    return left_out;
}

bool quorum_leaves_out(const struct run *r, const struct instance *i) {
    return plan_has_quorum(r->plan) && i->wanted && i->state == INSTANCE_FAILED && i->decl->type != STAGE_SELECT &&
           plan_is_left_out(r->plan, i);
}
