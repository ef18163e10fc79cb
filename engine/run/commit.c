/* Durable first, reported then. */
#include <stdlib.h>

#include "engine/base/json.h"
#include "engine/run/internal.h"
#include "store/attempts.h"

enum { COMMIT_RECORDS = 256 };

static void report_finished(struct run *r, struct task *t) {
    struct error fault = {0};
    if (t->claimed && store_release(r->store, &t->instance->key, &fault) < 0)
        run_note(r, t->instance, fault.message);
    t->claimed = false;
    t->durable = true;
    if (task_is_cached(t)) /* the record takes the place of the account */
        store_attempt_remove(r->store, t->attempt_id);
    if (attempt_uses_checkpoint(t->instance) &&
        store_checkpoint_remove(r->store, &t->instance->key, r->platform, &fault) < 0)
        run_note(r, t->instance, fault.message);
    run_report(r, t->instance, STAGE_FINISHED, NULL);
    for (size_t i = 0; i < t->twin_count; i++)
        run_report(r, t->twins[i], STAGE_KNOWN, instance_name(t->instance));
}

int run_commit(struct run *r, bool now, struct error *err) {
    bool due =
        r->finished.count > 0 && (now || store_queued(r->store) >= COMMIT_RECORDS || run_now_ms() >= r->commit_due_ms);
    if (!due) /* with nothing queued it shows other hosts that this engine lives */
        return store_queued(r->store) == 0 ? store_commit(r->store, err) : 0;
    int rc = store_commit(r->store, err);
    if (rc < 0)
        return rc;
    for (struct task *t; (t = task_list_pop(&r->finished));)
        report_finished(r, t);
    return 0;
}
