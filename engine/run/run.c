#include "engine/run/run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/run/internal.h"
#include "store/run_file.h"

/* Damage that is found in each of so many passes may have a cause that making things again does not mend. */
enum { PASSES = 4 };

/* ---- small things ---- */

uint64_t run_now_ms(void) {
    return clock_awake_ns() / 1000000;
}

void task_list_add(struct task_list *list, struct task *task) {
    if (!list->first)
        list->last = &list->first;
    task->next = NULL;
    *list->last = task;
    list->last = &task->next;
    list->count++;
}

struct task *task_list_take(struct task_list *list) {
    struct task *task = list->first;
    if (task) {
        list->first = task->next;
        list->count--;
    }
    return task;
}

int run_fail(struct run *r, int code, const struct error *err) {
    if (r->code)
        return code;
    r->code = code;
    r->error = *err;
    scheduler_interrupt(r->scheduler, run_now_ms());
    scheduler_interrupt(r->scheduler, run_now_ms()); /* the second time: kill */
    return code;
}

static size_t *counter(struct run_summary *s, enum stage_event event) {
    switch (event) {
    case STAGE_KNOWN:
        return &s->known;
    case STAGE_FINISHED:
        return &s->finished;
    case STAGE_FAILED:
        return &s->failed;
    case STAGE_INTERRUPTED:
        return &s->interrupted;
    case STAGE_SKIPPED:
        return &s->skipped;
    case STAGE_STARTED:
    case STAGE_RETRYING:
    case STAGE_SELECTED:
        break;
    }
    return NULL;
}

static void note_finished(struct run *r, const struct instance *i, enum stage_event event) {
    struct digest name;
    sha256_bytes(&name, instance_name(i), strlen(instance_name(i)));
    bool before = key_map_get(&r->tally->finished, &name) != NULL;
    if (event == STAGE_KNOWN && before)
        r->tally->known_again++;
    if (event == STAGE_FINISHED && !before)
        key_map_add(&r->tally->finished, &name, r->tally);
}

void run_report(struct run *r, const struct instance *i, enum stage_event event, const char *detail) {
    const struct run_observer *o = &r->options->observer;
    size_t *count = i->decl->type == STAGE_SELECT ? NULL : counter(r->summary, event);
    if (count)
        ++*count;
    note_finished(r, i, event);
    if (o->stage)
        o->stage(o->context, i, event, detail);
}

void run_note(struct run *r, const struct instance *i, const char *text) {
    const struct run_observer *o = &r->options->observer;
    if (o->note)
        o->note(o->context, i, text);
}

void run_check_budgets(struct run *r) {
    struct error err;
    if (ledger_check(r->ledger, &err) == 0)
        return;
    run_note(r, NULL, err.message);
    scheduler_interrupt(r->scheduler, run_now_ms());
}

/* ---- the end ---- */

/* Its last attempt failed, and the run ended before the next one. */
static bool awaits_retry(const struct run *r, const struct instance *i) {
    const struct task *t = i->state == INSTANCE_KEYED ? key_map_get(&r->tasks, &i->key) : NULL;
    return t && t->job.state == JOB_BACKOFF;
}

static void report_unreached(struct run *r) {
    size_t count;
    struct instance *const *all = plan_instances(r->plan, &count);
    for (size_t k = 0; k < count; k++) {
        const struct instance *i = all[k];
        if (!i->wanted)
            continue;
        if (i->state == INSTANCE_SKIPPED)
            run_report(r, i, STAGE_SKIPPED, i->reason);
        else if (i->state == INSTANCE_FAILED && !i->keyed && i->decl->type != STAGE_SELECT)
            run_report(r, i, STAGE_FAILED, i->reason); /* found by the plan: a fault of the file */
        else if (awaits_retry(r, i))
            run_report(r, i, STAGE_INTERRUPTED, "the run ends before its next attempt");
    }
}

static const char *state_of(const struct run *r, const struct instance *i) {
    const struct task *t = i->keyed ? key_map_get(&r->tasks, &i->key) : NULL;
    switch (i->state) {
    case INSTANCE_DONE:
        return t && t->instance == i && t->finished ? "finished" : "known";
    case INSTANCE_FAILED:
        return "failed";
    case INSTANCE_SKIPPED:
        return "skipped";
    case INSTANCE_KEYED:
        return awaits_retry(r, i) || (t && t->job.state == JOB_INTERRUPTED) ? "interrupted" : "waiting";
    case INSTANCE_WAITING:
        break;
    }
    return "waiting";
}

