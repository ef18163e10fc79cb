#include "engine/meter/meter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/meter/cputime.h"
#include "engine/meter/internal.h"

#define DEFAULT_HZ 1.0
#define MAX_HZ 10.0

/* ---- opening ---- */

static void add_word(char *text, size_t size, const char *separator, const char *word) {
    size_t length = strlen(text);
    snprintf(text + length, size - length, "%s%s", length ? separator : "", word);
}

/* Each way once: what stood in the way of the processor's energy. */
static void explain_failures(struct buffer *why, const struct domains *domains) {
    const char *last = "";
    for (size_t i = 0; i < domains->count; i++) {
        const struct domain *d = &domains->list[i];
        if (!d->failed || d->class == DOMAIN_GPU || strcmp(d->source, last) == 0)
            continue;
        buffer_printf(why, "%s %s: %s; ", d->source, d->name, d->why);
        last = d->source;
    }
}

/* Why GPUs that the stage holds are not counted; nothing where they are. */
static void explain_gpus(struct buffer *why, const struct domains *domains, const char *library) {
    const char *fault = library;
    for (size_t i = 0; i < domains->count; i++) {
        const struct domain *d = &domains->list[i];
        if (d->class == DOMAIN_GPU && d->counted)
            return;
        if (d->class == DOMAIN_GPU && d->failed && strstr(d->why, "NVML"))
            fault = d->why;
    }
    buffer_printf(why, "the GPUs are not in the sum: %s; ", fault);
}

static void name_sources(struct meter *m) {
    for (size_t i = 0; i < m->domains.count; i++) {
        const struct domain *d = &m->domains.list[i];
        if (d->counted && !strstr(m->source, d->source))
            add_word(m->source, sizeof m->source, "+", d->source);
        m->counts |= d->counted && d->class != DOMAIN_GPU;
        m->has_memory |= d->counted && d->class == DOMAIN_DRAM;
    }
    if (!m->counts)
        add_word(m->source, sizeof m->source, "+", "model");
    snprintf(m->name, sizeof m->name, "%s%s%s", m->source, m->counts ? "" : "/",
             m->counts ? "" : model_constants(m->model));
}

/* Fast enough that no counter goes round unseen. */
static double sample_rate(const struct meter *m) {
    double hz = m->options.sample_hz > 0 ? fmin(fmax(m->options.sample_hz, 1), MAX_HZ) : 0;
    for (size_t i = 0; i < m->domains.count; i++) {
        const struct domain *d = &m->domains.list[i];
        if (d->used && d->range)
            hz = fmax(hz, fmin(fmax(DEFAULT_HZ, 2 * DOMAIN_MAX_W / ((double)d->range * d->unit_j)), MAX_HZ));
    }
    return m->domains.count ? hz : 0;
}

static void explain(struct meter *m, const char *processor, const char *library) {
    struct buffer why = {0};
    if (!m->counts)
        buffer_printf(&why, "no counter of the processor's energy can be read: %s", processor);
    if (!m->counts)
        explain_failures(&why, &m->domains);
    else if (!m->has_memory)
        buffer_puts(&why, "the memory has no counter of its own here and is not in the sum; ");
    if (m->options.gpus > 0)
        explain_gpus(&why, &m->domains, library);
    size_t length = why.size;
    while (length && strchr("; ", why.data[length - 1]))
        length--;
    snprintf(m->why, sizeof m->why, "%.*s", (int)length, buffer_text(&why));
    buffer_close(&why);
}

static void find_counters(struct meter *m) {
    struct buffer processor = {0}, library = {0};
    perf_event_find(&m->domains, &m->options, &processor);
    powercap_find(&m->domains, &m->options, &processor);
    nvml_find(&m->domains, &m->nvml, &m->options, &library);
    domains_choose(&m->domains, m->options.gpus > 0);
    name_sources(m);
    explain(m, buffer_text(&processor), buffer_text(&library));
    m->hz = sample_rate(m);
    buffer_close(&library);
    buffer_close(&processor);
}

static void locks_init(struct meter *m) {
    pthread_condattr_t clock;
    pthread_mutex_init(&m->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&m->wake, &clock);
    pthread_condattr_destroy(&clock);
}

int meter_open_with(struct meter **out, const struct meter_options *options, struct error *err) {
    struct meter *m = mem_alloc(sizeof *m);
    int rc = cpu_info_read(&m->cpu, options->root, err);
    if (rc == 0)
        rc = model_open(&m->model, &m->cpu, err);
    if (rc < 0) {
        free(m);
        return rc;
    }
    m->options = *options;
    m->options.root = m->root = mem_strdup(options->root);
    if (options->base)
        m->base = *options->base;
    m->options.base = NULL;
    m->series.stride = 1;
    locks_init(m);
    find_counters(m);
    *out = m;
    return 0;
}

