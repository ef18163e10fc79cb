/* The scheduler under simulated time: each rule by itself. The expected times are counted by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/run/scheduler.h"

static const struct scheduler_limits two_cpus = {
    .cpus = 2, .memory_bytes = 1000, .gpus = 1, .grace_ms = 5000, .backoff_ms = 1000};

static struct job make_job(double cpus, double priority) {
    return (struct job){.needs = {.cpus = cpus}, .priority = priority};
}

static void submit(struct scheduler *s, struct job *job) {
    struct error err = {0};
    assert_int_equal(scheduler_submit(s, job, &err), 0);
}

static void expect(struct scheduler *s, uint64_t now_ms, enum schedule_type type, const struct job *job) {
    struct schedule_action a;
    assert_true(scheduler_next(s, now_ms, &a));
    assert_int_equal(a.type, type);
    assert_ptr_equal(a.job, job);
}

static void expect_nothing(struct scheduler *s, uint64_t now_ms) {
    struct schedule_action a;
    assert_false(scheduler_next(s, now_ms, &a));
}

static void longest_path_first_then_submission(void **state) {
    (void)state;
    struct scheduler *s = scheduler_create(&two_cpus, false);
    struct job a = make_job(1, 5), b = make_job(1, 9), c = make_job(1, 5);
    submit(s, &a);
    submit(s, &b);
    submit(s, &c);
    expect(s, 0, SCHEDULE_START, &b);
    expect(s, 0, SCHEDULE_START, &a);
    expect_nothing(s, 0);
    assert_int_equal(a.state, JOB_RUNNING);
    assert_int_equal(c.state, JOB_READY);
    scheduler_exit(s, &b, EXIT_FINISHED, 10);
    assert_int_equal(b.state, JOB_DONE);
    expect(s, 10, SCHEDULE_START, &c);
    scheduler_exit(s, &a, EXIT_KNOWN, 11);
    scheduler_exit(s, &c, EXIT_FINISHED, 12);
    assert_true(scheduler_idle(s));
    scheduler_free(s);
}

static void a_job_that_fits_passes_one_that_does_not(void **state) {
    (void)state;
    struct scheduler *s = scheduler_create(&two_cpus, false);
    struct job running = make_job(1, 10), wide = make_job(2, 9), narrow = make_job(1, 1);
    submit(s, &running);
    expect(s, 0, SCHEDULE_START, &running);
    submit(s, &wide);
    submit(s, &narrow);
    expect(s, 0, SCHEDULE_START, &narrow);
    expect_nothing(s, 0);
    scheduler_exit(s, &running, EXIT_FINISHED, 1);
    expect_nothing(s, 1);
    scheduler_exit(s, &narrow, EXIT_FINISHED, 2);
    expect(s, 2, SCHEDULE_START, &wide);
    scheduler_free(s);
}

static void a_wide_job_is_not_passed_for_ever(void **state) {
    (void)state;
    struct scheduler *s = scheduler_create(&two_cpus, false);
    enum { NARROW = 200 };
    struct job blocker = make_job(1, 20), wide = make_job(2, 10), narrow[NARROW];
    submit(s, &blocker);
    expect(s, 0, SCHEDULE_START, &blocker);
    submit(s, &wide);
    for (int i = 0; i < NARROW; i++) {
        narrow[i] = make_job(1, 1);
        submit(s, &narrow[i]);
    }
    int started = 0;
    struct schedule_action a;
    while (scheduler_next(s, 0, &a)) {
        assert_int_equal(a.type, SCHEDULE_START);
        assert_ptr_not_equal(a.job, &wide);
        scheduler_exit(s, a.job, EXIT_FINISHED, 0);
        started++;
    }
    assert_int_equal(started, SCHEDULER_PATIENCE);
    scheduler_exit(s, &blocker, EXIT_FINISHED, 1);
    expect(s, 1, SCHEDULE_START, &wide);
    scheduler_free(s);
}

static void an_exclusive_job_runs_alone(void **state) {
    (void)state;
    struct scheduler *s = scheduler_create(&two_cpus, false);
    struct job first = make_job(1, 9), alone = make_job(1, 5), after = make_job(1, 1);
    alone.exclusive = true;
    submit(s, &first);
    expect(s, 0, SCHEDULE_START, &first);
    submit(s, &alone);
    expect_nothing(s, 0);
    scheduler_exit(s, &first, EXIT_FINISHED, 1);
    submit(s, &after);
    expect(s, 1, SCHEDULE_START, &alone);
    expect_nothing(s, 1);
    scheduler_exit(s, &alone, EXIT_FINISHED, 2);
    expect(s, 2, SCHEDULE_START, &after);
    scheduler_free(s);
}

static void a_released_job_gives_its_tokens_to_the_next(void **state) {
    (void)state;
    struct scheduler *s = scheduler_create(&two_cpus, false);
    struct job first = make_job(2, 9), next = make_job(2, 5), last = make_job(2, 1);
    first.timeout_ms = 10;
    submit(s, &first);
    submit(s, &next);
    submit(s, &last);
    expect(s, 0, SCHEDULE_START, &first);
    expect_nothing(s, 0);
    scheduler_release(s, &first);
    expect(s, 1, SCHEDULE_START, &next);
    expect_nothing(s, 20);
    scheduler_exit(s, &first, EXIT_FINISHED, 20);
    assert_int_equal(first.state, JOB_DONE);
    expect_nothing(s, 20);
    scheduler_exit(s, &next, EXIT_FINISHED, 21);
    expect(s, 21, SCHEDULE_START, &last);
    assert_false(scheduler_idle(s));
    scheduler_release(s, &last);
    assert_false(scheduler_idle(s));
    scheduler_exit(s, &last, EXIT_FINISHED, 22);
    assert_true(scheduler_idle(s));
    scheduler_free(s);
}

static void an_exclusive_job_waits_for_a_released_one(void **state) {
    (void)state;
    struct scheduler *s = scheduler_create(&two_cpus, false);
    struct job first = make_job(1, 9), alone = make_job(1, 5), after = make_job(1, 1);
    alone.exclusive = true;
    submit(s, &first);
    submit(s, &alone);
    expect(s, 0, SCHEDULE_START, &first);
    scheduler_release(s, &first);
    expect_nothing(s, 1);
    scheduler_exit(s, &first, EXIT_FINISHED, 2);
    expect(s, 2, SCHEDULE_START, &alone);
    submit(s, &after);
    expect_nothing(s, 2);
    scheduler_release(s, &alone);
    expect(s, 3, SCHEDULE_START, &after);
    scheduler_free(s);
}

static void fractions_add_up(void **state) {
    (void)state;
    struct scheduler_limits one = {.cpus = 0.3};
    struct scheduler *s = scheduler_create(&one, false);
    struct job j[4];
    for (int round = 0; round < 1000; round++) {
        for (int i = 0; i < 4; i++) {
            j[i] = make_job(0.1, 0);
            submit(s, &j[i]);
        }
        for (int i = 0; i < 3; i++)
            expect(s, 0, SCHEDULE_START, &j[i]);
        expect_nothing(s, 0);
        for (int i = 0; i < 3; i++)
            scheduler_exit(s, &j[i], EXIT_FINISHED, 0);
        expect(s, 0, SCHEDULE_START, &j[3]);
        scheduler_exit(s, &j[3], EXIT_FINISHED, 0);
    }
    scheduler_free(s);
}

static void memory_gpus_and_custom_tokens(void **state) {
    (void)state;
    const struct token_need listed[] = {{"licence", 2}}, two[] = {{"licence", 2}}, unlisted[] = {{"dongle", 1}};
    struct scheduler_limits limits = two_cpus;
    limits.cpus = 100;
    limits.custom = listed;
    limits.custom_count = 1;
    struct scheduler *s = scheduler_create(&limits, false);
    struct job memory = make_job(0, 9), memory_too = make_job(0, 8), gpu = make_job(0, 7), gpu_too = make_job(0, 6);
    struct job licence = make_job(0, 5), licence_too = make_job(0, 4), dongle = make_job(0, 3);
    struct job dongle_too = make_job(0, 2);
    memory.needs.memory_bytes = memory_too.needs.memory_bytes = 501;
    gpu.needs.gpus = gpu_too.needs.gpus = 1;
    licence.needs.custom = licence_too.needs.custom = two;
    dongle.needs.custom = dongle_too.needs.custom = unlisted;
    licence.needs.custom_count = licence_too.needs.custom_count = 1;
    dongle.needs.custom_count = dongle_too.needs.custom_count = 1;
    struct job *const all[] = {&memory, &memory_too, &gpu, &gpu_too, &licence, &licence_too, &dongle, &dongle_too};
    for (size_t i = 0; i < 8; i++)
        submit(s, all[i]);
    for (size_t i = 0; i < 8; i += 2)
        expect(s, 0, SCHEDULE_START, all[i]);
    expect_nothing(s, 0);
    for (size_t i = 0; i < 8; i += 2) {
        scheduler_exit(s, all[i], EXIT_FINISHED, 1);
        expect(s, 1, SCHEDULE_START, all[i + 1]);
    }
    scheduler_free(s);
}

static void impossible_needs_are_refused_cpus_are_clamped(void **state) {
    (void)state;
    struct scheduler *s = scheduler_create(&two_cpus, false);
    const struct token_need two_dongles[] = {{"dongle", 2}};
    struct error err = {0};
    struct job memory = make_job(1, 0), gpus = make_job(1, 0), custom = make_job(1, 0), wide = make_job(64, 0);
    memory.needs.memory_bytes = 1001;
    gpus.needs.gpus = 2;
    custom.needs.custom = two_dongles;
    custom.needs.custom_count = 1;
    assert_int_equal(scheduler_submit(s, &memory, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "1001 bytes of memory"));
    assert_int_equal(scheduler_submit(s, &gpus, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "2 gpus, there are 1"));
    assert_int_equal(scheduler_submit(s, &custom, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "2 dongle, there are 1"));
    assert_true(scheduler_idle(s));
    submit(s, &wide);
    expect(s, 0, SCHEDULE_START, &wide);
    scheduler_free(s);
}

static void retries_wait_twice_as_long_each_time(void **state) {
    (void)state;
    struct scheduler *s = scheduler_create(&two_cpus, true);
    struct job job = make_job(1, 0);
    job.retries = 9;
    submit(s, &job);
    uint64_t now = 0;
    const uint64_t waits[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    for (int i = 0; i < 9; i++) {
        expect(s, now, SCHEDULE_START, &job);
        assert_int_equal(job.attempt, i + 1);
        scheduler_exit(s, &job, EXIT_FAILED, now + 7);
        assert_int_equal(job.state, JOB_BACKOFF);
        now += 7 + waits[i];
        assert_int_equal(scheduler_due_ms(s), now);
        assert_false(scheduler_idle(s));
        expect_nothing(s, now - 1);
    }
    expect(s, now, SCHEDULE_START, &job);
    scheduler_exit(s, &job, EXIT_FAILED, now);
    assert_int_equal(job.state, JOB_FAILED);
    assert_true(scheduler_idle(s));
    assert_false(scheduler_stopped(s));
    scheduler_free(s);
}

static void a_timeout_terms_then_kills_and_is_a_failure(void **state) {
    (void)state;
    struct scheduler *s = scheduler_create(&two_cpus, true);
    struct job job = make_job(1, 0);
    job.timeout_ms = 300;
    job.retries = 1;
    submit(s, &job);
    expect(s, 100, SCHEDULE_START, &job);
    assert_int_equal(scheduler_due_ms(s), 400);
    expect_nothing(s, 399);
    expect(s, 400, SCHEDULE_TERM, &job);
    assert_true(job.timed_out);
    assert_int_equal(scheduler_due_ms(s), 5400);
    expect_nothing(s, 5399);
    expect(s, 5400, SCHEDULE_KILL, &job);
    assert_int_equal(scheduler_due_ms(s), UINT64_MAX);
    scheduler_exit(s, &job, EXIT_FAILED, 5401);
    assert_int_equal(job.state, JOB_BACKOFF);
    expect(s, 6401, SCHEDULE_START, &job);
    assert_false(job.timed_out);
    expect(s, 6701, SCHEDULE_TERM, &job);
    scheduler_exit(s, &job, EXIT_INTERRUPTED, 6702);
    assert_int_equal(job.state, JOB_FAILED);
    scheduler_free(s);
}

static void the_first_failure_stops_without_keep_going(void **state) {
    (void)state;
    struct scheduler *s = scheduler_create(&two_cpus, false);
    struct job bad = make_job(1, 9), good = make_job(1, 8), never = make_job(1, 7);
    good.retries = 5;
    submit(s, &bad);
    submit(s, &good);
    submit(s, &never);
    expect(s, 0, SCHEDULE_START, &bad);
    expect(s, 0, SCHEDULE_START, &good);
    scheduler_exit(s, &bad, EXIT_FAILED, 1);
    assert_true(scheduler_stopped(s));
    expect_nothing(s, 1);
    assert_false(scheduler_idle(s));
    scheduler_exit(s, &good, EXIT_FAILED, 2);
    assert_int_equal(good.state, JOB_FAILED);
    assert_int_equal(never.state, JOB_READY);
    assert_true(scheduler_idle(s));
    scheduler_free(s);
}

static void an_interrupt_terms_and_a_second_kills(void **state) {
    (void)state;
    struct scheduler *s = scheduler_create(&two_cpus, true);
    struct job a = make_job(1, 9), b = make_job(1, 8), never = make_job(1, 7);
    a.retries = b.retries = 3;
    submit(s, &a);
    submit(s, &b);
    submit(s, &never);
    expect(s, 0, SCHEDULE_START, &a);
    expect(s, 0, SCHEDULE_START, &b);
    scheduler_interrupt(s, 10);
    expect(s, 10, SCHEDULE_TERM, &a);
    expect(s, 10, SCHEDULE_TERM, &b);
    expect_nothing(s, 10);
    scheduler_exit(s, &a, EXIT_INTERRUPTED, 20);
    assert_int_equal(a.state, JOB_INTERRUPTED);
    scheduler_interrupt(s, 30);
    expect(s, 30, SCHEDULE_KILL, &b);
    expect_nothing(s, 100000);
    scheduler_exit(s, &b, EXIT_FAILED, 31);
    assert_int_equal(b.state, JOB_INTERRUPTED);
    assert_int_equal(never.state, JOB_READY);
    assert_true(scheduler_idle(s));
    scheduler_free(s);
}

static void a_deferred_job_comes_back_uncounted(void **state) {
    (void)state;
    struct scheduler *s = scheduler_create(&two_cpus, false);
    struct job job = make_job(1, 0);
    submit(s, &job);
    expect(s, 0, SCHEDULE_START, &job);
    scheduler_defer(s, &job, 500);
    assert_int_equal(job.state, JOB_BACKOFF);
    assert_false(scheduler_idle(s));
    expect_nothing(s, 499);
    expect(s, 500, SCHEDULE_START, &job);
    assert_int_equal(job.attempt, 1);
    scheduler_exit(s, &job, EXIT_KNOWN, 501);
    assert_int_equal(job.state, JOB_DONE);
    scheduler_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longest_path_first_then_submission),
        cmocka_unit_test(a_job_that_fits_passes_one_that_does_not),
        cmocka_unit_test(a_wide_job_is_not_passed_for_ever),
        cmocka_unit_test(an_exclusive_job_runs_alone),
        cmocka_unit_test(a_released_job_gives_its_tokens_to_the_next),
        cmocka_unit_test(an_exclusive_job_waits_for_a_released_one),
        cmocka_unit_test(fractions_add_up),
        cmocka_unit_test(memory_gpus_and_custom_tokens),
        cmocka_unit_test(impossible_needs_are_refused_cpus_are_clamped),
        cmocka_unit_test(retries_wait_twice_as_long_each_time),
        cmocka_unit_test(a_timeout_terms_then_kills_and_is_a_failure),
        cmocka_unit_test(the_first_failure_stops_without_keep_going),
        cmocka_unit_test(an_interrupt_terms_and_a_second_kills),
        cmocka_unit_test(a_deferred_job_comes_back_uncounted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
