#include "engine/verify/verify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/attempt/attempt.h"
#include "engine/attempt/fetch.h"
#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/lookup/facts.h"
#include "engine/run/event_loop.h"
#include "engine/run/key_map.h"
#include "engine/run/scheduler.h"
#include "engine/verify/judge.h"
#include "store/attempts.h"
#include "store/record_format.h"

struct choice {
    struct instance *instance;
    struct digest rank;
};

/* One execution. */
struct execution_task {
    struct job job; /* its owner is this task */
    struct verification *verification;
    struct instance *instance;
    bool submitted;          /* to the scheduler */
    struct attempt *attempt; /* NULL before and after */
    struct execution_task *next;
};

struct verification {
    const struct pipeline *pipeline;
    struct plan *plan;
    struct store *store;
    const struct verify_options *options;
    struct verify_summary *summary;
    struct facts *facts;
    char *platform;
    struct choice *choices;
    size_t count, capacity;
    struct execution_task *tasks; /* one a choice that was taken */
    struct execution_task *ended; /* their attempts wait to be judged */
    char *id;                     /* its attempts' names begin with it */
    struct scheduler *scheduler;
    struct event_loop loop;
    struct attempts attempts;
    int signals_handled;
    size_t in_flight;
    bool measured, modelled;
    int code; /* the first fatal error: nothing starts any more */
    struct error error;
};

static uint64_t now_ms(void) {
    return clock_awake_ns() / 1000000;
}

static void fail(struct verification *v, int code, const struct error *err) {
    if (v->code)
        return;
    v->code = code;
    v->error = *err;
    scheduler_interrupt(v->scheduler, now_ms());
    scheduler_interrupt(v->scheduler, now_ms()); /* the second time: kill */
}

/* ---- choosing ---- */

