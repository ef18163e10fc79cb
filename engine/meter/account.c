/* Turns a task's samples into its record: the measured part, the unresolved part, and the unknown. */
#include <math.h>
#include <stdio.h>

#include "engine/meter/cputime.h"
#include "engine/meter/internal.h"

/* Sums over the counted domains of one task. */
struct sums {
    double computation_j, memory_j, gpu_j;
    double computation_resolution_j, memory_resolution_j, gpu_resolution_j;
    double tick_s; /* of the slowest */
    bool gpus;
};

/* The smallest step of a domain: one count, or the joules between two of its own updates. */
static double resolution_j(const struct domain *d, double joules, double wall_s) {
    return fmax(d->unit_j, wall_s > 0 ? joules / wall_s * d->tick_s : 0);
}

static void sum_domain(struct sums *s, const struct domain *d, double joules, double wall_s) {
    double resolution = resolution_j(d, joules, wall_s);
    s->tick_s = fmax(s->tick_s, d->tick_s);
    if (d->class == DOMAIN_DRAM) {
        s->memory_j += joules;
        s->memory_resolution_j += resolution;
    } else if (d->class == DOMAIN_GPU) {
        s->gpus = true;
        s->gpu_j += joules;
        s->gpu_resolution_j += resolution;
    } else {
        s->computation_j += joules;
        s->computation_resolution_j += resolution;
    }
}

static void describe_domain(struct energy_domain *out, const struct domain *began, const struct domain *d) {
    *out = (struct energy_domain){.counted = d->counted, .unit_j = d->unit_j, .joules = (double)NAN};
    snprintf(out->source, sizeof out->source, "%s", d->source);
    snprintf(out->name, sizeof out->name, "%s", d->name);
    snprintf(out->why, sizeof out->why, "%s", d->why);
    if (!d->used)
        return;
    out->start = began->raw;
    out->end = d->raw;
    out->wraps = d->wraps - began->wraps;
    if (!d->failed)
        out->joules = (double)(d->counts - began->counts) * d->unit_j;
}

static struct sums describe_domains(struct energy_record *out, const struct meter_task *t, double wall_s) {
    const struct domains *domains = &t->meter->domains;
    struct sums sums = {0};
    for (size_t i = 0; i < domains->count; i++) {
        const struct domain *d = &domains->list[i];
        if (d->counted)
            sum_domain(&sums, d, (double)(d->counts - t->began[i].counts) * d->unit_j, wall_s);
        if (out->domain_count < ENERGY_MAX_DOMAINS)
            describe_domain(&out->domains[out->domain_count++], &t->began[i], d);
    }
    return sums;
}

static void make_unavailable(struct energy_record *out, const char *why) {
    out->label = ENERGY_UNAVAILABLE;
    out->joules = out->computation_j = out->memory_j = out->gpu_j = out->uncertainty_j = (double)NAN;
    snprintf(out->why, sizeof out->why, "%s", why);
}

static void make_unresolved(struct energy_record *out, const struct sums *s, double wall_s) {
    out->label = ENERGY_UNRESOLVED;
    out->joules = out->computation_j = out->memory_j = out->gpu_j = out->uncertainty_j = (double)NAN;
    snprintf(out->why, sizeof out->why, "%.3g s are too short for a counter that is updated every %.3g s", wall_s,
             s->tick_s);
}

/* The stage's share of the machine's counters. */
static void share_processor(struct energy_record *out, const struct meter_task *t, const struct sums *s) {
    const struct meter *m = t->meter;
    out->label = ENERGY_MEASURED;
    out->joules = t->computation.rows[0].joules + t->memory.rows[0].joules;
    out->idle_j = t->computation.idle_j + t->memory.idle_j;
    out->other_j = t->computation.other_j + t->memory.other_j;
    if (m->has_memory) {
        out->computation_j = t->computation.rows[0].joules;
        out->memory_j = t->memory.rows[0].joules;
    }
    out->uncertainty_j = attribution_uncertainty(&t->computation, 0, s->computation_resolution_j, cputime_tick_s()) +
                         attribution_uncertainty(&t->memory, 0, s->memory_resolution_j, cputime_tick_s());
    snprintf(out->share_rule, sizeof out->share_rule, "%s x CPU time of the stage / busy CPU time of the machine%s",
             m->base.total.windows ? "(counter - base power x time)" : "counter",
             m->base.total.windows ? "" : "; the base power is not known and is part of it");
    if (out->usage.alone)
        out->steps = four_steps(s->computation_j + s->memory_j, t->computation.wall_s, &m->base.total,
                                s->computation_resolution_j + s->memory_resolution_j);
}

/* The meter does not know which of several GPUs a stage holds. The stage gets a part of their joules in proportion
   to the number that it holds. */
static void add_gpus(struct energy_record *out, const struct meter *m, const struct sums *s) {
    double share = fmin(1, m->options.gpus / (double)domains_gpu_count(&m->domains));
    out->gpu_j = s->gpu_j * share;
    out->joules += out->gpu_j;
    out->uncertainty_j += 2 * s->gpu_resolution_j * share;
}

void account_counters(const struct meter_task *t, const struct meter_usage *usage, struct energy_record *out) {
    const struct meter *m = t->meter;
    double wall_s = (double)(m->sampled_ns - t->began_ns) / 1e9;
    struct sums sums = describe_domains(out, t, wall_s);
    out->samples_got = t->samples;
    out->samples_expected = 2 + (size_t)(wall_s * m->hz);
    if (!m->counts && !sums.gpus)
        return;
    double counter_j = sums.computation_j + sums.memory_j + sums.gpu_j;
    if (!usage)
        make_unavailable(out, "");
    else if (t->lost[0])
        make_unavailable(out, t->lost);
    else if (wall_s <= 2 * sums.tick_s || counter_j <= 0)
        make_unresolved(out, &sums, wall_s);
    else if (m->counts && isnan(m->busy_s) && !usage->alone)
        make_unavailable(out, "the machine's busy CPU time (/proc/stat) cannot be read, and with it the stage's share");
    else {
        out->counter_j = counter_j;
        out->counter_s = wall_s;
        out->resolution_j = sums.computation_resolution_j + sums.memory_resolution_j;
        out->gpu_resolution_j = sums.gpu_resolution_j;
        if (m->counts)
            share_processor(out, t, &sums);
        if (sums.gpus)
            add_gpus(out, m, &sums);
    }
}
