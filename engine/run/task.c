/*
 * One attempt after another:
 *
 *   START --claim, look up once more--> prepare (worker) --> keeper --exit--> collect (worker) --> judged
 *     |busy: defer         |known: EXIT_KNOWN
 */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/lookup/known.h"
#include "engine/run/internal.h"
#include "store/attempts.h"

enum { BUSY_FIRST_MS = 100, BUSY_LIMIT_MS = 5000, LEFT_STATUS = 75, COMMIT_WAIT_MS = 100 };

void task_free(struct task *t) {
    attempt_free(t->attempt);
    ledger_cancel(t->energy);
    outcome_close(&t->outcome);
    events_close(&t->events);
    free(t->twins);
    free(t);
}

bool task_is_cached(const struct task *t) {
    bool cached = t->instance->decl->cache;
    for (size_t i = 0; i < t->twin_count && !cached; i++)
        cached = t->twins[i]->decl->cache;
    return cached;
}

/* ---- before ---- */

static void release(struct task *t) {
    struct error fault = {0};
    if (t->claimed && store_release(t->run->store, &t->instance->key, &fault) < 0)
        run_note(t->run, t->instance, fault.message);
    t->claimed = false;
}

/* What another engine did in the meantime counts as known. */
static void take_known(struct task *t) {
    struct run *r = t->run;
    release(t);
    t->durable = true;
    r->found_known = true;
    scheduler_exit(r->scheduler, &t->job, EXIT_KNOWN, run_now_ms());
    run_report(r, t->instance, STAGE_KNOWN, NULL);
    for (size_t i = 0; i < t->twin_count; i++) {
        plan_finish_like(r->plan, t->twins[i], t->instance);
        run_report(r, t->twins[i], STAGE_KNOWN, instance_name(t->instance));
    }
}

static void wait_for_owner(struct task *t, const char *who) {
    uint64_t wait = BUSY_FIRST_MS;
    for (int i = 0; i < t->busy_count && wait < BUSY_LIMIT_MS; i++)
        wait *= 2;
    if (t->busy_count++ == 0)
        run_note(t->run, t->instance, who);
    scheduler_defer(t->run->scheduler, &t->job, run_now_ms() + (wait < BUSY_LIMIT_MS ? wait : BUSY_LIMIT_MS));
}

/* 1: the key is ours and has to run. 0: it has not, or not now; the scheduler knows. */
static int claim(struct task *t, struct error *err) {
    struct run *r = t->run;
    bool known;
    int rc = store_claim(r->store, &t->instance->key, err);
    if (rc == ERR_BUSY) {
        rc = known_lookup(&known, r->plan, r->store, r->options->same_platform ? r->platform : NULL, t->instance, err);
        if (rc == 0 && known)
            take_known(t);
        else if (rc == 0)
            wait_for_owner(t, err->message);
        return rc;
    }
    if (rc < 0)
        return rc;
    t->claimed = true;
    rc = known_lookup(&known, r->plan, r->store, r->options->same_platform ? r->platform : NULL, t->instance, err);
    if (rc == 0 && known)
        take_known(t);
    return rc < 0 ? rc : !known;
}

/* The attempt that could not begin ends as one that was prepared badly. */
static void give_up_start(struct task *t, int code, const struct error *err) {
    t->work_code = code;
    t->work_error = *err;
    task_list_add(&t->run->collected, t);
}

static void prepare(uv_work_t *work) {
    struct task *t = work->data;
    if (t->work_code == 0)
        t->work_code = attempt_prepare(t->attempt, &t->work_error);
}

/* ---- the keeper ---- */

static void on_progress(void *context, double done, double total, const char *unit) {
    struct task *t = context;
    const struct run_observer *o = &t->run->options->observer;
    if (o->progress)
        o->progress(o->context, t->instance, done, total, unit);
}

static void on_metric(void *context, const char *name, double step, double value) {
    struct task *t = context;
    const struct run_observer *o = &t->run->options->observer;
    if (o->metric)
        o->metric(o->context, t->instance, name, step, value);
}