static void describe_stage(struct buffer *stages, const struct run *r, const struct instance *i) {
    const struct task *t = i->keyed ? key_map_get(&r->tasks, &i->key) : NULL;
    char hex[DIGEST_HEX_SIZE];
    digest_hex(hex, &i->key);
    const struct run_file_stage stage = {
        .stage = instance_name(i),
        .key = i->keyed ? hex : NULL,
        .state = state_of(r, i),
        .attempt = t ? t->attempt_id : NULL, /* the last one of this run; twins share it */
    };
    run_file_add_stage(stages, &stage, i->reason);
}

static int write_run(struct run *r, int code, struct error *err) {
    const struct run_summary *s = r->summary;
    struct buffer stages = {0};
    size_t count;
    struct instance *const *all = plan_instances(r->plan, &count);
    cJSON *run = run_file_end(&(struct run_file_end){
        .file = r->pipeline->path,
        .platform = r->platform,
        .results = s->results.path,
        .ended_s = store_run_began_s(r->store) + s->wall_s, /* never before it began, whoever sets the clock */
        .wall_s = s->wall_s,
        .exit = error_exit_status(code),
        .known = s->known,
        .finished = s->finished,
        .failed = s->failed,
        .interrupted = s->interrupted,
        .skipped = s->skipped,
        .energy = ledger_close_meter(r->ledger, r->loop.signals_seen == 0 && r->code == 0),
        .prediction = ledger_prediction(r->ledger),
    });
    for (size_t k = 0; k < count; k++)
        if (all[k]->wanted && all[k]->decl->type != STAGE_SELECT)
            describe_stage(&stages, r, all[k]);
    run_file_take_stages(run, &stages);
    int rc = store_run_write(r->store, run, err);
    cJSON_Delete(run);
    return rc;
}

static int outcome_code(const struct run *r, struct error *err) {
    size_t count;
    struct instance *const *all = plan_instances(r->plan, &count);
    size_t failed = r->summary->failed;
    const struct instance *select = NULL;
    for (size_t k = 0; k < count && !select; k++)
        if (all[k]->wanted && all[k]->decl->type == STAGE_SELECT && all[k]->state == INSTANCE_FAILED)
            select = all[k];
    if (r->code)
        return error_set(err, r->code, "%s", r->error.message);
    if (ledger_refusal(r->ledger, err) < 0)
        return ERR_BUDGET;
    if (r->loop.signals_seen > 0)
        return error_set(err, ERR_INTERRUPTED, "interrupted; everything finished so far is kept, run again to go on");
    if (r->diagnostics->errors > 0)
        return error_set(err, ERR_INVALID, "%s: what became known on the way shows faults of the file",
                         r->pipeline->path);
    if (failed == 0 && r->put_off > 0)
        return error_set(err, ERR_FAILED,
                         "what %zu stage%s to be given was damaged or gone; run again to make it again", r->put_off,
                         r->put_off == 1 ? " was" : "s were");
    if (failed > 0)
        return error_set(err, ERR_FAILED, "%zu stage%s failed", failed, failed == 1 ? "" : "s");
    if (select)
        return error_set(err, ERR_FAILED, "select %s: %.*s", instance_name(select), (int)strcspn(select->reason, "\n"),
                         select->reason);
    return 0;
}

/* Only damage kept stages from running; it is set aside, so that the next plan has what was there made again. */
static bool is_to_repeat(struct run *r) {
    return r->put_off > 0 && !r->code && ledger_refusal(r->ledger, NULL) == 0 && event_loop_signals(&r->loop) == 0 &&
           r->summary->failed == 0 && r->diagnostics->errors == 0;
}

static const char not_repeated[] = "interrupted; run again to make what was damaged or gone again";

/* Damage that publishing finds is set aside; another pass makes what was there again. */
static int publish(struct run *r, struct error *err) {
    int rc = run_publish(r, err);
    if (rc != ERR_CORRUPT && rc != ERR_NOT_FOUND)
        return rc;
    r->put_off++;
    return run_is_interrupted(r) ? error_set(err, ERR_INTERRUPTED, "%s", not_repeated) : rc;
}

/* Publishes what is done and writes the run down, whatever came before; the first fault is told. `*again`: another pass
   may follow, and then whether one must. */
