/* Attempts cancelled, and the ends of keepers and of the executor. */
#include "tests/unit/engine/executor_fixture.h"

/* ---- cancelling ---- */

static void cancel(struct trial *t, struct seen *a, size_t count, enum cancel how) {
    struct execution *executions[MOST];
    for (size_t i = 0; i < count; i++)
        executions[i] = a[i].execution;
    executor_cancel(t->executor, executions, count, how);
}

static void terminate_asks_and_kill_kills(void **state) {
    struct trial *t = *state;
    open_real(t);
    struct seen *a = submit(t, "trap 'echo term >&3' TERM; echo up >&3; while :; do sleep 0.01; done");
    RUN_UNTIL(t, says(a, "up"));
    cancel(t, a, 1, CANCEL_TERMINATE);
    RUN_UNTIL(t, says(a, "term"));
    cancel(t, a, 1, CANCEL_KILL);
    RUN_UNTIL(t, a->ended);
    assert_string_equal(buffer_text(&a->events), "up\nterm\n");
    assert_true(a->has_result);
    assert_int_equal(a->result.signal, SIGKILL);
}

static void many_are_cancelled_at_once(void **state) {
    enum { COUNT = 5 };
    struct trial *t = *state;
    open_real(t);
    struct seen *a = submit_many(t, "trap 'exit 75' TERM; echo up >&3; while :; do sleep 0.01; done", COUNT + 1);
    for (int i = 0; i <= COUNT; i++)
        RUN_UNTIL(t, says(&a[i], "up"));
    cancel(t, a, COUNT, CANCEL_TERMINATE);
    for (int i = 0; i < COUNT; i++) {
        RUN_UNTIL(t, a[i].ended);
        assert_int_equal(a[i].result.exit, ATTEMPT_LEFT_STATUS);
    }
    assert_int_equal(a[COUNT].ended, 0);
    cancel(t, &a[COUNT], 1, CANCEL_KILL);
    RUN_UNTIL(t, a[COUNT].ended);
}

static void a_request_to_end_it_wakes_a_stopped_keeper(void **state) {
    struct trial *t = *state;
    open_real(t);
    struct seen *a = submit(t, "kill -STOP $PPID; echo up >&3; while :; do sleep 0.01; done");
    RUN_UNTIL(t, says(a, "up"));
    cancel(t, a, 1, CANCEL_TERMINATE);
    RUN_UNTIL(t, a->ended);
    assert_int_equal(a->result.signal, SIGTERM);
    assert_true(is_gone(a->keeper));
    assert_int_equal(run(t, "exit 8")->result.exit, 8);
}