static void on_note(void *context, const char *text) {
    struct task *t = context;
    run_note(t->run, t->instance, text);
}

static void on_events(void *context, const char *bytes, size_t size) {
    struct task *t = context;
    events_feed(&t->events, bytes, size);
}

static void collect(uv_work_t *work) {
    struct task *t = work->data;
    t->work_code = attempt_collect(t->attempt, t->keeper_status, &t->outcome, &t->work_error);
}

static void on_collected(uv_work_t *work, int status) {
    struct task *t = work->data;
    (void)status;
    task_list_add(&t->run->collected, t);
}

static void on_ending(void *context) {
    struct task *t = context;
    ledger_stop(t->energy);
}

static void on_gone(void *context, int status) {
    struct task *t = context;
    t->execution = NULL;
    t->keeper_status = status;
    if (t->events.refused > 0) {
        char *text =
            mem_printf("%zu lines on its events pipe are no events; stages/README.md says what is", t->events.refused);
        run_note(t->run, t->instance, text);
        free(text);
    }
    uv_queue_work(&t->run->loop, &t->work, collect, on_collected);
}

static void on_prepared(uv_work_t *work, int status) {
    struct task *t = work->data;
    const struct execution_observer observer = {
        .context = t, .events = on_events, .ending = on_ending, .exit = on_gone};
    (void)status;
    if (t->work_code == 0 && (t->job.terminating || t->run->code)) {
        /* asked to leave before it began: the same as leaving at once */
        t->outcome.exit = LEFT_STATUS;
        t->work_code = error_set(&t->work_error, ERR_INTERRUPTED, "asked to leave before it began");
    }
    if (t->work_code == ERR_FAILED) /* what it was to be given is not what its key says */
        t->job.retries = 0;
    if (t->work_code == 0 && t->attempt->checkpoint)
        t->work_code =
            store_checkpoint_join(t->run->store, &t->instance->key, t->run->platform, t->attempt->id, &t->work_error);
    if (t->work_code == 0)
        t->work_code = executor_start(&t->execution, t->run->executor, t->attempt->file, t->attempt->stderr_log,
                                      &observer, &t->work_error);
    if (t->work_code < 0)
        task_list_add(&t->run->collected, t);
    else
        ledger_start(t->energy, execution_keeper(t->execution));
}

/* A stage that a budget has no room for is left as it was: the next run may have more. To the scheduler it has failed,
   so that without --keep-going nothing more starts and what runs ends by itself. */
static void withhold(struct task *t, const char *why) {
    run_note(t->run, NULL, why);
    release(t);
    t->job.retries = 0;
    scheduler_exit(t->run->scheduler, &t->job, EXIT_FAILED, run_now_ms());
}

/* A stage may have made a file of its checkpoint's directory, or a link that leads nowhere: no attempt could begin. */
static void clear_checkpoint(struct task *t, const char *path) {
    struct run *r = t->run;
    struct error fault = {0};
    struct stat st;
    if (lstat(path, &st) < 0 || file_look(&st, path, NULL) < 0 || S_ISDIR(st.st_mode))
        return;
    run_note(r, t->instance, "its checkpoint is dropped: the stage left something else than a directory there");
    if (store_checkpoint_remove(r->store, &t->instance->key, r->platform, &fault) < 0)
        run_note(r, t->instance, fault.message);
}

