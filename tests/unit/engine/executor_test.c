/* Keepers started, given attempts and used again. */
#include "tests/unit/engine/executor_fixture.h"

/* ---- the start ---- */

static void a_keeper_gets_its_arguments_and_descriptors(void **state) {
    struct trial *t = *state;
    int leak = open("/dev/null", O_RDONLY); /* not close-on-exec */
    setenv("RETORT_KEEPER", "@another", 1); /* this engine is a stage of another one */
    setenv("RETORT_TEST_SEEN", "seen", 1);
    open_played(t, "tells");
    struct seen *a = run(t, "");
    unsetenv("RETORT_KEEPER");
    close(leak);
    char expected[128];
    snprintf(expected, sizeof expected, "retort-keeper serve -\n0 1 2 3 4 \n%s / /dev/null 1 1 seen\n", mark());
    assert_string_equal(buffer_text(&a->events), expected);
    assert_false(a->has_result);
    assert_true(WIFEXITED(a->status));
    assert_int_equal(WEXITSTATUS(a->status), 7);
}

static void a_program_that_is_not_there_is_refused(void **state) {
    struct trial *t = *state;
    assert_int_equal(executor_open(&t->executor, &t->loop, "/no/such/program", mark(), NULL), 0);
    struct seen *a = submit_many(t, "", 2);
    for (int i = 0; i < 2; i++) {
        assert_null(a[i].execution);
        assert_int_equal(a[i].refused, 1);
        assert_string_equal(a[i].refusal.message, "/no/such/program cannot be started: No such file or directory");
    }
    uv_run(&t->loop, UV_RUN_NOWAIT);
    assert_int_equal(a->ended, 0);
}

static void a_keeper_that_dies_at_once_ends_its_attempt(void **state) {
    struct trial *t = *state;
    open_played(t, "dies at once");
    struct seen *a = run(t, "");
    assert_false(a->has_result);
    assert_int_equal(WEXITSTATUS(a->status), 4);
}

static void a_request_that_the_socket_does_not_take_at_once_arrives(void **state) {
    enum { WORDS = 60, LENGTH = 100 * 1000 };
    static char word[LENGTH + 1], name[] = "true", *words[WORDS + 2];
    struct trial *t = *state;
    memset(word, 'x', LENGTH);
    words[0] = name;
    for (int i = 1; i <= WORDS; i++)
        words[i] = word;
    open_real(t);
    struct seen *a = submit_words(t, words, 1);
    RUN_UNTIL(t, a->ended);
    assert_true(a->has_result);
    assert_string_equal(a->result.error, "/usr/bin/true: cannot be executed: Argument list too long");
    assert_int_equal(run(t, "exit 5")->result.exit, 5);
}

/* ---- events, results, reuse ---- */

static void events_are_complete_however_many(void **state) {
    struct trial *t = *state;
    open_real(t);
    struct seen *a = run(t, "i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i + 1)); done >&3");
    assert_int_equal(a->events.size, 20000 * 11);
}

/* The loop learns of both at once, and of the result first. */
static void events_that_wait_behind_a_result_are_not_lost(void **state) {
    struct trial *t = *state;
    char *noticed = path_join(t->directory, "noticed"), *go = path_join(t->directory, "go");
    setenv("RETORT_TEST_NOTICED", noticed, 1);
    setenv("RETORT_TEST_GO", go, 1);
    open_played(t, "says late");
    struct seen *a = submit(t, "");
    RUN_UNTIL(t, says(a, "up"));
    uv_run(&t->loop, UV_RUN_NOWAIT); /* finds the pipe empty, so that it is ready after the socket */
    assert_int_equal(file_replace(go, "", 0, 0644, NULL), 0);
    for (int i = 0; i < 2000 && !file_exists(noticed); i++)
        usleep(10000);
    RUN_UNTIL(t, a->ended);
    assert_string_equal(buffer_text(&a->events), "up\nlate\n");
    free(noticed);
    free(go);
}

static void several_run_side_by_side(void **state) {
    enum { COUNT = 20 };
    struct trial *t = *state;
    open_real(t);
    struct seen *a = submit_many(t, "echo $PPID >&3; sleep 0.05; echo y >&3", COUNT);
    for (int i = 0; i < COUNT; i++) {
        char *expected = mem_printf("%d\ny\n", (int)a[i].keeper);
        RUN_UNTIL(t, a[i].ended);
        assert_string_equal(buffer_text(&a[i].events), expected);
        for (int k = 0; k < i; k++)
            assert_int_not_equal(a[k].keeper, a[i].keeper);
        free(expected);
    }
}

