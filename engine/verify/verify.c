#include "engine/verify/verify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/provenance/provenance.h"
#include "engine/run/internal.h"
#include "engine/verify/judge.h"

enum { LEFT_STATUS = 75 };

struct choice {
    struct instance *instance;
    struct digest rank;
};

struct verification {
    struct run run; /* what a record says of where it was made */
    const struct verify_options *options;
    struct verify_summary *summary;
    struct choice *choices;
    size_t count, capacity;
    struct task *tasks; /* one a choice that was taken */
    char *id;           /* its attempts' names begin with it */
    bool measured, modelled;
};

/* ---- choosing ---- */

static void note_instance(struct verification *v, struct instance *i, struct key_map *seen) {
    if (!(i->named || (v->options->all && i->wanted)) || i->decl->type == STAGE_SELECT || !i->decl->cache)
        return;
    if (i->state != INSTANCE_DONE) {
        v->summary->unrecorded++;
        return;
    }
    if (key_map_get(seen, &i->key))
        return;
    key_map_add(seen, &i->key, i);
    struct choice c = {.instance = i};
    struct sha256 *h = sha256_create();
    sha256_field(h, &v->options->seed, sizeof v->options->seed);
    sha256_field(h, i->key.bytes, sizeof i->key.bytes);
    sha256_finish(h, &c.rank);
    mem_grow(v->choices, &v->capacity, v->count + 1);
    v->choices[v->count++] = c;
}

static int compare_ranks(const void *a, const void *b) {
    const struct choice *left = a, *right = b;
    return memcmp(left->rank.bytes, right->rank.bytes, sizeof left->rank.bytes);
}

static int compare_places(const void *a, const void *b) {
    const struct choice *left = a, *right = b;
    return (left->instance->index > right->instance->index) - (left->instance->index < right->instance->index);
}

/* Those of the smallest rank, in the order of the plan. */
static int choose(struct verification *v, struct error *err) {
    struct key_map seen = {0};
    size_t count;
    struct instance *const *all = plan_instances(v->run.plan, &count);
    for (size_t k = 0; k < count; k++)
        note_instance(v, all[k], &seen);
    key_map_close(&seen);
    v->summary->recorded = v->count;
    if (v->count == 0)
        return error_set(err, ERR_NOT_FOUND, "nothing of this is recorded; retort run makes it");
    v->summary->chosen = (size_t)ceil((double)v->count * v->options->share);
    qsort(v->choices, v->count, sizeof *v->choices, compare_ranks);
    qsort(v->choices, v->summary->chosen, sizeof *v->choices, compare_places);
    return 0;
}

/* ---- one execution ---- */