static int end(struct run *r, bool *again, struct error *err) {
    bool may_repeat = *again, repeat = may_repeat && is_to_repeat(r);
    struct error fault = {0};
    event_loop_catch_last(&r->loop);
    if (!repeat)
        report_unreached(r);
    int rc = outcome_code(r, err);
    int published = repeat ? 0 : publish(r, &fault);
    if (published < 0 && (rc == 0 || (rc == ERR_FAILED && published == ERR_INTERRUPTED)))
        rc = error_set(err, published, "%s", fault.message);
    else if (published < 0)
        run_note(r, NULL, fault.message);
    *again = may_repeat && is_to_repeat(r);
    if (*again)
        run_note(r, NULL, "what was damaged or gone is made again");
    r->summary->wall_s = (double)(clock_monotonic_ns() - r->began_ns) / 1e9;
    int written = write_run(r, rc, &fault);
    if (written < 0 && rc == 0)
        rc = error_set(err, written, "%s", fault.message);
    if (*again && run_is_interrupted(r)) {
        *again = false;
        rc = error_set(err, ERR_INTERRUPTED, "%s", not_repeated);
    }
    return rc;
}

static void note(void *context, const char *text) {
    run_note(context, NULL, text);
}

static bool is_stopped(void *context) {
    struct run *r = context;
    return event_loop_signals(&r->loop) > 0;
}

static int begin(struct run *r, struct error *err) {
    const struct ledger_observer observer = {.context = r, .note = note, .is_interrupted = is_stopped};
    struct plan_facts facts = facts_table(r->facts);
    r->scheduler = scheduler_create(&r->options->limits, r->options->keep_going);
    int rc = r->options->same_platform ? facts_platform(r->facts, &r->platform, err) : 0;
    if (rc == 0)
        rc = plan_create(&r->plan, r->pipeline, &facts, r->options->targets, r->options->target_count, err);
    if (rc == 0)
        rc = run_discover(r, err);
    if (rc == 0 && r->diagnostics->errors > 0)
        rc = error_set(err, ERR_INVALID, "%zu error%s in %s; nothing was run", r->diagnostics->errors,
                       r->diagnostics->errors == 1 ? "" : "s", r->pipeline->path);
    if (rc == 0)
        rc = store_run_begin(r->store, r->pipeline->name, r->pipeline->overrides, err);
    if (rc == 0)
        r->summary->run_id = mem_strdup(store_run_id(r->store));
    if (rc == 0 && r->pending_count > 0)
        ledger_begin_pass(r->ledger, r->plan, &observer);
    return rc;
}

static void close_run(struct run *r) {
    run_close_loop(r);
    for (size_t i = 0; i < r->task_count; i++)
        task_free(r->all[i]);
    free(r->all);
    free(r->pending);
    free(r->estimates);
    free(r->selects);
    free(r->platform);
    key_map_close(&r->tasks);
    scheduler_free(r->scheduler);
    plan_free(r->plan);
    facts_free(r->facts);
}

/* One plan, from its beginning to its end. `*again` as in end(). */
static int run_pass(bool *again, struct tally *tally, const struct pipeline *pipeline, struct store *store,
                    const struct run_options *options, struct run_summary *summary, struct diagnostics *diagnostics,
                    struct error *err) {
    struct run r = {.pipeline = pipeline,
                    .store = store,
                    .options = options,
                    .summary = summary,
                    .diagnostics = diagnostics,
                    .tally = tally,
                    .ledger = tally->ledger,
                    .facts = facts_create(store, options->stage_program),
                    .began_ns = clock_monotonic_ns()};
    *summary = (struct run_summary){0};
    int rc = begin(&r, err);
    if (rc == 0 && r.pending_count > 0)
        rc = run_execute(&r, err);
    *again &= rc == 0;
    if (rc == 0)
        rc = end(&r, again, err);
    summary->wall_s = (double)(clock_monotonic_ns() - r.began_ns) / 1e9;
    close_run(&r);
    return rc;
}

int run_pipeline(const struct pipeline *pipeline, struct store *store, const struct run_options *options,
                 struct run_summary *summary, struct diagnostics *diagnostics, struct error *err) {
    const struct ledger_options energy = {
        .pipeline = pipeline, .store = store, .root = options->meter_root, .base_window_s = options->base_window_s};
    struct tally tally = {.ledger = ledger_create(&energy)};
    int rc = 0;
    bool again = true;
    *summary = (struct run_summary){0};
    store_hold(store);
    for (int pass = 1; again; pass++) {
        double wall_s = summary->wall_s;
        free(summary->results.path);
        free(summary->run_id);
        again = pass < PASSES;
        tally.known_again = 0;
        rc = run_pass(&again, &tally, pipeline, store, options, summary, diagnostics, err);
        summary->wall_s += wall_s;
    }
    summary->known -= tally.known_again;
    summary->finished = tally.finished.count;
    ledger_free(tally.ledger);
    key_map_close(&tally.finished);
    return rc;
}
