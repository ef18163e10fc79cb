/* Keepers started, watched and reaped; what a killed one leaves is found. The keeper here is a script. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/attempt/executor.h"
#include "engine/base/buffer.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"

struct trial {
    char directory[64];
    char *program, *log;
    uv_loop_t loop;
    struct executor *executor;
    struct buffer events;
    int ended, status;
};

static int setup(void **state) {
    struct trial *t = mem_alloc(sizeof *t);
    strcpy(t->directory, "/tmp/retort-executor-XXXXXX");
    if (!mkdtemp(t->directory))
        return -1;
    t->program = path_join(t->directory, "keeper");
    t->log = path_join(t->directory, "log");
    uv_loop_init(&t->loop);
    *state = t;
    return 0;
}

static int teardown(void **state) {
    struct trial *t = *state;
    uv_run(&t->loop, UV_RUN_DEFAULT);
    executor_free(t->executor);
    uv_loop_close(&t->loop);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    file_remove_tree(t->directory, NULL);
    buffer_close(&t->events);
    free(t->program);
    free(t->log);
    free(t);
    return 0;
}

static void on_events(void *context, const char *bytes, size_t size) {
    struct trial *t = context;
    buffer_append(&t->events, bytes, size);
}

static void on_gone(void *context, int status) {
    struct trial *t = context;
    t->ended++;
    t->status = status;
}

/* Starts `script` as the keeper of the attempt file "FILE". */
static struct execution *start(struct trial *t, const char *script) {
    struct execution *x;
    char *text = mem_printf("#!/bin/sh\n[ \"$1\" = attempt ] || exit 0 # the guard is the same program\n%s\n", script);
    const struct execution_observer observer = {.context = t, .events = on_events, .exit = on_gone};
    assert_int_equal(file_replace(t->program, text, strlen(text), 0755, NULL), 0);
    free(text);
    if (!t->executor)
        assert_int_equal(executor_create(&t->executor, &t->loop, t->program, "@nobody", NULL), 0);
    assert_int_equal(executor_start(&x, t->executor, "FILE", t->log, &observer, NULL), 0);
    return x;
}

static void run_until_events(struct trial *t) {
    while (t->events.size == 0)
        uv_run(&t->loop, UV_RUN_ONCE);
}

static void run_until_end(struct trial *t, int ended) {
    while (t->ended < ended)
        uv_run(&t->loop, UV_RUN_ONCE);
}

static void test_a_keeper_gets_its_arguments_and_descriptors(void **state) {
    struct trial *t = *state;
    start(t, "echo \"$1 $2\" >&3; l=; for f in /proc/$$/fd/*; do [ -e $f ] && l=\"$l ${f##*/}\"; done; echo \"$l\" "
             ">&3; echo oops >&2; exit 7");
    run_until_end(t, 1);
    assert_true(WIFEXITED(t->status));
    assert_int_equal(WEXITSTATUS(t->status), 7);
    /* 10 is where this shell keeps its script. */
    assert_string_equal(buffer_text(&t->events), "attempt FILE\n 0 1 10 2 3 4\n");
    struct buffer log = {0};
    assert_int_equal(file_read(&log, t->log, 1000, NULL), 0);
    assert_string_equal(buffer_text(&log), "oops\n");
    buffer_close(&log);
}

static void test_a_keeper_has_a_session_of_its_own(void **state) {
    struct trial *t = *state;
    start(t, "cut -d' ' -f1,6 /proc/$$/stat >&3");
    run_until_end(t, 1);
    int pid, session;
    assert_int_equal(sscanf(buffer_text(&t->events), "%d %d", &pid, &session), 2);
    assert_int_equal(pid, session);
    assert_int_not_equal(session, getsid(0));
}

static void test_events_are_complete_however_many(void **state) {
    struct trial *t = *state;
    start(t, "i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i + 1)); done >&3");
    run_until_end(t, 1);
    assert_int_equal(t->events.size, 20000 * 11);
}

