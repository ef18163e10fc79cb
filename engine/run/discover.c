/* From the plan to tasks: what is known is finished, what is not is submitted. */
#include <math.h>
#include <stdlib.h>

#include "engine/attempt/fetch.h"
#include "engine/base/memory.h"
#include "engine/lookup/known.h"
#include "engine/run/internal.h"

enum { DEFAULT_ESTIMATE_S = 1 };

/* ---- selects ---- */

static void report_select(struct run *r, const struct instance *i) {
    struct buffer detail = {0};
    plan_select_choice(&detail, r->plan, i);
    run_report(r, i, STAGE_SELECTED, detail.size ? detail.data : NULL);
    buffer_close(&detail);
}

static void report_selects(struct run *r) {
    size_t count, kept = 0;
    struct instance *const *all = plan_instances(r->plan, &count);
    for (; r->select_seen < count; r->select_seen++) {
        if (all[r->select_seen]->decl->type != STAGE_SELECT)
            continue;
        mem_grow(r->selects, &r->select_capacity, r->select_count + 1);
        r->selects[r->select_count++] = all[r->select_seen];
    }
    for (size_t k = 0; k < r->select_count; k++) {
        struct instance *i = r->selects[k];
        if (i->state == INSTANCE_WAITING || i->state == INSTANCE_KEYED)
            r->selects[kept++] = i;
        else if (i->state == INSTANCE_DONE && i->wanted)
            report_select(r, i);
        else if (i->state == INSTANCE_FAILED && i->wanted) {
            scheduler_fail(r->scheduler);
            run_report(r, i, STAGE_FAILED, i->reason);
        }
    }
    r->select_count = kept;
}

/* ---- tasks ---- */

static struct task *task_create(struct run *r, struct instance *i) {
    struct task *t = mem_alloc(sizeof *t);
    t->run = r;
    t->instance = i;
    t->job = (struct job){.owner = t,
                          .needs = i->decl->resources,
                          .exclusive = i->decl->kind && i->decl->kind->measures_machine,
                          .retries = i->decl->retries,
                          .timeout_ms = i->decl->timeout_ms};
    mem_grow(r->all, &r->task_capacity, r->task_count + 1);
    r->all[r->task_count++] = t;
    return t;
}

static void add_twin(struct task *t, struct instance *i) {
    mem_grow(t->twins, &t->twin_capacity, t->twin_count + 1);
    t->twins[t->twin_count++] = i;
}

/* An instance whose key is being worked on waits for it. An instance whose key is done takes its results; it is
   reported when they are durable. `*done`: the key was done. */
static void join(struct run *r, struct task *t, struct instance *i, bool *done) {
    const struct instance *first = t->instance;
    *done = first->state == INSTANCE_DONE;
    if (*done)
        plan_finish_like(r->plan, i, first);
    if (*done && t->durable) {
        run_report(r, i, STAGE_KNOWN, instance_name(first));
    } else if (first->state == INSTANCE_FAILED) {
        plan_fail(r->plan, i, first->reason);
        run_report(r, i, STAGE_FAILED, first->reason);
    } else {
        add_twin(t, i);
    }
}

/* A cached stage that has a record does not wait for an uncached stage with the same key, which runs each time. */
static int submit(struct run *r, struct instance *i, bool *known, struct error *err) {
    struct task *same = key_map_get(&r->tasks, &i->key);
    int rc = 0;
    *known = false;
    bool forced = force_wants(r, i);
    i->needed = forced && force_has_record(r, i);
    if (!forced && (!same || (i->decl->cache && !task_is_cached(same))))
        rc = known_lookup(known, r->plan, r->store, r->options->same_platform ? r->platform : NULL, r->drift, i, err);
    if (rc == 0 && *known)
        run_report(r, i, STAGE_KNOWN, NULL);
    if (rc < 0 || *known || i->behind)
        return rc;
    if (same) {
        join(r, same, i, known);
        return 0;
    }
    *known = !forced && quorum_recall(r, i);
    if (*known)
        return 0;
    struct task *t = task_create(r, i);
    t->forced = forced;
    key_map_add(&r->tasks, &i->key, t);
    mem_grow(r->pending, &r->pending_capacity, r->pending_count + 1);
    r->pending[r->pending_count++] = i;
    return 0;
}

/* ---- order ---- */

static double estimate(void *context, const struct instance *i) {
    struct run *r = context;
    if (i->state == INSTANCE_DONE || i->decl->type == STAGE_SELECT)
        return 0;
    size_t had = r->estimate_capacity;
    mem_grow(r->estimates, &r->estimate_capacity, i->index + 1);
    for (size_t k = had; k < r->estimate_capacity; k++)
        r->estimates[k] = NAN;
    double *seconds = &r->estimates[i->index];
    if (isnan(*seconds)) {
        *seconds = ledger_expected_s(r->ledger, i);
        if (isnan(*seconds))
            *seconds = DEFAULT_ESTIMATE_S;
    }
    return *seconds;
}

/* Whether the instance waits for inputs that are fetched. */
static bool awaits_inputs(struct run *r, struct instance *i) {
    size_t had = r->attempts.fetch_count;
    bool waits = !scheduler_stopped(r->scheduler) && attempts_fetch(&r->attempts, i);
    if (r->attempts.fetch_count > had)
        run_note(r, i, "fetches its inputs first");
    return waits;
}

static void submit_task(struct run *r, struct instance *i, struct error *err) {
    struct task *t = key_map_get(&r->tasks, &i->key);
    t->job.priority = i->remaining_s;
    if (scheduler_submit(r->scheduler, &t->job, err) == 0)
        return;
    scheduler_fail(r->scheduler);
    plan_fail(r->plan, i, err->message);
    run_report(r, i, STAGE_FAILED, err->message);
    for (size_t n = 0; n < t->twin_count; n++) {
        plan_fail(r->plan, t->twins[n], err->message);
        run_report(r, t->twins[n], STAGE_FAILED, err->message);
    }
}

void run_submit(struct run *r) {
    struct error fault = {0};
    size_t count, kept = 0;
    plan_instances(r->plan, &count);
    if (r->pending_count > 0 && count != r->seen_instances) {
        plan_order(r->plan, estimate, r);
        r->seen_instances = count;
    }
    for (size_t k = 0; k < r->pending_count; k++)
        if (awaits_inputs(r, r->pending[k]))
            r->pending[kept++] = r->pending[k];
        else
            submit_task(r, r->pending[k], &fault);
    r->pending_count = kept;
}

static void say_notice(void *context, const char *line) {
    run_note(context, NULL, line);
}

static int discover(struct run *r, struct error *err) {
    for (bool again = true; again;) {
        int rc = plan_advance(r->plan, r->diagnostics, err);
        if (rc < 0)
            return rc;
        again = false;
        for (struct instance *i; (i = plan_next(r->plan));) {
            bool known;
            rc = submit(r, i, &known, err);
            if (rc < 0)
                return rc;
            again = again || known;
        }
    }
    return 0;
}

int run_discover(struct run *r, struct error *err) {
    struct error fault = {0};
    store_read_begin(r->store);
    int rc = discover(r, err);
    int ended = store_read_end(r->store, &fault);
    if (rc == 0 && ended < 0)
        rc = error_set(err, ended, "%s", fault.message);
    if (rc < 0)
        return rc;
    report_selects(r);
    plan_warnings(r->plan, say_notice, r);
    store_notices(r->store, say_notice, r);
    return 0;
}