void task_start(struct task *t) {
    struct run *r = t->run;
    struct error err = {0};
    int rc = claim(t, &err);
    if (rc < 0)
        run_fail(r, rc, &err);
    if (rc > 0 && ledger_reserve(&t->energy, r->ledger, t->instance, &err) < 0) {
        withhold(t, err.message);
        return;
    }
    if (rc <= 0 && t->job.state != JOB_RUNNING)
        return;
    r->in_flight++;
    char *id = mem_printf("%s-%zu-%d", store_run_id(r->store), t->instance->index, t->job.attempt);
    char *checkpoint =
        attempt_uses_checkpoint(t->instance) ? store_checkpoint_path(r->store, &t->instance->key, r->platform) : NULL;
    if (rc > 0 && checkpoint)
        clear_checkpoint(t, checkpoint);
    attempt_free(t->attempt);
    events_close(&t->events);
    outcome_close(&t->outcome);
    instance_hold_action(t->instance);
    t->attempt = attempt_create(r->store, t->instance, id, checkpoint);
    attempt_account(t->attempt, record_head(t));
    t->events = (struct event_reader){.context = t, .progress = on_progress, .metric = on_metric, .note = on_note};
    t->outcome.exit = -1;
    t->keeper_status = 0;
    free(id);
    if (rc < 0) {
        give_up_start(t, rc, &err);
        return;
    }
    run_report(r, t->instance, STAGE_STARTED, NULL);
    t->work_code = attempt_look(t->attempt, r->facts, &t->work_error);
    t->work.data = t;
    uv_queue_work(&r->loop, &t->work, prepare, on_prepared);
}

void task_stop(struct task *t, enum schedule_type how) {
    if (!t->execution)
        return;
    if (how == SCHEDULE_KILL)
        execution_kill(t->execution);
    else
        execution_terminate(t->execution);
}

/* ---- after ---- */

static void fail_all(struct task *t, const char *reason, const char *detail) {
    struct run *r = t->run;
    plan_fail(r->plan, t->instance, reason);
    run_report(r, t->instance, STAGE_FAILED, detail);
    for (size_t i = 0; i < t->twin_count; i++) {
        plan_fail(r->plan, t->twins[i], reason);
        run_report(r, t->twins[i], STAGE_FAILED, reason);
    }
}

/* An attempt that is not served as known leaves its record among the attempts. */
static void write_attempt(struct task *t, const char *state, const char *reason) {
    struct error fault = {0};
    cJSON *record = record_build(t);
    cJSON_AddStringToObject(record, "state", state);
    if (reason)
        cJSON_AddStringToObject(record, "reason", reason);
    if (store_attempt_write(t->run->store, t->attempt->id, record, &fault) < 0)
        run_note(t->run, t->instance, fault.message);
    cJSON_Delete(record);
}

/* Its input must be made again, and nothing of this stage is wrong: it is left for the next pass (run.c). */
static void put_off(struct task *t) {
    struct run *r = t->run;
    r->put_off++;
    scheduler_exit(r->scheduler, &t->job, EXIT_PUT_OFF, run_now_ms());
    write_attempt(t, "interrupted", t->work_error.message);
    release(t);
    run_report(r, t->instance, STAGE_INTERRUPTED, t->work_error.message);
    for (size_t i = 0; i < t->twin_count; i++)
        run_report(r, t->twins[i], STAGE_INTERRUPTED, t->work_error.message);
}

/* Whether the attempt failed by itself: not for want of what the system refused it (a kind says so by its exit status),
   nor because it was asked to leave, nor together with its keeper. */
static bool is_own_failure(const struct task *t) {
    bool refused = WIFSIGNALED(t->keeper_status) || t->work_code < 0 || t->outcome.short_of_space ||
                   (t->instance->decl->kind && t->outcome.exit == error_exit_status(ERR_IO));
    return !refused && (!t->job.terminating || t->job.timed_out);
}

