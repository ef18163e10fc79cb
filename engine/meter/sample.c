/* Reads every counter once, and shares the joules out to the running stages. */
#include <math.h>
#include <stdio.h>

#include "engine/base/clock.h"
#include "engine/meter/cputime.h"
#include "engine/meter/internal.h"

static uint64_t meter_now_ns(const struct meter *m) {
    return m->options.now_ns ? m->options.now_ns() : clock_monotonic_ns();
}

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

void meter_start_locked(struct meter *m) {
    m->sampled_ns = meter_now_ns(m);
    for (size_t i = 0; i < m->domains.count; i++)
        if (m->domains.list[i].used)
            domain_start(&m->domains.list[i], m->sampled_ns);
    m->busy_s = cputime_busy(m->root);
    series_add(m, 0, 0, 0);
}
