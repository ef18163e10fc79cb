/* The keeper: a stage is asked to leave, killed, and nothing of it is left behind. */
#include "tests/unit/stages/attempt_fixture.h"

/* sh -> setsid -> background: a daemon in a session of its own whose parent is gone. */
#define DAEMON                                                                                                         \
    "setsid sh -c '(trap \"\" TERM HUP; echo $$ >/dev/null; sh -c \"echo \\$\\$ >../daemon.tmp; mv ../daemon.tmp "     \
    "../daemon; exec sleep 1000\" & )' & wait; while [ ! -e ../daemon ]; do sleep 0.01; done; "

static void test_term_is_passed_on_and_75_is_told(void **state) {
    struct trial *t = *state;
    use_script(t, "trap 'exit 75' TERM; touch ../ready; while :; do sleep 0.01; done");
    start(t);
    await_file(t, "ready");
    kill(t->keeper, SIGTERM);
    assert_int_equal(finish(t), 0);
    assert_int_equal((int)number(t, "exit"), 75);
}

static void test_term_reaches_the_whole_group(void **state) {
    struct trial *t = *state;
    use_script(t, "sh -c 'echo $$ >../child.tmp; mv ../child.tmp ../child; exec sleep 1000'; exit 3");
    start(t);
    await_file(t, "child");
    pid_t child = read_pid(t, "child");
    kill(t->keeper, SIGTERM);
    assert_int_equal(finish(t), 0);
    assert_int_equal((int)number(t, "signal"), SIGTERM);
    assert_false(is_alive(child));
}

static void test_quit_kills_what_ignores_term(void **state) {
    struct trial *t = *state;
    use_script(t, "trap '' TERM; " DAEMON "touch ../ready; while :; do sleep 0.01; done");
    start(t);
    await_file(t, "ready");
    pid_t daemon_pid = read_pid(t, "daemon");
    kill(t->keeper, SIGTERM);
    pause_ms(50);
    assert_true(is_alive(daemon_pid));
    kill(t->keeper, SIGQUIT);
    assert_int_equal(finish(t), 0);
    assert_int_equal((int)number(t, "signal"), SIGKILL);
    assert_false(is_alive(daemon_pid));
}

static void test_daemon_does_not_outlive_the_leader(void **state) {
    struct trial *t = *state;
    use_script(t, DAEMON "exit 0");
    start(t);
    assert_int_equal(finish(t), 0);
    assert_int_equal((int)number(t, "exit"), 0);
    assert_false(is_alive(read_pid(t, "daemon")));
    assert_int_equal((int)number(t, "survivors"), 1);
}

static void test_what_ends_by_itself_is_let_end(void **state) {
    struct trial *t = *state;
    run(t, "(sleep 0.1; echo late >../late) & exit 0");
    char *late = content(t, "late");
    assert_string_equal(late, "late\n");
    assert_int_equal((int)number(t, "survivors"), 0);
    free(late);
}

static void test_nothing_outlives_the_engine(void **state) {
    struct trial *t = *state;
    use_script(t, "trap '' TERM HUP; " DAEMON "echo $$ >../leader; touch ../ready; while :; do sleep 0.01; done");
    start(t);
    await_file(t, "ready");
    pid_t daemon_pid = read_pid(t, "daemon"), leader = read_pid(t, "leader");
    assert_true(is_alive(daemon_pid) && is_alive(leader));
    close(t->lifeline); /* what the kernel does for an engine that was killed */
    t->lifeline = -1;
    assert_dies(leader);
    assert_dies(daemon_pid);
    assert_int_equal(finish(t), 3);
    assert_null(t->result);
}

static void test_the_leader_dies_with_its_keeper(void **state) {
    struct trial *t = *state;
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* as the engine */
    use_script(t, "echo $$ >../leader; touch ../ready; while :; do sleep 0.01; done");
    start(t);
    await_file(t, "ready");
    pid_t leader = read_pid(t, "leader");
    kill(t->keeper, SIGKILL);
    assert_int_equal(finish(t), -1);
    assert_dies(leader);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void test_an_engine_that_is_gone_already_starts_nothing(void **state) {
    struct trial *t = *state;
    use_script(t, "touch ../ran");
    add_place(t, "checkpoint", "dir");
    char *directory = place(t, "dir");
    int lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    start(t);
    pause_ms(50); /* it waits for the checkpoint's lock */
    close(t->lifeline);
    t->lifeline = -1;
    assert_int_equal(finish(t), 3);
    char *ran = place(t, "ran");
    assert_false(file_exists(ran));
    free(ran);
    free(directory);
    close(lock);
}

static void test_a_checkpoint_has_one_holder(void **state) {
    struct trial *t = *state;
    add_place(t, "checkpoint", "dir");
    char *directory = place(t, "dir"), *ran = place(t, "ran");
    int lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    use_script(t, "touch ../ran");
    start(t);
    pause_ms(100);
    assert_false(file_exists(ran));
    flock(lock, LOCK_UN);
    close(lock);
    assert_int_equal(finish(t), 0);
    assert_true(file_exists(ran));
    free(ran);
    free(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_term_is_passed_on_and_75_is_told), TEST(test_term_reaches_the_whole_group),
        TEST(test_quit_kills_what_ignores_term),     TEST(test_daemon_does_not_outlive_the_leader),
        TEST(test_what_ends_by_itself_is_let_end),   TEST(test_nothing_outlives_the_engine),
        TEST(test_the_leader_dies_with_its_keeper),  TEST(test_an_engine_that_is_gone_already_starts_nothing),
        TEST(test_a_checkpoint_has_one_holder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
