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
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/lookup/known.h"
#include "engine/run/internal.h"
#include "store/attempts.h"
#include "store/record_format.h"

enum { BUSY_FIRST_MS = 100, BUSY_LIMIT_MS = 5000, COMMIT_WAIT_MS = 100 };

bool task_is_cached(const struct task *t) {
    bool cached = t->instance->decl->cache;
    for (size_t i = 0; i < t->twin_count && !cached; i++)
        cached = t->twins[i]->decl->cache;
    return cached;
}

/* Frees the attempt. Keeps its id, and its energy if no record in the store will hold it. */
static void drop_attempt(struct task *t) {
    if (t->attempt && !task_is_cached(t)) {
        cJSON_Delete(t->energy_record);
        t->energy_record = t->attempt->outcome.result.energy;
        t->attempt->outcome.result.energy = NULL;
    }
    attempt_free(t->attempt);
    ledger_cancel(t->energy);
    t->attempt = NULL;
    t->energy = NULL;
}

void task_free(struct task *t) {
    drop_attempt(t);
    cJSON_Delete(t->energy_record);
    free(t->attempt_id);
    free(t->twins);
    free(t);
}

/* ---- before ---- */

static void fail_all(struct task *t, const char *reason, const char *detail) {
    struct run *r = t->run;
    plan_fail(r->plan, t->instance, reason);
    run_report(r, t->instance, STAGE_FAILED, detail);
    for (size_t i = 0; i < t->twin_count; i++) {
        plan_fail(r->plan, t->twins[i], reason);
        run_report(r, t->twins[i], STAGE_FAILED, reason);
    }
}

void task_release(struct task *t) {
    struct error fault = {0};
    if (t->claimed && store_release(t->run->store, &t->instance->key, &fault) < 0)
        run_note(t->run, t->instance, fault.message);
    t->claimed = false;
}

