/* Power over time: the samples that a meter has taken, and mean power over windows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/meter/internal.h"

enum { MAX_POINTS = 65536 };

static void halve(struct series *s) {
    for (size_t i = 0; i < s->count / 2; i++)
        s->points[i] = s->points[2 * i];
    s->count /= 2;
    s->stride *= 2;
}

void series_add(struct meter *m, double joules, double memory_j, double gpu_j) {
    struct series *s = &m->series;
    double memory_before_j = s->taken ? s->last.memory_j : 0, gpu_before_j = s->taken ? s->last.gpu_j : 0;
    if (!m->counts)
        return;
    s->last = (struct meter_point){.wall_s = clock_wall_s(),
                                   .joules = s->last.joules + joules,
                                   .memory_j = m->has_memory ? memory_before_j + memory_j : (double)NAN,
                                   .gpu_j = meter_gpu_count(m) ? gpu_before_j + gpu_j : (double)NAN,
                                   .busy_s = m->busy_s};
    if (s->taken++ % s->stride != 0)
        return;
    if (s->count == MAX_POINTS)
        halve(s);
    mem_grow(s->points, &s->capacity, s->count + 1);
    s->points[s->count++] = s->last;
}

bool meter_latest(struct meter_point *out, struct meter *m) {
    pthread_mutex_lock(&m->lock);
    bool any = m->series.taken > 0;
    *out = m->series.last;
    pthread_mutex_unlock(&m->lock);
    return any;
}

size_t meter_series(struct meter_point **out, struct meter *m) {
    pthread_mutex_lock(&m->lock);
    size_t count = m->series.count;
    *out = mem_array(count, sizeof **out);
    if (count)
        memcpy(*out, m->series.points, count * sizeof **out);
    pthread_mutex_unlock(&m->lock);
    return count;
}

void meter_series_json(struct buffer *out, const struct meter_point *points, size_t count) {
    buffer_puts(out, "{\"columns\": [\"wall_s\", \"joules\", \"memory_j\", \"gpu_j\", \"busy_cpu_s\"], \"rows\": [");
    for (size_t i = 0; i < count; i++) {
        const double values[] = {points[i].wall_s, points[i].joules, points[i].memory_j, points[i].gpu_j,
                                 points[i].busy_s};
        buffer_puts(out, i ? ",\n[" : "\n[");
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            buffer_puts(out, k ? ", " : "");
            json_number(out, values[k]);
        }
        buffer_putc(out, ']');
    }
    buffer_puts(out, "]}\n");
}

/* ---- windows ---- */

struct state {
    double joules, memory_j;
    uint64_t now_ns;
};

/* Joules of everything counted, now; the failed domain where one is. */
static const struct domain *state_read(struct state *out, struct meter *m) {
    const struct domain *failed = NULL;
    *out = (struct state){0};
    pthread_mutex_lock(&m->lock);
    meter_sample_locked(m, NULL, 0);
    for (size_t i = 0; i < m->domains.count; i++) {
        const struct domain *d = &m->domains.list[i];
        double joules = (double)d->counts * d->unit_j;
        if (!d->counted || d->class == DOMAIN_GPU)
            continue;
        failed = d->failed ? d : failed;
        out->joules += joules;
        out->memory_j += d->class == DOMAIN_DRAM ? joules : 0;
    }
    out->now_ns = m->sampled_ns;
    pthread_mutex_unlock(&m->lock);
    return failed;
}

/* Sleeps in short naps, so that `stop` is asked often. False: stopped. */
static bool sleep_window(double window_s, bool (*stop)(void *context), void *context) {
    uint64_t until_ns = clock_monotonic_ns() + (uint64_t)(window_s * 1e9);
    for (uint64_t now_ns; (now_ns = clock_monotonic_ns()) < until_ns;) {
        uint64_t nap_ns = until_ns - now_ns < 100000000 ? until_ns - now_ns : 100000000;
        if (stop && stop(context))
            return false;
        nanosleep(&(struct timespec){.tv_nsec = (long)nap_ns}, NULL);
    }
    return true;
}

int meter_windows(double *watts, struct meter *m, size_t windows, double window_s, bool (*stop)(void *context),
                  void *context, struct error *err) {
    const char *why;
    if (!meter_counts(m, &why))
        return error_set(err, ERR_NOT_FOUND, "%s", why);
    struct meter_task *task = meter_begin(m, getpid());
    struct energy_record unused;
    struct state before, now;
    const struct domain *failed = state_read(&before, m);
    int rc = 0;
    for (size_t i = 0; i < windows && rc == 0 && !failed; i++) {
        if (!sleep_window(window_s, stop, context)) {
            rc = error_set(err, ERR_INTERRUPTED, "the base power was not measured to its end");
            break;
        }
        failed = state_read(&now, m);
        double dt_s = (double)(now.now_ns - before.now_ns) / 1e9;
        double memory_j = now.memory_j - before.memory_j;
        watts[i] = (now.joules - before.joules) / dt_s;
        watts[windows + i] = (now.joules - before.joules - memory_j) / dt_s;
        watts[2 * windows + i] = m->has_memory ? memory_j / dt_s : (double)NAN;
        before = now;
    }
    if (failed && rc == 0)
        rc = error_set(err, ERR_IO, "%s %s: %s", failed->source, failed->name, failed->why);
    meter_end(task, NULL, &unused);
    return rc;
}