int meter_open(struct meter **out, const char *root, struct error *err) {
    return meter_open_with(out, &(struct meter_options){.root = root}, err);
}

void meter_close(struct meter *m) {
    if (!m)
        return;
    sampler_stop(m);
    domains_close(&m->domains);
    nvml_close(m->nvml);
    model_close(m->model);
    pthread_cond_destroy(&m->wake);
    pthread_mutex_destroy(&m->lock);
    free(m->series.points);
    free(m->root);
    free(m);
}

const char *meter_name(const struct meter *m) {
    return m->name;
}

const char *meter_processor(const struct meter *m) {
    return m->cpu.model;
}

bool meter_counts(const struct meter *m, const char **why) {
    *why = m->why;
    return m->counts;
}

double meter_sample_hz(const struct meter *m) {
    return m->hz;
}

size_t meter_gpu_count(const struct meter *m) {
    size_t count = 0;
    for (size_t i = 0; i < m->domains.count; i++)
        count += m->domains.list[i].class == DOMAIN_GPU && m->domains.list[i].counted;
    return count;
}

double meter_cpu_watts(const struct meter *m, const char **source) {
    return model_cpu_watts(m->model, source);
}

static uint64_t meter_now_ns(const struct meter *m) {
    return m->options.now_ns ? m->options.now_ns() : clock_monotonic_ns();
}

/* ---- sampling ---- */

struct added {
    double computation_j, memory_j, gpu_j;
    const struct domain *failed; /* a counted one */
};

static struct added domains_update(struct meter *m, uint64_t now_ns) {
    struct added added = {0};
    for (size_t i = 0; i < m->domains.count; i++) {
        struct domain *d = &m->domains.list[i];
        if (!d->used)
            continue;
        uint64_t before = d->counts;
        domain_update(d, now_ns);
        if (!d->counted)
            continue;
        double joules = (double)(d->counts - before) * d->unit_j;
        *(d->class == DOMAIN_DRAM  ? &added.memory_j
          : d->class == DOMAIN_GPU ? &added.gpu_j
                                   : &added.computation_j) += joules;
        if (d->failed && !added.failed)
            added.failed = d;
    }
    return added;
}

static void task_add(struct meter_task *t, const struct added *added, double dt_s, double busy_s, double cpu_s) {
    double stage_s = fmax(cpu_s - t->cpu_s, 0);
    t->cpu_s = fmax(cpu_s, t->cpu_s);
    t->samples++;
    if (t->lost[0])
        return;
    if (added->failed) {
        snprintf(t->lost, sizeof t->lost, "%s %s: %s", added->failed->source, added->failed->name, added->failed->why);
        return;
    }
    attribution_add(&t->computation, dt_s, added->computation_j, busy_s, &stage_s);
    attribution_add(&t->memory, dt_s, added->memory_j, busy_s, &stage_s);
}

void meter_sample_locked(struct meter *m, const struct meter_task *ending, double ending_cpu_s) {
    if (!m->tasks)
        return;
    uint64_t now_ns = meter_now_ns(m);
    double dt_s = (double)(now_ns - m->sampled_ns) / 1e9;
    struct added added = domains_update(m, now_ns);
    double busy_s = cputime_busy(m->root);
    for (struct meter_task *t = m->tasks; t; t = t->next)
        task_add(t, &added, dt_s, busy_s - m->busy_s, t == ending ? ending_cpu_s : cputime_tree(m->root, t->group));
    m->sampled_ns = now_ns;
    m->busy_s = busy_s;
    series_add(m, added.computation_j + added.memory_j + added.gpu_j, added.memory_j, added.gpu_j);
}

void meter_sample(struct meter *m) {
    pthread_mutex_lock(&m->lock);
    meter_sample_locked(m, NULL, 0);
    pthread_mutex_unlock(&m->lock);
}

/* ---- tasks ---- */

/* Readings from which the first stage counts: what was spent between stages is nobody's. */
static void counters_start(struct meter *m) {
    m->sampled_ns = meter_now_ns(m);
    for (size_t i = 0; i < m->domains.count; i++)
        if (m->domains.list[i].used)
            domain_start(&m->domains.list[i], m->sampled_ns);
    m->busy_s = cputime_busy(m->root);
    series_add(m, 0, 0, 0);
}

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
        counters_start(m);
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
