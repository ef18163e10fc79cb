/*
 * The scheduler against a simulated machine: random jobs that succeed, fail, hang or ignore TERM, failures from
 * elsewhere, and interrupts. Invariants are counted here, apart from the scheduler. SEED makes another run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/run/scheduler.h"
#include "tests/unit/seed.h"

enum { JOBS = 60, GRACE_MS = 500, ROUNDS = 400 };
enum behaviour { SUCCEEDS, FAILS, HANGS, IGNORES_TERM };

static const struct token_need custom_limits[] = {{"licence", 3}};
static const struct token_need licence[] = {{"licence", 1}};

struct simulated {
    struct job job; /* first: the scheduler hands it back */
    enum behaviour behaviour;
    uint64_t ends_ms, term_ms; /* UINT64_MAX: not yet */
    uint64_t submit_ms;
    bool submitted, ended;
};

struct model {
    struct scheduler *scheduler;
    struct scheduler_limits limits;
    struct simulated jobs[JOBS];
    uint64_t now_ms, interrupt_ms, fail_ms; /* fail_ms: of something that is no job */
    bool interrupted, keep_going, failed;
    double cpus, gpus, licences;
    uint64_t memory;
    int running, exclusive;
};

static uint64_t random_state;

static uint64_t draw(uint64_t below) /* splitmix64 */
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

static double cpus_of(const struct model *m, const struct job *j) {
    return j->needs.cpus < m->limits.cpus ? j->needs.cpus : m->limits.cpus;
}

static void count_tokens(struct model *m, const struct job *j, int sign) {
    m->cpus += sign * cpus_of(m, j);
    m->gpus += sign * j->needs.gpus;
    m->licences += sign * (double)j->needs.custom_count;
    m->memory += (uint64_t)sign * j->needs.memory_bytes;
    m->running += sign;
    m->exclusive += j->exclusive ? sign : 0;
}

static void create(struct model *m) {
    *m = (struct model){.limits = {.cpus = (double)(1 + draw(8)),
                                   .memory_bytes = 1000,
                                   .gpus = 2,
                                   .custom = custom_limits,
                                   .custom_count = 1,
                                   .grace_ms = GRACE_MS,
                                   .backoff_ms = 50}};
    m->keep_going = draw(2);
    m->interrupt_ms = draw(3) ? UINT64_MAX : draw(20000);
    m->fail_ms = draw(3) ? UINT64_MAX : draw(20000);
    m->scheduler = scheduler_create(&m->limits, m->keep_going);
    for (int i = 0; i < JOBS; i++) {
        struct simulated *j = &m->jobs[i];
        j->behaviour = draw(10) ? SUCCEEDS : (enum behaviour)draw(4);
        j->submit_ms = draw(3000);
        j->job.needs.cpus = (double)draw(12);
        j->job.needs.memory_bytes = draw(2) ? 0 : draw(1001);
        j->job.needs.gpus = draw(4) ? 0 : (double)(1 + draw(2));
        j->job.needs.custom = licence;
        j->job.needs.custom_count = draw(4) == 0;
        j->job.exclusive = draw(12) == 0;
        j->job.retries = (int)draw(3);
        j->job.timeout_ms = j->behaviour >= HANGS || draw(4) == 0 ? 1 + draw(900) : 0;
        j->job.priority = (double)draw(5);
    }
}

static void on_start(struct model *m, struct simulated *j) {
    assert_false(m->interrupted);
    assert_true(m->keep_going || !m->failed);
    assert_true(j->submitted && !j->ended);
    count_tokens(m, &j->job, 1);
    assert_true(m->cpus <= m->limits.cpus);
    assert_true(m->gpus <= m->limits.gpus);
    assert_true(m->licences <= 3);
    assert_true(m->memory <= m->limits.memory_bytes);
    assert_true(m->exclusive == 0 || m->running == 1);
    assert_true(j->job.attempt <= j->job.retries + 1);
    j->term_ms = UINT64_MAX;
    j->ends_ms = j->behaviour >= HANGS ? UINT64_MAX : m->now_ms + draw(800);
}