static void note_instance(struct verification *v, struct instance *i, struct key_map *seen) {
    if (!(i->named || (v->options->all && i->wanted)) || i->decl->type == STAGE_SELECT || !i->decl->cache)
        return;
    if (i->state != INSTANCE_DONE) {
        v->summary->unrecorded += !plan_was_left_out(v->plan, i);
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

/* Chooses the instances with the smallest hashes of seed and key, and sorts them as in the plan. */
static int choose(struct verification *v, struct error *err) {
    struct key_map seen = {0};
    size_t count;
    struct instance *const *all = plan_instances(v->plan, &count);
    for (size_t k = 0; k < count; k++)
        note_instance(v, all[k], &seen);
    key_map_close(&seen);
    v->summary->recorded = v->count;
    if (v->count == 0)
        return error_set(err, ERR_NOT_FOUND, "none of these stages is recorded; retort run records them");
    v->summary->chosen = (size_t)ceil((double)v->count * v->options->share);
    qsort(v->choices, v->count, sizeof *v->choices, compare_ranks);
    qsort(v->choices, v->summary->chosen, sizeof *v->choices, compare_places);
    return 0;
}

/* ---- one execution ---- */

static void on_ended(void *context) {
    struct execution_task *t = context;
    t->next = t->verification->ended;
    t->verification->ended = t;
}

static void start(struct execution_task *t) {
    struct verification *v = t->verification;
    char *id = mem_printf("%s-%zu-1", v->id, t->instance->index);
    const struct attempt_options options = {.instance = t->instance, .id = id, .number = 1, .only_look = true};
    const struct attempt_observer observer = {.context = t, .ended = on_ended};
    t->attempt = attempt_create(&v->attempts, &options);
    v->in_flight++;
    if (v->options->started)
        v->options->started(v->options->context, t->instance);
    attempt_start(t->attempt, &observer);
    free(id);
}

static void stop(struct execution_task *t, enum schedule_type how) {
    if (t->attempt)
        attempt_cancel(t->attempt, how == SCHEDULE_KILL ? CANCEL_KILL : CANCEL_TERMINATE, false);
}

/* ---- judging ---- */

static void count_energy(struct verification *v, const cJSON *energy) {
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

/* Writes a record of the execution among the attempts. It does not hold the options of verify. */
static int keep(const struct attempt *a, const cJSON *stage, struct error *err) {
    cJSON *record = attempt_record(a);
    record_set_end(record, "verified", NULL);
    cJSON_AddItemReferenceToObject(record, "verdict", cJSON_GetObjectItemCaseSensitive(stage, "verdict"));
    cJSON_AddItemReferenceToObject(record, "differences", cJSON_GetObjectItemCaseSensitive(stage, "outs"));
    cJSON_AddItemReferenceToObject(record, "metric_differences", cJSON_GetObjectItemCaseSensitive(stage, "metrics"));
    int rc = store_attempt_write(a->all->options.store, a->id, record, err);
    cJSON_Delete(record);
    return rc;
}

static int judge(struct execution_task *t, struct error *err) {
    struct verification *v = t->verification;
    struct attempt *a = t->attempt;
    cJSON *stage = NULL;
    bool left = t->job.terminating && !a->outcome.finished && !t->job.timed_out;
    v->in_flight--;
    count_energy(v, a->outcome.result.energy);
    scheduler_exit(v->scheduler, &t->job, left ? EXIT_INTERRUPTED : EXIT_FINISHED, now_ms());
    int rc =
        a->code == ERR_IO ? error_set(err, ERR_IO, "stage %s: %s", instance_name(t->instance), a->error.message) : 0;
    if (rc == 0 && !left)
        rc = verify_judge(&stage, a, t->job.timed_out, err);
    if (stage) {
        count_verdict(v->summary, json_text(stage, "verdict", ""));
        rc = keep(a, stage, err);
        if (v->options->judged)
            v->options->judged(v->options->context, stage);
    }
    cJSON_Delete(stage);
    attempt_remove(a);
    attempt_free(a);
    t->attempt = NULL;
    return rc;
}

/* ---- the loop ---- */

static void judge_ended(struct verification *v) {
    struct error fault = {0};
    while (v->attempts.has_provenance && v->ended) {
        struct execution_task *t = v->ended;
        v->ended = t->next;
        int rc = judge(t, &fault);
        if (rc < 0)
            fail(v, rc, &fault);
    }
}

/* Gives the scheduler the tasks whose inputs are there. */
static void submit_ready(struct verification *v) {
    struct error fault = {0};
    for (size_t k = 0; k < v->summary->chosen && v->code == 0; k++) {
        struct execution_task *t = &v->tasks[k];
        if (t->submitted || (v->signals_handled == 0 && attempts_fetch(&v->attempts, t->instance)))
            continue;
        t->submitted = true;
        int rc = scheduler_submit(v->scheduler, &t->job, &fault);
        if (rc < 0) {
            error_prefix(&fault, "stage %s", instance_name(t->instance));
            fail(v, rc, &fault);
        }
    }
    if (v->code || v->signals_handled > 0)
        attempts_end_fetches(&v->attempts);
}

static void step(struct verification *v) {
    struct schedule_action action;
    for (; v->signals_handled < v->loop.signals_seen; v->signals_handled++)
        scheduler_interrupt(v->scheduler, now_ms());
    judge_ended(v);
    submit_ready(v);
    while (scheduler_next(v->scheduler, now_ms(), &action)) {
        if (action.type == SCHEDULE_START)
            start(action.job->owner);
        else
            stop(action.job->owner, action.type);
    }
    attempts_submit(&v->attempts);
}

static uint64_t due_ms(struct verification *v) {
    uint64_t due = scheduler_due_ms(v->scheduler), keepers = executor_poll(v->attempts.executor);
    if (v->ended && v->attempts.has_provenance)
        return now_ms(); /* an attempt that cannot start ended at once */
    return keepers < due ? keepers : due;
}

static void make_tasks(struct verification *v) {
    v->tasks = mem_array(v->summary->chosen, sizeof *v->tasks);
    for (size_t k = 0; k < v->summary->chosen; k++) {
        struct instance *i = v->choices[k].instance;
        struct execution_task *t = &v->tasks[k];
        t->verification = v;
        t->instance = i;
        t->job = (struct job){.owner = t,
                              .needs = i->decl->resources,
                              .exclusive = i->decl->kind && i->decl->kind->measures_machine,
                              .timeout_ms = i->decl->timeout_ms};
    }
}

static int execute(struct verification *v, struct error *err) {
    const struct attempts_options options = {.loop = &v->loop.uv,
                                             .store = v->store,
                                             .facts = v->facts,
                                             .gpus = v->options->gpus,
                                             .pipeline = v->pipeline,
                                             .platform = v->platform,
                                             .name = v->id,
                                             .log_limit_bytes = ATTEMPT_LOG_LIMIT,
                                             .covers = v->options->covers,
                                             .no_sandbox = v->options->no_sandbox};
    int rc = event_loop_open(&v->loop, err);
    if (rc == 0)
        rc = attempts_open(&v->attempts, &options, err);
    if (rc < 0)
        return rc;
    make_tasks(v);
    event_loop_on_stop(&v->loop, attempts_stop, &v->attempts);
    for (step(v); v->in_flight > 0 || attempts_are_fetching(&v->attempts) || !scheduler_idle(v->scheduler); step(v))
        event_loop_wait(&v->loop, due_ms(v));
    if (v->code)
        return error_set(err, v->code, "%s", v->error.message);
    if (v->loop.signals_seen > 0)
        return error_set(err, ERR_INTERRUPTED, "interrupted; the comparisons so far are shown");
    return 0;
}

/* ---- all ---- */

static int begin(struct verification *v, struct error *err) {
    int rc = choose(v, err);
    if (rc == 0)
        rc = facts_platform(v->facts, &v->platform, err);
    if (rc < 0)
        return rc;
    char now[CLOCK_TEXT_SIZE];
    clock_format(now, clock_wall_s());
    v->id = mem_printf("verify-%s-%ld", now, (long)getpid());
    v->scheduler = scheduler_create(&v->options->limits, true);
    return 0;
}

static void close_verification(struct verification *v) {
    if (v->loop.is_open) {
        attempts_close(&v->attempts);
        event_loop_close(&v->loop);
        attempts_free(&v->attempts);
        event_loop_free(&v->loop);
    }
    for (size_t k = 0; v->tasks && k < v->summary->chosen; k++)
        attempt_free(v->tasks[k].attempt);
    free(v->tasks);
    free(v->choices);
    free(v->id);
    free(v->platform);
    scheduler_free(v->scheduler);
    facts_free(v->facts);
}

int verify_stages(const struct pipeline *pipeline, struct plan *plan, struct store *store,
                  const struct verify_options *options, struct verify_summary *summary, struct error *err) {
    struct verification v = {
        .pipeline = pipeline, .plan = plan, .store = store, .options = options, .summary = summary};
    *summary = (struct verify_summary){.joules = (double)NAN};
    v.facts = facts_create(store, options->stage_program, options->committed);
    int rc = begin(&v, err);
    if (rc == 0)
        rc = execute(&v, err);
    summary->label = !v.measured ? "unavailable" : v.modelled ? "modelled" : "measured";
    close_verification(&v);
    if (rc == 0 && summary->differ + summary->failed > 0)
        rc = error_set(err, ERR_FAILED, "%zu of %zu stages gave other results than recorded",
                       summary->differ + summary->failed, summary->chosen);
    return rc;
}
