/*
 * Durable first, reported then, known to other engines last.
 *
 *   finished --a worker writes its group--> durable, reported --one transaction for some groups--> known, released
 *
 * The worker waits for the disk, and the loop goes on. The transaction stays on the loop's thread, which owns the
 * index. It waits for the disk too, so it comes once a second. Until then the claim keeps other engines from the same
 * work.
 */
#include <stdlib.h>

#include "engine/base/json.h"
#include "engine/run/internal.h"
#include "store/attempts.h"

enum { COMMIT_RECORDS = 256, INDEX_RECORDS = 1024, INDEX_WAIT_MS = 1000 };

static void report_finished(struct run *r, struct task *t) {
    struct error fault = {0};
    t->durable = true;
    if (t->recorded) /* the record takes the place of the account */
        store_attempt_remove(r->store, t->attempt_id);
    if (attempt_uses_checkpoint(t->instance) &&
        store_checkpoint_remove(r->store, &t->instance->key, r->platform, &fault) < 0)
        run_note(r, t->instance, fault.message);
    run_report(r, t->instance, STAGE_FINISHED, NULL);
    for (size_t i = 0; i < t->twin_count; i++)
        run_report(r, t->twins[i], STAGE_KNOWN, instance_name(t->instance));
}

/* ---- groups ---- */

static void write_group(uv_work_t *work) {
    struct run *r = work->data;
    r->group_code = store_group_write(r->group, &r->group_error);
}

static void on_written(uv_work_t *work, int status) {
    struct run *r = work->data;
    (void)status;
    r->group_written = true;
}

static void report_group(struct run *r) {
    for (struct task *t; (t = task_list_pop(&r->committing));) {
        report_finished(r, t);
        if (r->durable.count == 0)
            r->index_due_ms = run_now_ms() + INDEX_WAIT_MS;
        task_list_add(&r->durable, t);
    }
}

/* Stages that are not cached have no record, and a group may be empty. */
static int begin_group(struct run *r, struct error *err) {
    int rc = store_group_begin(&r->group, r->store, err);
    if (rc < 0)
        return rc;
    r->committing = r->finished;
    r->finished = (struct task_list){0};
    r->group_work.data = r;
    if (r->group)
        uv_queue_work(&r->loop.uv, &r->group_work, write_group, on_written);
    else
        report_group(r);
    return 0;
}

static int end_group(struct run *r, struct error *err) {
    store_group_end(r->group, r->group_code);
    r->group = NULL;
    r->group_written = false;
    if (r->group_code < 0)
        return error_set(err, r->group_code, "%s", r->group_error.message);
    report_group(r);
    return 0;
}

static int write_finished(struct run *r, bool now, struct error *err) {
    int rc = r->group && r->group_written ? end_group(r, err) : 0;
    if (rc < 0 || r->group)
        return rc;
    bool due =
        r->finished.count > 0 && (now || store_queued(r->store) >= COMMIT_RECORDS || run_now_ms() >= r->commit_due_ms);
    /* With nothing queued it shows other hosts that this engine lives. */
    return due || store_queued(r->store) == 0 ? begin_group(r, err) : 0;
}

/* ---- the index ---- */

static int index_durable(struct run *r, bool now, struct error *err) {
    size_t waiting = store_unindexed(r->store);
    if (waiting > 0 && !now && waiting < INDEX_RECORDS && run_now_ms() < r->index_due_ms)
        return 0;
    int rc = store_index(r->store, err);
    for (struct task *t; rc == 0 && (t = task_list_pop(&r->durable));)
        task_release(t);
    return rc;
}

/* ---- both ---- */

bool run_is_committing(const struct run *r) {
    return r->finished.count > 0 || r->group || r->durable.count > 0;
}

uint64_t run_commit_due_ms(const struct run *r) {
    uint64_t due = r->finished.count > 0 && !r->group ? r->commit_due_ms : UINT64_MAX;
    return r->durable.count > 0 && r->index_due_ms < due ? r->index_due_ms : due;
}

int run_commit(struct run *r, bool now, struct error *err) {
    int rc = write_finished(r, now, err);
    if (rc < 0) { /* not durable: not reported, not said to be finished */
        r->finished = r->committing = (struct task_list){0};
        return rc;
    }
    rc = index_durable(r, now && r->finished.count == 0 && !r->group, err);
    if (rc < 0) /* the next opening makes them known */
        r->durable = (struct task_list){0};
    return rc;
}