/* Takes a result that another engine made meanwhile; the stage counts as known. */
static void finish_known(struct task *t) {
    struct run *r = t->run;
    task_release(t);
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

/* 1: the key is claimed and has to run. 0: it is known, or another engine has it; the scheduler has been told. */
static int claim(struct task *t, struct error *err) {
    struct run *r = t->run;
    const char *platform = r->options->same_platform ? r->platform : NULL;
    bool known = false;
    int rc = store_claim(r->store, &t->instance->key, err);
    if (rc == ERR_BUSY) {
        rc = t->forced ? 0 : known_lookup(&known, r->plan, r->store, platform, NULL, t->instance, err);
        if (rc == 0 && known)
            finish_known(t);
        else if (rc == 0)
            wait_for_owner(t, err->message);
        return rc;
    }
    if (rc < 0)
        return rc;
    t->claimed = true;
    rc = t->forced ? 0 : known_lookup(&known, r->plan, r->store, platform, NULL, t->instance, err);
    if (rc == 0 && known)
        finish_known(t);
    return rc < 0 ? rc : !known;
}

/* ---- the attempt ---- */

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

static void on_started(void *context, pid_t keeper) {
    struct task *t = context;
    ledger_start(t->energy, keeper);
}

static void on_ending(void *context) {
    struct task *t = context;
    ledger_stop(t->energy);
}

/* The next stage need not wait until the outs of this one are stored. A failed stage keeps its tokens until it is
   judged. With a budget every stage does, because the budget may stop the next one. */
static void on_executed(void *context) {
    struct task *t = context;
    if (!ledger_has_budget(t->run->ledger))
        scheduler_release(t->run->scheduler, &t->job);
}

static void on_ended(void *context) {
    struct task *t = context;
    task_list_add(&t->run->ended, t);
}

/* A budget has no room for the stage, which stays as it was: the next run may have more. The scheduler hears of a
   failure. So without --keep-going nothing more starts, and running stages end by themselves. */
static void withhold(struct task *t, const char *why) {
    run_note(t->run, NULL, why);
    task_release(t);
    t->job.retries = 0;
    scheduler_exit(t->run->scheduler, &t->job, EXIT_FAILED, run_now_ms());
}

/* Removes a checkpoint that is a file or a link, made by the stage: no attempt could begin with it. */
static void clear_checkpoint(struct task *t, const char *path) {
    struct run *r = t->run;
    struct error fault = {0};
    struct stat st;
    if (lstat(path, &st) < 0 || S_ISDIR(st.st_mode))
        return;
    run_note(r, t->instance, "its checkpoint is dropped: the stage left something else than a directory there");
    if (store_checkpoint_remove(r->store, &t->instance->key, r->platform, &fault) < 0)
        run_note(r, t->instance, fault.message);
}

static void start_attempt(struct task *t) {
    struct run *r = t->run;
    const struct attempt_observer observer = {.context = t,
                                              .started = on_started,
                                              .progress = on_progress,
                                              .metric = on_metric,
                                              .note = on_note,
                                              .ending = on_ending,
                                              .executed = on_executed,
                                              .ended = on_ended};
    char *checkpoint =
        attempt_uses_checkpoint(t->instance) ? store_checkpoint_path(r->store, &t->instance->key, r->platform) : NULL;
    if (checkpoint)
        clear_checkpoint(t, checkpoint);
    free(t->attempt_id);
    t->attempt_id = mem_printf("%s-%zu-%d", store_run_id(r->store), t->instance->index, t->job.attempt);
    const struct attempt_options options = {
        .instance = t->instance, .id = t->attempt_id, .number = t->job.attempt, .checkpoint = checkpoint};
    t->attempt = attempt_create(&r->attempts, &options);
    r->in_flight++;
    run_report(r, t->instance, STAGE_STARTED, NULL);
    attempt_start(t->attempt, &observer);
}

/* The key could not be claimed, so the run ends. */
static void fail_start(struct task *t, int code, const struct error *err) {
    run_fail(t->run, code, err);
    if (t->job.state != JOB_RUNNING)
        return;
    t->job.retries = 0;
    scheduler_exit(t->run->scheduler, &t->job, EXIT_FAILED, run_now_ms());
    task_release(t);
    fail_all(t, err->message, err->message);
}

void task_start(struct task *t) {
    struct error err = {0};
    int rc = claim(t, &err);
    if (rc < 0)
        fail_start(t, rc, &err);
    else if (rc > 0 && ledger_reserve(&t->energy, t->run->ledger, t->instance, &err) < 0)
        withhold(t, err.message);
    else if (rc > 0)
        start_attempt(t);
}

void task_stop(struct task *t, enum schedule_type how) {
    if (t->attempt)
        attempt_cancel(t->attempt, how == SCHEDULE_KILL ? CANCEL_KILL : CANCEL_TERMINATE, t->job.timed_out);
}

/* ---- after ---- */

/* An attempt that is not served as known leaves its record among the attempts. */
static void write_attempt(struct task *t, const struct attempt *a, const char *state, const char *reason) {
    struct error fault = {0};
    cJSON *record = attempt_record(a);
    record_set_end(record, state, reason);
    if (store_attempt_write(t->run->store, a->id, record, &fault) < 0)
        run_note(t->run, t->instance, fault.message);
    cJSON_Delete(record);
}

/* An input was lost and has to be made again. The stage itself did not fail: the next pass (run.c) runs it. */
static void put_off(struct task *t) {
    struct run *r = t->run;
    const struct attempt *a = t->attempt;
    r->put_off++;
    scheduler_exit(r->scheduler, &t->job, EXIT_PUT_OFF, run_now_ms());
    write_attempt(t, a, "interrupted", a->error.message);
    task_release(t);
    run_report(r, t->instance, STAGE_INTERRUPTED, a->error.message);
    for (size_t i = 0; i < t->twin_count; i++)
        run_report(r, t->twins[i], STAGE_INTERRUPTED, a->error.message);
    drop_attempt(t);
}

/* Whether the attempt failed by itself. Otherwise the system refused it something (a kind says so by its exit
   status), it was asked to leave, or its keeper died. */
static bool is_own_failure(const struct task *t) {
    const struct outcome *o = &t->attempt->outcome;
    bool refused = !o->has_result || t->attempt->code < 0 || o->short_of_space ||
                   (t->instance->decl->kind && o->result.exit == error_exit_status(ERR_IO));
    return !refused && (!t->job.terminating || t->job.timed_out);
}

/* A signal, a timeout or too little memory. */
static bool may_be_the_machine(const struct task *t) {
    const struct attempt_result *r = &t->attempt->outcome.result;
    return r->signal || r->memory.exceeded || t->job.timed_out;
}

/* A failure of the stage itself, that the same work would meet again. */
static bool is_by_status(const struct task *t) {
    return is_own_failure(t) && !t->attempt->outcome.finished && !may_be_the_machine(t);
}

/* A quorum goes on without the stage. If the machine may be at fault, one more try comes first. */
static void tolerate(struct task *t) {
    t->job.tolerated = quorum_tolerates(t);
    if (t->job.tolerated && t->job.retries < 1 && may_be_the_machine(t))
        t->job.retries = 1;
}

/* Removes the directory of an earlier, failed attempt. */
static void remove_failed(const struct run *r, const struct instance *i) {
    int failed = store_failed_open(r->store, r->pipeline->name, false);
    if (failed < 0)
        return;
    char *path = store_failed_path(r->store, r->pipeline->name, instance_name(i));
    file_remove_tree_at(failed, path_base(path), NULL);
    free(path);
    close(failed);
}

static bool was_asked_to_leave(const struct task *t) {
    return t->job.terminating && !t->job.timed_out;
}

static void judge_failed(struct task *t) {
    struct run *r = t->run;
    struct outcome *o = &t->attempt->outcome;
    struct error fault = {0};
    tolerate(t);
    bool left = t->job.terminating && (o->result.exit == ATTEMPT_LEFT_STATUS || o->result.signal == SIGTERM);
    left |=
        t->job.tolerated && was_asked_to_leave(t); /* no select goes on without it: it may not have failed by itself */
    const char *prefix = t->job.timed_out ? "timed out: " : "";
    const char *why = o->reason ? o->reason : t->attempt->error.message;
    char *reason = mem_printf("%s%s", prefix, why);
    char *detail = mem_printf("%s%s", prefix, o->detail ? o->detail : why);
    if (t->attempt->object_lost) /* it is set aside: a retry could not be given it */
        t->job.retries = 0;
    scheduler_exit(r->scheduler, &t->job, left ? EXIT_INTERRUPTED : EXIT_FAILED, run_now_ms());
    bool interrupted = t->job.state == JOB_INTERRUPTED;
    write_attempt(t, t->attempt, interrupted ? "interrupted" : "failed", reason);
    if (!interrupted && r->options->keep_failed == 0)
        remove_failed(r, t->instance);
    if (!interrupted && o->checkpoint_stuck && is_own_failure(t)) {
        run_note(r, t->instance, "its checkpoint is dropped: the attempt failed without advancing it");
        if (store_checkpoint_remove(r->store, &t->instance->key, r->platform, &fault) < 0)
            run_note(r, t->instance, fault.message);
    }
    if (t->job.state == JOB_FAILED && quorum_is_served(t))
        quorum_keep(t, is_by_status(t), reason);
    task_release(t);
    if (t->job.state == JOB_BACKOFF)
        run_report(r, t->instance, STAGE_RETRYING, detail);
    else if (interrupted)
        run_report(r, t->instance, STAGE_INTERRUPTED, NULL);
    else
        fail_all(t, reason, detail);
    free(reason);
    free(detail);
    drop_attempt(t);
}

static void finish_all(struct task *t) {
    struct run *r = t->run;
    size_t count = t->instance->decl->out_count;
    struct content *outs = mem_array(count + 1, sizeof *outs);
    for (size_t i = 0; i < count; i++) {
        const struct object *o = &t->attempt->outcome.outs[i];
        outs[i] = (struct content){o->digest, o->size, o->directory, o->executable};
    }
    plan_finish(r->plan, t->instance, outs, t->attempt->outcome.metrics);
    for (size_t i = 0; i < t->twin_count; i++)
        plan_finish_like(r->plan, t->twins[i], t->instance);
    free(outs);
    quorum_forget(t);
    remove_failed(r, t->instance);
}

/* The record of a cached stage enters the store's queue. Any other attempt leaves its record among the attempts. */
static int add_record(struct task *t, struct error *err) {
    bool unrecorded = !task_is_cached(t);
    int rc = 0;
    if (!unrecorded) {
        cJSON *record = attempt_record(t->attempt);
        rc = t->forced ? force_add_record(&unrecorded, t, record, err) : store_record_add(t->run->store, record, err);
        cJSON_Delete(record);
    }
    if (rc == 0 && unrecorded)
        write_attempt(t, t->attempt, "finished", NULL);
    t->recorded = !unrecorded;
    return rc;
}

static void judge_finished(struct task *t) {
    struct run *r = t->run;
    struct error err = {0};
    int rc = inputs_check_after(t->attempt, "while the stage ran; its result is not kept", &err);
    if (rc < 0) {
        t->job.retries = 0;
        t->attempt->outcome.reason = mem_strdup(err.message);
        if (rc == ERR_IO)
            run_fail(r, rc, &err);
        judge_failed(t);
        return;
    }
    rc = add_record(t, &err);
    if (rc < 0) {
        t->attempt->outcome.reason = mem_strdup(err.message);
        run_fail(r, rc, &err);
        judge_failed(t);
        return;
    }
    finish_all(t);
    t->finished = true;
    drop_attempt(t);
    scheduler_exit(r->scheduler, &t->job, EXIT_FINISHED, run_now_ms());
    if (r->finished.count == 0)
        r->commit_due_ms = run_now_ms() + COMMIT_WAIT_MS;
    task_list_add(&r->finished, t);
}

static void finish_energy(struct task *t) {
    const struct attempt *a = t->attempt;
    struct attempt_result *result = &t->attempt->outcome.result;
    struct attempt_end end = {.id = a->id,
                              .platform = a->checkpoint ? t->run->platform : NULL,
                              .number = a->number,
                              .finished = a->outcome.finished,
                              .killed = !a->outcome.has_result && WIFSIGNALED(a->outcome.keeper_status),
                              .metrics = a->outcome.metrics,
                              .reported = a->outcome.has_result,
                              .energy = result->energy,
                              .wall_s = result->wall_s};
    ledger_finish(t->energy, &end);
    t->energy = NULL;
    result->energy = end.energy;
    result->wall_s = end.wall_s;
    run_check_budgets(t->run);
}

void task_judge(struct task *t) {
    struct run *r = t->run;
    struct attempt *a = t->attempt;
    r->in_flight--;
    finish_energy(t);
    if (a->code == ERR_IO)
        run_fail(r, a->code, &a->error);
    if (a->code == ERR_FAILED) /* an input is not what its key says */
        t->job.retries = 0;
    if (a->code == 0 && a->outcome.finished)
        judge_finished(t);
    else if (a->code < 0 && a->object_lost)
        put_off(t);
    else
        judge_failed(t);
}