static void test_terminate_and_kill_are_signals_to_the_keeper(void **state) {
    struct trial *t = *state;
    struct execution *x = start(t, "trap 'echo term >&3' TERM; trap 'echo quit >&3; exit 0' QUIT; echo up >&3; "
                                   "while :; do sleep 0.01; done");
    run_until_events(t);
    execution_terminate(x);
    while (!strstr(buffer_text(&t->events), "term"))
        uv_run(&t->loop, UV_RUN_ONCE);
    execution_kill(x);
    run_until_end(t, 1);
    assert_string_equal(buffer_text(&t->events), "up\nterm\nquit\n");
}

static void test_several_side_by_side(void **state) {
    struct trial *t = *state;
    for (int i = 0; i < 20; i++)
        start(t, "echo x >&3; sleep 0.05; echo y >&3");
    run_until_end(t, 20);
    assert_int_equal(t->events.size, 20 * 4);
}

static void test_a_program_that_is_not_there_is_an_error(void **state) {
    struct trial *t = *state;
    struct execution *x;
    struct error err = {0};
    const struct execution_observer observer = {.context = t, .events = on_events, .exit = on_gone};
    assert_int_equal(executor_create(&t->executor, &t->loop, "/no/such/program", "@nobody", NULL), 0);
    assert_int_equal(executor_start(&x, t->executor, "FILE", t->log, &observer, &err), ERR_IO);
    assert_string_equal(err.message, "/no/such/program cannot be started: No such file or directory");
    assert_int_equal(t->ended, 0);
}

/* It was killed when the keeper was; it is this process's child by now, and dies when it has its turn. */
static void assert_killed(pid_t orphan) {
    assert_true(orphan > 1);
    for (int i = 0; i < 1000 && waitpid(orphan, NULL, WNOHANG) == 0; i++)
        usleep(10000);
    assert_int_equal(kill(orphan, 0), -1);
}

static void test_what_a_killed_keeper_leaves_is_killed_and_others_are_not(void **state) {
    struct trial *t = *state;
    pid_t stranger = fork(); /* a child from before: not the executor's */
    if (stranger == 0) {
        pause();
        _exit(0);
    }
    start(t, "setsid sleep 1011 & echo $! >&3; kill -9 $$");
    run_until_end(t, 1);
    assert_true(WIFSIGNALED(t->status));
    assert_killed((pid_t)atoi(buffer_text(&t->events)));
    assert_int_equal(kill(stranger, 0), 0);
    kill(stranger, SIGKILL);
    assert_int_equal(waitpid(stranger, NULL, 0), stranger);
}

static void test_what_a_keeper_leaves_that_gives_up_is_killed(void **state) {
    struct trial *t = *state;
    start(t, "setsid sleep 1012 & echo $! >&3; exit 3");
    run_until_end(t, 1);
    assert_true(WIFEXITED(t->status));
    assert_killed((pid_t)atoi(buffer_text(&t->events)));
}

static void test_the_lifeline_ends_with_the_executor(void **state) {
    struct trial *t = *state;
    char *mark = path_join(t->directory, "noticed");
    char *script = mem_printf("echo up >&3; read line <&4; touch %s", mark);
    pid_t engine = fork(); /* an engine of its own, which is killed */
    if (engine == 0) {
        struct execution *x = start(t, script);
        (void)x;
        run_until_events(t);
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(engine, NULL, 0), engine);
    for (int i = 0; i < 500 && !file_exists(mark); i++)
        usleep(10000);
    assert_true(file_exists(mark));
    free(mark);
    free(script);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_a_keeper_gets_its_arguments_and_descriptors),
        TEST(test_a_keeper_has_a_session_of_its_own),
        TEST(test_events_are_complete_however_many),
        TEST(test_terminate_and_kill_are_signals_to_the_keeper),
        TEST(test_several_side_by_side),
        TEST(test_a_program_that_is_not_there_is_an_error),
        TEST(test_what_a_killed_keeper_leaves_is_killed_and_others_are_not),
        TEST(test_what_a_keeper_leaves_that_gives_up_is_killed),
        TEST(test_the_lifeline_ends_with_the_executor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
