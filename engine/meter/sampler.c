#include <errno.h>
#include <signal.h>
#include <time.h>

#include "engine/meter/internal.h"

static struct timespec add_seconds(struct timespec t, double seconds) {
    long ns = t.tv_nsec + (long)(seconds * 1e9);
    t.tv_sec += ns / 1000000000;
    t.tv_nsec = ns % 1000000000;
    return t;
}

/* Samples at even times, so that a slow sample does not delay later ones. Missed samples are not repeated. */
static void *sampler_run(void *context) {
    struct meter *m = context;
    struct timespec next, now;
    pthread_mutex_lock(&m->lock);
    clock_gettime(CLOCK_MONOTONIC, &next);
    while (!m->thread_ends) {
        while (!m->tasks && !m->thread_ends) {
            pthread_cond_wait(&m->wake, &m->lock);
            clock_gettime(CLOCK_MONOTONIC, &next);
        }
        next = add_seconds(next, 1 / m->hz);
        int rc = 0;
        while (!m->thread_ends && rc != ETIMEDOUT)
            rc = pthread_cond_timedwait(&m->wake, &m->lock, &next);
        if (!m->thread_ends)
            meter_sample_locked(m, NULL, 0);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > next.tv_sec + 1)
            next = now;
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

void sampler_start(struct meter *m) {
    sigset_t all, before;
    pthread_mutex_lock(&m->lock);
    if (!m->thread_runs) {
        sigfillset(&all); /* signals of the program go to other threads */
        pthread_sigmask(SIG_SETMASK, &all, &before);
        m->thread_runs = pthread_create(&m->thread, NULL, sampler_run, m) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_cond_signal(&m->wake);
    pthread_mutex_unlock(&m->lock);
}

void sampler_stop(struct meter *m) {
    pthread_mutex_lock(&m->lock);
    bool runs = m->thread_runs;
    m->thread_ends = true;
    pthread_cond_signal(&m->wake);
    pthread_mutex_unlock(&m->lock);
    if (runs)
        pthread_join(m->thread, NULL);
}
