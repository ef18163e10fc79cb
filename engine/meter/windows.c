/* Mean power over windows of time. */
#include <math.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/meter/internal.h"

struct state {
    double joules, memory_j;
    uint64_t now_ns;
};

/* Reads the joules of all counters. Returns a failed domain, or NULL. */
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

/* Sleeps in short naps and calls `stop` between them. False: stopped. */
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