static void a_keeper_that_does_not_kill_its_stage_is_killed(void **state) {
    struct trial *t = *state;
    open_played(t, "is deaf");
    struct seen *a = submit(t, "");
    RUN_UNTIL(t, says(a, "up"));
    assert_true(executor_poll(t->executor) == UINT64_MAX);
    cancel(t, a, 1, CANCEL_TERMINATE);
    assert_true(executor_poll(t->executor) == UINT64_MAX);
    cancel(t, a, 1, CANCEL_KILL);
    uint64_t due = executor_poll(t->executor), now = clock_awake_ns() / 1000000;
    assert_true(due > now && due <= now + 7000);
    ahead_s = 3;
    cancel(t, a, 1, CANCEL_KILL); /* once more gives no more time */
    assert_true(executor_poll(t->executor) == due);
    for (int i = 0; i < 50; i++) {
        uv_run(&t->loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
    assert_int_equal(a->ended, 0);
    ahead_s = 8;
    executor_poll(t->executor);
    RUN_UNTIL(t, a->ended);
    assert_false(a->has_result);
    assert_int_equal(WTERMSIG(a->status), SIGKILL);
    assert_true(executor_poll(t->executor) == UINT64_MAX);
}

/* Also one that stops it again and again. */
static void a_stage_that_holds_its_keeper_dies_with_it(void **state) {
    struct trial *t = *state;
    open_real(t);
    struct seen *a = submit(t, "setsid sleep 1014 & echo up $! >&3; while :; do kill -STOP $PPID; done");
    RUN_UNTIL(t, says(a, "\n"));
    pid_t daemon = (pid_t)atoi(buffer_text(&a->events) + 3);
    cancel(t, a, 1, CANCEL_KILL);
    ahead_s = 8;
    executor_poll(t->executor);
    RUN_UNTIL(t, a->ended);
    assert_true(is_gone(daemon));
    assert_true(is_gone(a->keeper));
}

/* ---- after the end ---- */

static void what_a_killed_keeper_leaves_is_killed_and_others_are_not(void **state) {
    struct trial *t = *state;
    pid_t stranger = fork(); /* a child from before: not the executor's */
    if (stranger == 0) {
        pause();
        _exit(0);
    }
    open_real(t);
    struct seen *other = submit(t, "echo up >&3; while :; do sleep 0.01; done");
    RUN_UNTIL(t, says(other, "up"));
    struct seen *a = run(t, "setsid sleep 1011 & echo $! >&3; kill -9 $PPID; sleep 1");
    assert_false(a->has_result);
    assert_int_equal(WTERMSIG(a->status), SIGKILL);
    assert_true(is_gone((pid_t)atoi(buffer_text(&a->events))));
    assert_int_equal(kill(stranger, 0), 0);
    assert_int_equal(other->ended, 0); /* nor another keeper with its stage */
    cancel(t, other, 1, CANCEL_TERMINATE);
    RUN_UNTIL(t, other->ended);
    assert_int_equal(other->result.signal, SIGTERM);
    kill(stranger, SIGKILL);
    assert_int_equal(waitpid(stranger, NULL, 0), stranger);
}

static void what_a_keeper_leaves_that_gives_up_is_killed(void **state) {
    struct trial *t = *state;
    open_played(t, "gives up");
    struct seen *a = run(t, "");
    assert_true(WIFEXITED(a->status));
    assert_int_equal(WEXITSTATUS(a->status), 3);
    assert_true(is_gone((pid_t)atoi(buffer_text(&a->events))));
}

static void keepers_and_guard_end_with_the_executor(void **state) {
    struct trial *t = *state;
    pid_t *children;
    open_real(t);
    struct seen *a = submit_many(t, "exit 0", 3);
    RUN_UNTIL(t, a[0].ended && a[1].ended && a[2].ended);
    assert_int_equal(process_children(&children, getpid()), 4);
    free(children);
    executor_close(t->executor);
    uv_run(&t->loop, UV_RUN_DEFAULT);
    executor_free(t->executor);
    t->executor = NULL;
    assert_int_equal(process_children(&children, getpid()), 0);
    free(children);
}

static void a_keeper_notices_the_engine_s_death(void **state) {
    struct trial *t = *state;
    char *noticed = path_join(t->directory, "noticed");
    setenv("RETORT_TEST_NOTICED", noticed, 1);
    pid_t engine = fork(); /* an engine of its own, which is killed */
    if (engine == 0) {
        uv_loop_fork(&t->loop);
        open_played(t, "notices");
        struct seen *a = submit_many(t, "", 2);
        RUN_UNTIL(t, says(&a[0], "up") && says(&a[1], "up"));
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(engine, NULL, 0), engine);
    for (int i = 0; i < 2000 && !file_exists(noticed); i++)
        usleep(10000);
    assert_true(file_exists(noticed));
    free(noticed);
}

int main(int argc, char **argv) {
    int status;
    if (play(argc, argv, &status))
        return status;
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(terminate_asks_and_kill_kills),
        TEST(many_are_cancelled_at_once),
        TEST(a_request_to_end_it_wakes_a_stopped_keeper),
        TEST(a_keeper_that_does_not_kill_its_stage_is_killed),
        TEST(a_stage_that_holds_its_keeper_dies_with_it),
        TEST(what_a_killed_keeper_leaves_is_killed_and_others_are_not),
        TEST(what_a_keeper_leaves_that_gives_up_is_killed),
        TEST(keepers_and_guard_end_with_the_executor),
        TEST(a_keeper_notices_the_engine_s_death),
    };
    return cmocka_run_group_tests_name("executor_end", tests, NULL, NULL);
}
