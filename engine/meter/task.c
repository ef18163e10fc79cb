/* The account of one stage from beginning to end. The joules of computation and of memory are shared out apart, so a
   task has two attributions. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/meter/internal.h"

static const struct domain *first_failed(const struct meter *m) {
    for (size_t i = 0; i < m->domains.count; i++)
        if (m->domains.list[i].counted && m->domains.list[i].failed)
            return &m->domains.list[i];
    return NULL;
}

struct meter_task *meter_begin(struct meter *m, pid_t group) {
    struct meter_task *t = mem_alloc(sizeof *t);
    t->meter = m;
    t->group = group;
    if (m->domains.count == 0)
        return t;
    pthread_mutex_lock(&m->lock);
    if (m->tasks)
        meter_sample_locked(m, NULL, 0);
    else
        meter_start_locked(m);
    const struct domain *failed = first_failed(m);
    if (failed)
        snprintf(t->lost, sizeof t->lost, "%s %s: %s", failed->source, failed->name, failed->why);
    t->began_ns = m->sampled_ns;
    t->began = mem_array(m->domains.count, sizeof *t->began);
    memcpy(t->began, m->domains.list, m->domains.count * sizeof *t->began);
    t->computation.base = m->base.computation;
    t->memory.base = m->base.memory;
    attribution_stage(&t->computation);
    attribution_stage(&t->memory);
    t->samples = 1;
    t->next = m->tasks;
    m->tasks = t;
    pthread_mutex_unlock(&m->lock);
    if (m->hz > 0 && !m->options.no_thread)
        sampler_start(m);
    return t;
}

static void task_account(struct meter_task *t, const struct meter_usage *whole, struct energy_record *out) {
    struct meter *m = t->meter;
    pthread_mutex_lock(&m->lock);
    meter_sample_locked(m, t, whole ? whole->cpu_s : t->cpu_s);
    account_counters(t, whole, out);
    pthread_mutex_unlock(&m->lock);
}

static void task_leave(struct meter_task *t) {
    struct meter *m = t->meter;
    pthread_mutex_lock(&m->lock);
    for (struct meter_task **at = &m->tasks; *at; at = &(*at)->next)
        if (*at == t) {
            *at = t->next;
            break;
        }
    pthread_mutex_unlock(&m->lock);
}

/* Whether CPU time, duration and memory are all known. */
static bool usage_is_whole(const struct meter_usage *usage) {
    return usage && isfinite(usage->cpu_s) && usage->cpu_s >= 0 && isfinite(usage->wall_s) && usage->wall_s >= 0 &&
           isfinite(usage->memory_bytes) && usage->memory_bytes >= 0;
}

static void record_init(struct energy_record *out, const struct meter *m, const struct meter_usage *usage) {
    const double unknown = (double)NAN;
    *out = (struct energy_record){
        .joules = unknown,
        .computation_j = unknown,
        .memory_j = unknown,
        .gpu_j = unknown,
        .uncertainty_j = unknown,
        .w_per_cpu = unknown,
        .w_per_gb = unknown,
        .counter_j = unknown,
        .counter_s = unknown,
        .resolution_j = unknown,
        .idle_j = unknown,
        .other_j = unknown,
        .usage = {unknown, unknown, unknown, false},
        .base = m->base,
        .steps = four_steps(0, 0, &m->base.total, 0),
    };
    if (usage)
        out->usage = *usage;
    snprintf(out->source, sizeof out->source, "%s", m->source);
    snprintf(out->processor, sizeof out->processor, "%s", m->cpu.model);
    snprintf(out->why, sizeof out->why, "%s", m->why);
}

void meter_so_far(struct meter_task *task, const struct meter_usage *usage, struct energy_record *out) {
    const struct meter *m = task->meter;
    const struct meter_usage *whole = usage_is_whole(usage) ? usage : NULL;
    record_init(out, m, usage);
    if (!m->counts)
        model_account(m->model, whole, out);
    if (task->began)
        task_account(task, whole, out);
    if (!whole)
        snprintf(out->why, sizeof out->why, "the stage's CPU time, duration or memory is not known%s%.400s",
                 m->why[0] ? "; " : "", m->why);
}

void meter_end(struct meter_task *task, const struct meter_usage *usage, struct energy_record *out) {
    meter_so_far(task, usage, out);
    task_leave(task);
    attribution_close(&task->computation);
    attribution_close(&task->memory);
    free(task->began);
    free(task);
}
