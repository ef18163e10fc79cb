#include "engine/meter/meter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
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
    return domains_gpu_count(&m->domains);
}

double meter_cpu_watts(const struct meter *m, const char **source) {
    return model_cpu_watts(m->model, source);
}