static void on_action(struct model *m, const struct schedule_action *a) {
    struct simulated *j = (struct simulated *)(void *)a->job;
    if (a->type == SCHEDULE_START) {
        on_start(m, j);
    } else if (a->type == SCHEDULE_TERM) {
        assert_true(j->term_ms == UINT64_MAX);
        assert_true(m->interrupted || m->now_ms == j->job.started_ms + j->job.timeout_ms);
        j->term_ms = m->now_ms;
        if (j->behaviour != IGNORES_TERM && j->ends_ms > m->now_ms + GRACE_MS)
            j->ends_ms = m->now_ms + draw(GRACE_MS);
        else if (j->behaviour == IGNORES_TERM)
            j->ends_ms = UINT64_MAX;
    } else {
        assert_int_equal(m->now_ms, j->term_ms + GRACE_MS);
        j->ends_ms = m->now_ms;
    }
}

/* A job holds no tokens while its outs are being stored. */
static void on_release_of(struct model *m, struct simulated *j) {
    scheduler_release(m->scheduler, &j->job);
    count_tokens(m, &j->job, -1);
    m->running++;
    j->ends_ms = m->now_ms + draw(300);
}

static void on_exit_of(struct model *m, struct simulated *j) {
    enum job_exit how = j->term_ms != UINT64_MAX   ? (draw(2) ? EXIT_INTERRUPTED : EXIT_FAILED)
                        : j->behaviour == SUCCEEDS ? EXIT_FINISHED
                                                   : EXIT_FAILED;
    if (j->job.released)
        m->running--;
    else
        count_tokens(m, &j->job, -1);
    scheduler_exit(m->scheduler, &j->job, how, m->now_ms);
    assert_true(j->job.state != JOB_RUNNING && j->job.state != JOB_READY);
    j->ends_ms = UINT64_MAX;
    j->ended = j->job.state != JOB_BACKOFF;
    m->failed |= j->job.state == JOB_FAILED;
}

/* The next instant at which anything happens. */
static uint64_t next_event(const struct model *m) {
    uint64_t next = scheduler_due_ms(m->scheduler);
    for (int i = 0; i < JOBS; i++) {
        const struct simulated *j = &m->jobs[i];
        uint64_t at = !j->submitted ? j->submit_ms : j->job.state == JOB_RUNNING ? j->ends_ms : UINT64_MAX;
        next = at < next ? at : next;
    }
    if (!m->interrupted && m->interrupt_ms < next)
        next = m->interrupt_ms;
    if (m->fail_ms < next)
        next = m->fail_ms;
    return next;
}

static void step(struct model *m) {
    struct schedule_action a;
    if (!m->interrupted && m->interrupt_ms <= m->now_ms) {
        m->interrupted = true;
        scheduler_interrupt(m->scheduler, m->now_ms);
    }
    if (m->fail_ms <= m->now_ms) {
        m->fail_ms = UINT64_MAX;
        m->failed = true;
        scheduler_fail(m->scheduler);
    }
    for (int i = 0; i < JOBS; i++) {
        struct simulated *j = &m->jobs[i];
        if (!j->submitted && j->submit_ms <= m->now_ms) {
            j->submitted = true;
            assert_int_equal(scheduler_submit(m->scheduler, &j->job, NULL), 0);
        } else if (j->submitted && j->job.state == JOB_RUNNING && j->ends_ms <= m->now_ms) {
            if (j->job.released || j->term_ms != UINT64_MAX || draw(2))
                on_exit_of(m, j);
            else
                on_release_of(m, j);
        }
    }
    while (scheduler_next(m->scheduler, m->now_ms, &a))
        on_action(m, &a);
}

static void finish(const struct model *m) {
    assert_true(scheduler_idle(m->scheduler));
    assert_int_equal(m->running, 0);
    bool stopped = m->interrupted || (m->failed && !m->keep_going);
    assert_int_equal(scheduler_stopped(m->scheduler), stopped);
    for (int i = 0; i < JOBS && !stopped; i++)
        assert_true(m->jobs[i].ended);
}

static void random_jobs_keep_the_rules(void **state) {
    (void)state;
    uint64_t seed = test_seed();
    for (int round = 0; round < ROUNDS; round++) {
        random_state = seed + (uint64_t)round;
        struct model *m = calloc(1, sizeof *m);
        assert_non_null(m);
        create(m);
        while ((m->now_ms = next_event(m)) != UINT64_MAX)
            step(m);
        finish(m);
        scheduler_free(m->scheduler);
        free(m);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_jobs_keep_the_rules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
