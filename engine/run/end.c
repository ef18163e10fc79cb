/* The end of a pass: reports stages that were not reached, publishes, and writes the run file. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/run/internal.h"
#include "store/run_file.h"

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
        .left_out = quorum_leaves_out(r, i),
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
        .origin = r->pipeline->origin ? origin_json(r->pipeline->origin) : NULL,
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
    run_file_set_stages(run, &stages);
    int rc = store_run_write(r->store, run, err);
    cJSON_Delete(run);
    return rc;
}

static int outcome_code(const struct run *r, struct error *err) {
    size_t count;
    struct instance *const *all = plan_instances(r->plan, &count);
    size_t left_out = quorum_left_out(r), failed = r->summary->failed - left_out;
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
        return error_set(err, ERR_INVALID, "%s: results of this run show faults of the file", r->pipeline->path);
    if (failed == 0 && r->put_off > 0)
        return error_set(err, ERR_FAILED, "inputs of %zu stage%s were damaged or missing; run again to make them again",
                         r->put_off, r->put_off == 1 ? "" : "s");
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

static const char not_repeated[] = "interrupted; run again to make damaged or missing objects again";

/* Damage that publishing finds is set aside; another pass makes what was there again. */
static int publish(struct run *r, struct error *err) {
    int rc = run_publish(r, err);
    if (rc != ERR_CORRUPT && rc != ERR_NOT_FOUND)
        return rc;
    r->put_off++;
    return run_is_interrupted(r) ? error_set(err, ERR_INTERRUPTED, "%s", not_repeated) : rc;
}

int run_end(struct run *r, bool *again, struct error *err) {
    bool may_repeat = *again, repeat = may_repeat && is_to_repeat(r);
    struct error fault = {0};
    event_loop_catch_last(&r->loop);
    facts_defer(r->facts, NULL, NULL);
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
        run_note(r, NULL, "damaged or missing objects are made again");
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