static void one_keeper_runs_one_after_another(void **state) {
    struct trial *t = *state;
    open_real(t);
    pid_t first = run(t, "echo 0 >&3; exit 0")->keeper;
    for (int i = 1; i < 6; i++) {
        char *script = mem_printf("echo %d >&3; exit %d", i, i), *expected = mem_printf("%d\n", i);
        struct seen *a = run(t, script);
        assert_int_equal(a->keeper, first);
        assert_int_equal(a->result.exit, i);
        assert_string_equal(buffer_text(&a->events), expected);
        free(script);
        free(expected);
    }
}

static void no_more_keepers_are_made_than_attempts_run_at_once(void **state) {
    struct trial *t = *state;
    open_real(t);
    struct seen *pair = submit_many(t, "exit 0", 2);
    RUN_UNTIL(t, pair[0].ended && pair[1].ended);
    for (int i = 0; i < 4; i++) {
        struct seen *again = submit_many(t, "exit 0", 2);
        RUN_UNTIL(t, again[0].ended && again[1].ended);
        for (int k = 0; k < 2; k++)
            assert_true(again[k].keeper == pair[0].keeper || again[k].keeper == pair[1].keeper);
        assert_int_not_equal(again[0].keeper, again[1].keeper);
    }
}

static void the_end_is_told_while_the_keeper_can_be_read(void **state) {
    static const char *const scripts[] = {"exit 0", "kill -9 $PPID; sleep 1013"};
    struct trial *t = *state;
    open_real(t);
    for (int i = 0; i < 2; i++) {
        struct seen *a = run(t, scripts[i]);
        assert_int_equal(a->ending, 1);
        assert_true(a->keeper_was_there);
        assert_int_equal(a->ended, 1);
        assert_int_equal(a->has_result, i == 0);
    }
}

static void a_keeper_that_says_last_is_not_used_again(void **state) {
    struct trial *t = *state;
    open_played(t, "says last");
    struct seen *a = run(t, "");
    assert_true(a->has_result);
    assert_true(is_gone(a->keeper));
    assert_int_not_equal(run(t, "")->keeper, a->keeper);
}

static void an_idle_keeper_that_dies_is_replaced(void **state) {
    struct trial *t = *state;
    open_real(t);
    struct seen *a = run(t, "exit 0");
    kill(a->keeper, SIGKILL);
    RUN_UNTIL(t, is_gone(a->keeper));
    struct seen *b = run(t, "exit 6");
    assert_int_not_equal(b->keeper, a->keeper);
    assert_int_equal(b->result.exit, 6);
}

static void a_keeper_that_makes_no_sense_is_killed(void **state) {
    static const char *const ways[] = {"writes no frame", "sends a number", "sends an attempt"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        void *trial = NULL;
        (void)state;
        assert_int_equal(setup(&trial), 0);
        open_played(trial, ways[i]);
        struct seen *a = run(trial, "");
        assert_false(a->has_result);
        assert_true(WIFSIGNALED(a->status));
        assert_int_equal(WTERMSIG(a->status), SIGKILL);
        assert_true(is_gone(a->keeper));
        teardown(&trial);
    }
}

static void a_result_that_nobody_asked_for_ends_the_keeper_alone(void **state) {
    struct trial *t = *state;
    open_played(t, "sends two results");
    struct seen *a = run(t, "");
    assert_true(a->has_result);
    RUN_UNTIL(t, is_gone(a->keeper));
    assert_int_equal(a->ended, 1);
}

int main(int argc, char **argv) {
    int status;
    if (play(argc, argv, &status))
        return status;
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_keeper_gets_its_arguments_and_descriptors),
        TEST(a_program_that_is_not_there_is_refused),
        TEST(a_keeper_that_dies_at_once_ends_its_attempt),
        TEST(a_request_that_the_socket_does_not_take_at_once_arrives),
        TEST(events_are_complete_however_many),
        TEST(events_that_wait_behind_a_result_are_not_lost),
        TEST(several_run_side_by_side),
        TEST(one_keeper_runs_one_after_another),
        TEST(no_more_keepers_are_made_than_attempts_run_at_once),
        TEST(the_end_is_told_while_the_keeper_can_be_read),
        TEST(a_keeper_that_says_last_is_not_used_again),
        TEST(an_idle_keeper_that_dies_is_replaced),
        cmocka_unit_test(a_keeper_that_makes_no_sense_is_killed),
        TEST(a_result_that_nobody_asked_for_ends_the_keeper_alone),
    };
    return cmocka_run_group_tests_name("executor", tests, NULL, NULL);
}
