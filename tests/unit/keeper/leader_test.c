/* The keeper: what a stage inherits, and how its start and its end are told. */
#include <sys/syscall.h>

#include "tests/unit/keeper/fixture.h"

/* ---- the end ---- */

static void the_exit_status_is_told(void **state) {
    struct trial *t = *state;
    run(t, "exit 42");
    assert_int_equal(t->result.exit, 42);
    assert_int_equal(t->result.signal, 0);
    assert_null(t->result.error);
    assert_true(t->result.survivors == 0);
}

static void death_by_a_signal_is_told(void **state) {
    struct trial *t = *state;
    run(t, "kill -SEGV $$");
    assert_int_equal(t->result.exit, -1);
    assert_int_equal(t->result.signal, SIGSEGV);
    assert_null(t->result.error);
}

static void usage_is_counted(void **state) {
    struct trial *t = *state;
    run(t, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 0.05");
    assert_true(t->result.user_s + t->result.system_s > 0);
    assert_true(t->result.max_rss_bytes > 0);
    assert_true(t->result.wall_s >= 0.05);
    assert_true(t->result.wall_s >= t->result.user_s * 0.5);
    assert_true(strcmp(t->result.start, t->result.end) < 0);
}

/* ---- inheritance ---- */

static void output_goes_to_the_logs(void **state) {
    struct trial *t = *state;
    run(t, "echo one; echo two >&2");
    assert_content(t, "stdout", "one\n");
    assert_content(t, "stderr", "two\n");
}

static void the_environment_is_exactly_the_request_s(void **state) {
    static char greeting[] = "GREETING=hello world", empty[] = "EMPTY=", strange[] = "a b=c=d\n",
                *environment[] = {greeting, empty, strange, NULL};
    struct trial *t = *state;
    use_program(t, "/usr/bin/env");
    t->request.environment = environment;
    submit(t);
    await_result(t);
    assert_content(t, "stdout", "GREETING=hello world\nEMPTY=\na b=c=d\n\n");
}

static void an_empty_environment_is_empty(void **state) {
    static char *environment[] = {NULL};
    struct trial *t = *state;
    use_program(t, "/usr/bin/env");
    t->request.environment = environment;
    submit(t);
    await_result(t);
    assert_content(t, "stdout", "");
    assert_int_equal(t->result.exit, 0);
}

static void the_descriptors_are_those_of_the_protocol(void **state) {
    struct trial *t = *state;
    int leak = open("/dev/null", O_RDONLY); /* not close-on-exec: the keeper inherits it */
    int high = fcntl(leak, F_DUPFD, 100);
    start_keeper(t);
    close(leak);
    close(high);
    run(t, "for f in /proc/$$/fd/*; do [ -e $f ] && printf '%s ' ${f##*/}; done; readlink /proc/$$/fd/0");
    assert_content(t, "stdout", "0 1 2 3 /dev/null\n");
}

/* As the kernel takes it: handler, flags, restorer, mask. The C library does not touch the signals 32 and 33. */
static void ignore_signal(int number) {
    const struct { unsigned long handler, flags, restorer, mask; } ignored = {.handler = (unsigned long)SIG_IGN};
    syscall(SYS_rt_sigaction, number, &ignored, NULL, sizeof ignored.mask);
}

static void signals_that_the_engine_ignores_are_default_in_the_stage(void **state) {
    struct trial *t = *state;
    pid_t engine = fork();
    if (engine == 0) { /* a process of its own: this one would keep them ignored */
        for (int number = 1; number <= 64; number++)
            if (number != SIGCHLD)
                ignore_signal(number);
        umask(077);
        start_keeper(t);
        run(t, "grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\n'; umask; pwd");
        _exit(t->result.exit);
    }
    int status;
    assert_int_equal(waitpid(engine, &status, 0), engine);
    assert_int_equal(status, 0);
    char *expected = mem_printf("SigBlk:\t0000000000000000SigIgn:\t00000000000000000022\n%s/dir\n", t->directory);
    assert_content(t, "stdout", expected);
    free(expected);
}

static void stdin_is_empty(void **state) {
    struct trial *t = *state;
    run(t, "cat; echo end");
    assert_content(t, "stdout", "end\n");
}

static void the_leader_has_a_process_group_of_its_own_in_the_keeper_s_session(void **state) {
    struct trial *t = *state;
    run(t, "cut -d' ' -f1,4,5,6 /proc/$$/stat");
    int pid, parent, group, session;
    char *text = content(t, "stdout");
    assert_int_equal(sscanf(text, "%d %d %d %d", &pid, &parent, &group, &session), 4);
    assert_int_equal(parent, t->keeper);
    assert_int_equal(group, pid);
    assert_int_equal(session, t->keeper);
    free(text);
}

static void events_reach_the_engine(void **state) {
    struct trial *t = *state;
    run(t, "echo \"{\\\"note\\\":\\\"hi\\\"}\" >&$RETORT_EVENTS_FD");
    char *events = read_events(t);
    assert_string_equal(events, "{\"note\":\"hi\"}\n");
    free(events);
}

/* ---- the start ---- */

static void a_missing_program_is_a_result(void **state) {
    struct trial *t = *state;
    use_program(t, "no-such-program");
    submit(t);
    await_result(t);
    assert_error(t, "no-such-program: no such program on the PATH of the stage (" STAGE_PATH ")");
    assert_still_serves(t);
}

static void a_file_that_is_no_program_is_a_result(void **state) {
    struct trial *t = *state;
    make_file(t, "dir/tool", "\x01\x02", 0755);
    use_program(t, "./tool");
    submit(t);
    await_result(t);
    assert_error(t, "./tool: cannot be executed: Exec format error");
    assert_still_serves(t);
}

static void a_folder_as_program_is_a_result(void **state) {
    struct trial *t = *state;
    use_program(t, "/tmp");
    submit(t);
    await_result(t);
    assert_error(t, "/tmp: cannot be executed: Permission denied");
    assert_still_serves(t);
}

static void the_request_names_the_program_beside_its_arguments(void **state) {
    struct trial *t = *state;
    use_script(t, "echo $0");
    t->request.program = "/bin/sh";
    t->words[0] = (char *)(uintptr_t) "another name";
    submit(t);
    await_result(t);
    assert_content(t, "stdout", "another name\n");
}

static void a_missing_directory_is_a_result(void **state) {
    struct trial *t = *state;
    const char *before = t->request.directory;
    t->request.directory = "/no/such/folder";
    use_program(t, "true");
    submit(t);
    await_result(t);
    assert_error(t, "/usr/bin/true: cannot be executed: No such file or directory");
    t->request.directory = before;
    assert_still_serves(t);
}

static void assert_checkpoint_refused(struct trial *t) {
    char *expected = mem_printf("%s: cannot be opened: Not a directory", t->request.checkpoint);
    use_script(t, "touch ../ran");
    submit(t);
    await_result(t);
    assert_error(t, expected);
    assert_false(is_there(t, "ran"));
    free(expected);
}

static void a_checkpoint_that_is_no_folder_is_a_result(void **state) {
    struct trial *t = *state;
    t->request.checkpoint = t->paths[OWN_PLACE];
    keep_place(t, OWN_PLACE, "checkpoint");
    make_file(t, "checkpoint", "", 0644);
    assert_checkpoint_refused(t);
}

static void a_checkpoint_that_is_a_link_is_a_result(void **state) {
    struct trial *t = *state;
    t->request.checkpoint = keep_place(t, OWN_PLACE, "checkpoint");
    assert_int_equal(symlink("dir", t->request.checkpoint), 0);
    assert_checkpoint_refused(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define NOT_STARTED(name) cmocka_unit_test_setup_teardown(name, prepare, teardown)
        TEST(the_exit_status_is_told),
        TEST(death_by_a_signal_is_told),
        TEST(usage_is_counted),
        TEST(output_goes_to_the_logs),
        TEST(the_environment_is_exactly_the_request_s),
        TEST(an_empty_environment_is_empty),
        NOT_STARTED(the_descriptors_are_those_of_the_protocol),
        NOT_STARTED(signals_that_the_engine_ignores_are_default_in_the_stage),
        TEST(stdin_is_empty),
        TEST(the_leader_has_a_process_group_of_its_own_in_the_keeper_s_session),
        TEST(events_reach_the_engine),
        TEST(a_missing_program_is_a_result),
        TEST(a_file_that_is_no_program_is_a_result),
        TEST(a_folder_as_program_is_a_result),
        TEST(the_request_names_the_program_beside_its_arguments),
        TEST(a_missing_directory_is_a_result),
        TEST(a_checkpoint_that_is_no_folder_is_a_result),
        TEST(a_checkpoint_that_is_a_link_is_a_result),
    };
    return cmocka_run_group_tests_name("leader", tests, NULL, NULL);
}