static void prepare(uv_work_t *work) {
    struct task *t = work->data;
    if (t->work_code == 0)
        t->work_code = attempt_prepare(t->attempt, &t->work_error);
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

static void on_gone(void *context, int status) {
    struct task *t = context;
    t->execution = NULL;
    t->keeper_status = status;
    uv_queue_work(&t->run->loop, &t->work, collect, on_collected);
}

static void on_events(void *context, const char *bytes, size_t size) {
    struct task *t = context;
    events_feed(&t->events, bytes, size);
}

static void on_prepared(uv_work_t *work, int status) {
    struct task *t = work->data;
    const struct execution_observer observer = {.context = t, .events = on_events, .exit = on_gone};
    (void)status;
    if (t->work_code == 0 && t->job.terminating)
        t->work_code = error_set(&t->work_error, ERR_INTERRUPTED, "asked to leave before it began");
    if (t->work_code == 0)
        t->work_code = executor_start(&t->execution, t->run->executor, t->attempt->file, t->attempt->stderr_log,
                                      &observer, &t->work_error);
    if (t->work_code < 0)
        task_list_add(&t->run->collected, t);
}

/* Its checkpoint is its own: what an interrupted run left would not be executed again. */
static void start(struct verification *v, struct task *t) {
    char *id = mem_printf("%s-%zu-1", v->id, t->instance->index);
    char *root = store_work_path(v->run.store, id);
    char *checkpoint = attempt_uses_checkpoint(t->instance) ? path_join(root, "checkpoint") : NULL;
    instance_hold_action(t->instance);
    t->attempt = attempt_create(v->run.store, t->instance, id, checkpoint);
    t->attempt->only_look = true;
    t->outcome.exit = -1;
    t->work.data = t;
    v->run.in_flight++;
    if (v->options->started)
        v->options->started(v->options->context, t->instance);
    t->work_code = attempt_look(t->attempt, v->run.facts, &t->work_error);
    uv_queue_work(&v->run.loop, &t->work, prepare, on_prepared);
    free(root);
    free(id);
}

static void stop(struct task *t, enum schedule_type how) {
    if (!t->execution)
        return;
    if (how == SCHEDULE_KILL)
        execution_kill(t->execution);
    else
        execution_terminate(t->execution);
}

/* ---- what it gave ---- */

static void count_energy(struct verification *v, const struct task *t) {
    const cJSON *energy = cJSON_GetObjectItemCaseSensitive(t->outcome.result, "energy");
    double joules = json_double(energy, "joules", (double)NAN);
    if (isnan(joules))
        return;
    v->summary->joules = (isnan(v->summary->joules) ? 0 : v->summary->joules) + joules;
    v->measured = true;
    v->modelled |= strcmp(json_text(energy, "label", ""), "measured") != 0;
}

static void count_verdict(struct verify_summary *s, const char *verdict) {
    size_t *count = strcmp(verdict, "same") == 0      ? &s->same
                    : strcmp(verdict, "within") == 0  ? &s->within
                    : strcmp(verdict, "differs") == 0 ? &s->differ
                                                      : &s->failed;
    ++*count;
}

/* Left beside the records, whatever it says: how the execution was asked for is no part of it. */
static int keep(struct verification *v, struct task *t, const cJSON *stage, struct error *err) {
    cJSON *record = record_build(t);
    cJSON_AddStringToObject(record, "state", "verified");
    cJSON_AddItemReferenceToObject(record, "verdict", cJSON_GetObjectItemCaseSensitive(stage, "verdict"));
    cJSON_AddItemReferenceToObject(record, "differences", cJSON_GetObjectItemCaseSensitive(stage, "outs"));
    cJSON_AddItemReferenceToObject(record, "metric_differences", cJSON_GetObjectItemCaseSensitive(stage, "metrics"));
    int rc = store_attempt_write(v->run.store, t->attempt->id, record, err);
    cJSON_Delete(record);
    return rc;
}

static int judge(struct verification *v, struct task *t, struct error *err) {
    cJSON *stage = NULL;
    v->run.in_flight--;
    bool left = t->job.terminating && !t->outcome.finished && !t->job.timed_out;
    count_energy(v, t);
    scheduler_exit(v->run.scheduler, &t->job, left ? EXIT_INTERRUPTED : EXIT_FINISHED, run_now_ms());
    int rc = t->work_code == ERR_IO
                 ? error_set(err, ERR_IO, "stage %s: %s", instance_name(t->instance), t->work_error.message)
                 : 0;
    if (rc == 0 && !left)
        rc = verify_judge(&stage, t, err);
    if (stage) {
        count_verdict(v->summary, json_text(stage, "verdict", ""));
        rc = keep(v, t, stage, err);
        if (v->options->judged)
            v->options->judged(v->options->context, stage);
    }
    cJSON_Delete(stage);
    file_remove_tree(t->attempt->root, NULL);
    return rc;
}

/* ---- the loop ---- */

static void on_timer(uv_timer_t *timer) {
    uv_stop(timer->loop);
}

static void carry_out(struct verification *v) {
    struct schedule_action action;
    while (scheduler_next(v->run.scheduler, run_now_ms(), &action)) {
        if (action.type == SCHEDULE_START)
            start(v, action.job->owner);
        else
            stop(action.job->owner, action.type);
    }
}

static void step(struct verification *v) {
    struct run *r = &v->run;
    struct error fault = {0};
    for (; r->signals_handled < r->signals_seen; r->signals_handled++)
        scheduler_interrupt(r->scheduler, run_now_ms());
    for (struct task *t; (t = task_list_take(&r->collected));) {
        int rc = judge(v, t, &fault);
        if (rc < 0)
            run_fail(r, rc, &fault);
    }
    carry_out(v);
}

static void set_timer(struct run *r) {
    uint64_t due = scheduler_due_ms(r->scheduler), now = run_now_ms();
    if (due == UINT64_MAX)
        uv_timer_stop(&r->timer);
    else
        uv_timer_start(&r->timer, on_timer, due > now ? due - now : 0, 0);
}

static int submit(struct verification *v, struct error *err) {
    int rc = 0;
    v->tasks = mem_array(v->summary->chosen, sizeof *v->tasks);
    for (size_t k = 0; rc == 0 && k < v->summary->chosen; k++) {
        struct instance *i = v->choices[k].instance;
        struct task *t = &v->tasks[k];
        t->run = &v->run;
        t->instance = i;
        t->job = (struct job){.owner = t,
                              .needs = i->decl->resources,
                              .exclusive = i->decl->kind && i->decl->kind->measures_machine,
                              .timeout_ms = i->decl->timeout_ms};
        rc = scheduler_submit(v->run.scheduler, &t->job, err);
        if (rc < 0)
            error_prefix(err, "stage %s", instance_name(i));
    }
    return rc;
}

static int execute(struct verification *v, struct error *err) {
    struct run *r = &v->run;
    int rc = run_open_loop(&v->run, v->options->stage_program, err);
    if (rc == 0)
        rc = submit(v, err);
    if (rc < 0)
        return rc;
    for (step(v); r->in_flight > 0 || !scheduler_idle(r->scheduler); step(v)) {
        uv_update_time(&r->loop);
        set_timer(r);
        uv_run(&r->loop, UV_RUN_ONCE);
    }
    if (r->code)
        return error_set(err, r->code, "%s", r->error.message);
    if (r->signals_seen > 0)
        return error_set(err, ERR_INTERRUPTED, "interrupted; what was compared so far is told");
    return 0;
}

/* ---- all ---- */

static int begin(struct verification *v, struct error *err) {
    struct run *r = &v->run;
    int rc = choose(v, err);
    if (rc == 0)
        rc = facts_platform(r->facts, &r->platform, err);
    if (rc < 0)
        return rc;
    char now[CLOCK_TEXT_SIZE];
    clock_format(now, clock_wall_s());
    v->id = mem_printf("verify-%s-%ld", now, (long)getpid());
    r->git = provenance_git(r->pipeline->directory);
    r->host = provenance_host("/");
    r->versions = provenance_versions();
    r->scheduler = scheduler_create(&v->options->limits, true);
    return 0;
}

static void close_verification(struct verification *v) {
    struct run *r = &v->run;
    run_close_loop(r);
    for (size_t k = 0; v->tasks && k < v->summary->chosen; k++) {
        attempt_free(v->tasks[k].attempt);
        outcome_close(&v->tasks[k].outcome);
        events_close(&v->tasks[k].events);
    }
    free(v->tasks);
    free(v->choices);
    free(v->id);
    free(r->platform);
    scheduler_free(r->scheduler);
    facts_free(r->facts);
    cJSON_Delete(r->git);
    cJSON_Delete(r->host);
    cJSON_Delete(r->versions);
}

int verify_stages(const struct pipeline *pipeline, struct plan *plan, struct store *store,
                  const struct verify_options *options, struct verify_summary *summary, struct error *err) {
    struct verification v = {
        .run = {.pipeline = pipeline, .plan = plan, .store = store}, .options = options, .summary = summary};
    *summary = (struct verify_summary){.joules = (double)NAN};
    v.run.facts = facts_create(store, options->stage_program);
    int rc = begin(&v, err);
    if (rc == 0)
        rc = execute(&v, err);
    summary->label = !v.measured ? "unavailable" : v.modelled ? "modelled" : "measured";
    close_verification(&v);
    if (rc == 0 && summary->differ + summary->failed > 0)
        rc = error_set(err, ERR_FAILED, "%zu of %zu stages did not give what is recorded",
                       summary->differ + summary->failed, summary->chosen);
    return rc;
}