static void judge_failed(struct task *t) {
    struct run *r = t->run;
    struct outcome *o = &t->outcome;
    struct error fault = {0};
    bool left = t->job.terminating && (o->exit == LEFT_STATUS || o->signal == SIGTERM);
    const char *prefix = t->job.timed_out ? "timed out: " : "";
    const char *why = o->reason ? o->reason : t->work_error.message;
    char *reason = mem_printf("%s%s", prefix, why);
    char *detail = mem_printf("%s%s", prefix, o->detail ? o->detail : why);
    if (t->attempt && t->attempt->object_lost) /* it is set aside: a retry could not be given it */
        t->job.retries = 0;
    scheduler_exit(r->scheduler, &t->job, left ? EXIT_INTERRUPTED : EXIT_FAILED, run_now_ms());
    bool interrupted = t->job.state == JOB_INTERRUPTED;
    write_attempt(t, interrupted ? "interrupted" : "failed", reason);
    if (!interrupted && o->checkpoint_stuck && is_own_failure(t)) {
        run_note(r, t->instance, "its checkpoint is dropped: the attempt failed without advancing it");
        if (store_checkpoint_remove(r->store, &t->instance->key, r->platform, &fault) < 0)
            run_note(r, t->instance, fault.message);
    }
    release(t);
    if (t->job.state == JOB_BACKOFF)
        run_report(r, t->instance, STAGE_RETRYING, detail);
    else if (interrupted)
        run_report(r, t->instance, STAGE_INTERRUPTED, NULL);
    else
        fail_all(t, reason, detail);
    free(reason);
    free(detail);
}

static void finish_all(struct task *t) {
    struct run *r = t->run;
    size_t count = t->instance->decl->out_count;
    struct content *outs = mem_array(count + 1, sizeof *outs);
    for (size_t i = 0; i < count; i++) {
        const struct object *o = &t->outcome.outs[i];
        outs[i] = (struct content){o->digest, o->size, o->directory, o->executable};
    }
    plan_finish(r->plan, t->instance, outs, t->outcome.metrics);
    for (size_t i = 0; i < t->twin_count; i++)
        plan_finish_like(r->plan, t->twins[i], t->instance);
    free(outs);
}

static void judge_finished(struct task *t) {
    struct run *r = t->run;
    struct error err = {0};
    int rc = attempt_check_inputs(t->attempt, r->facts, "while the stage ran; its result is not kept", &err);
    if (rc < 0) {
        t->job.retries = 0;
        t->outcome.reason = mem_strdup(err.message);
        if (rc == ERR_IO)
            run_fail(r, rc, &err);
        judge_failed(t);
        return;
    }
    if (task_is_cached(t)) {
        cJSON *record = record_build(t);
        rc = store_record_add(r->store, record, &err);
        cJSON_Delete(record);
    } else {
        write_attempt(t, "finished", NULL);
    }
    if (rc < 0) {
        t->outcome.reason = mem_strdup(err.message);
        run_fail(r, rc, &err);
        judge_failed(t);
        return;
    }
    finish_all(t);
    scheduler_exit(r->scheduler, &t->job, EXIT_FINISHED, run_now_ms());
    if (r->finished.count == 0)
        r->commit_due_ms = run_now_ms() + COMMIT_WAIT_MS;
    task_list_add(&r->finished, t);
}

static void finish_energy(struct task *t) {
    struct attempt_end end = {.id = t->attempt->id,
                              .platform = t->attempt->checkpoint ? t->run->platform : NULL,
                              .number = t->job.attempt,
                              .finished = t->outcome.finished,
                              .killed = WIFSIGNALED(t->keeper_status),
                              .result = t->outcome.result,
                              .wall_s = t->outcome.wall_s};
    ledger_finish(t->energy, &end);
    t->energy = NULL;
    t->outcome.result = end.result;
    t->outcome.wall_s = end.wall_s;
    run_check_budgets(t->run);
}

void task_judge(struct task *t) {
    struct run *r = t->run;
    r->in_flight--;
    finish_energy(t);
    if (t->work_code == ERR_IO)
        run_fail(r, t->work_code, &t->work_error);
    if (t->work_code < 0 && t->attempt)
        file_remove_tree(t->attempt->root, NULL);
    if (t->work_code == 0 && t->outcome.finished)
        judge_finished(t);
    else if (t->work_code < 0 && t->attempt && t->attempt->object_lost)
        put_off(t);
    else
        judge_failed(t);
    instance_release_action(t->instance);
}
