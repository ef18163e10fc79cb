/* The keeper: what a stage inherits, and how its end is told. */
#include "tests/unit/stages/attempt_fixture.h"

static void test_exit_status_is_told(void **state) {
    struct trial *t = *state;
    run(t, "exit 42");
    assert_int_equal((int)number(t, "exit"), 42);
    assert_true(is_null(t, "signal"));
    assert_true(is_null(t, "error"));
    assert_int_equal((int)number(t, "survivors"), 0);
}

static void test_death_by_signal_is_told(void **state) {
    struct trial *t = *state;
    run(t, "kill -SEGV $$");
    assert_true(is_null(t, "exit"));
    assert_int_equal((int)number(t, "signal"), SIGSEGV);
}

static void test_usage_is_counted(void **state) {
    struct trial *t = *state;
    run(t, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 0.05");
    assert_true(number(t, "user_s") + number(t, "system_s") > 0);
    assert_true(number(t, "max_rss_bytes") > 0);
    assert_true(number(t, "wall_s") >= 0.05);
    assert_true(number(t, "wall_s") >= number(t, "user_s") * 0.5);
    const cJSON *start = cJSON_GetObjectItemCaseSensitive(t->result, "start");
    const cJSON *end = cJSON_GetObjectItemCaseSensitive(t->result, "end");
    assert_true(strcmp(start->valuestring, end->valuestring) < 0);
}

static void test_output_goes_to_logs(void **state) {
    struct trial *t = *state;
    run(t, "echo one; echo two >&2");
    char *out = content(t, "stdout"), *error = content(t, "stderr");
    assert_string_equal(out, "one\n");
    assert_string_equal(error, "two\n");
    free(out);
    free(error);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts the lines of a text; the caller frees. */
static char *sorted_lines(char *text) {
    char *lines[64];
    size_t count = 0;
    struct buffer out = {0};
    for (char *line = strtok(text, "\n"); line && count < 64; line = strtok(NULL, "\n"))
        lines[count++] = line;
    qsort(lines, count, sizeof *lines, by_text);
    for (size_t i = 0; i < count; i++)
        buffer_printf(&out, "%s\n", lines[i]);
    return buffer_detach(&out);
}

static void test_environment_is_exactly_what_the_protocol_names(void **state) {
    struct trial *t = *state;
    cJSON *env = cJSON_AddObjectToObject(t->attempt, "env");
    cJSON_AddStringToObject(env, "GREETING", "hello world");
    cJSON_AddStringToObject(env, "OMP_NUM_THREADS", "7");
    const char *pass[] = {"RETORT_TEST_PASSED", "RETORT_TEST_UNSET"};
    cJSON_AddItemToObject(t->attempt, "pass_env", cJSON_CreateStringArray(pass, 2));
    setenv("RETORT_TEST_PASSED", "secret", 1);
    setenv("RETORT_TEST_OTHER", "must not be seen", 1);
    const char *words[] = {"env"};
    cJSON_AddItemToObject(t->attempt, "argv", cJSON_CreateStringArray(words, 1));
    add_place(t, "checkpoint", "dir");
    start(t);
    assert_int_equal(finish(t), 0);
    unsetenv("RETORT_TEST_PASSED");
    unsetenv("RETORT_TEST_OTHER");
    char *raw = content(t, "stdout");
    char *seen = sorted_lines(raw);
    char *expected =
        mem_printf("BLIS_NUM_THREADS=3\nGREETING=hello world\nHOME=%s/dir/.home\nLC_ALL=C.UTF-8\nMKL_NUM_THREADS=3\n"
                   "NUMEXPR_NUM_THREADS=3\nOMP_NUM_THREADS=7\nOPENBLAS_NUM_THREADS=3\n"
                   "PATH=/usr/local/bin:/usr/bin:/bin\nRETORT_CHECKPOINT=%s/dir\nRETORT_EVENTS_FD=30\n"
                   "RETORT_SPEC=%s/spec.json\nRETORT_TEST_PASSED=secret\nTMPDIR=%s/dir/.tmp\nTZ=UTC\n",
                   t->directory, t->directory, t->directory, t->directory);
    assert_string_equal(seen, expected);
    free(raw);
    free(seen);
    free(expected);
}

static void test_descriptors_are_exactly_what_the_protocol_names(void **state) {
    struct trial *t = *state;
    int leak = open("/dev/null", O_RDONLY); /* not close-on-exec: inherited by the keeper */
    use_script(t, "for f in /proc/$$/fd/*; do [ -e $f ] && printf '%s ' ${f##*/}; done; readlink /proc/$$/fd/0");
    start(t);
    close(leak);
    assert_int_equal(finish(t), 0);
    char *out = content(t, "stdout");
    assert_string_equal(out, "0 1 2 30 /dev/null\n");
    free(out);
}

static void test_signal_state_is_the_standard_one(void **state) {
    struct trial *t = *state;
    signal(SIGPIPE, SIG_IGN);
    run(t, "grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\n'; umask; pwd");
    signal(SIGPIPE, SIG_DFL);
    char *out = content(t, "stdout");
    char *expected = mem_printf("SigBlk:\t0000000000000000SigIgn:\t00000000000000000022\n%s/dir\n", t->directory);
    assert_string_equal(out, expected);
    free(expected);
    free(out);
}

static void test_stdin_is_empty(void **state) {
    struct trial *t = *state;
    run(t, "cat; echo end");
    char *out = content(t, "stdout");
    assert_string_equal(out, "end\n");
    free(out);
}

static void test_events_reach_the_engine(void **state) {
    struct trial *t = *state;
    /* sh redirects to one digit only. */
    use_script(t, "eval 'echo \"{\\\"note\\\":\\\"hi\\\"}\" > /proc/self/fd/$RETORT_EVENTS_FD'");
    start(t);
    char line[64] = "";
    ssize_t size = read(t->events, line, sizeof line - 1);
    assert_int_equal(size, 14);
    assert_string_equal(line, "{\"note\":\"hi\"}\n");
    assert_int_equal(read(t->events, line, sizeof line), 0); /* end of file: nobody holds the pipe any more */
    assert_int_equal(finish(t), 0);
}

static void test_missing_program_is_a_result(void **state) {
    struct trial *t = *state;
    const char *words[] = {"no-such-program", "x"};
    cJSON_AddItemToObject(t->attempt, "argv", cJSON_CreateStringArray(words, 2));
    start(t);
    assert_int_equal(finish(t), 0);
    assert_true(is_null(t, "exit"));
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(t->result, "error");
    assert_string_equal(error->valuestring,
                        "no-such-program: no such program on the PATH of stages (/usr/local/bin:/usr/bin:/bin)");
}

static void test_program_that_is_no_program_is_a_result(void **state) {
    struct trial *t = *state;
    char *file = place(t, "dir/tool");
    assert_int_equal(file_replace(file, "\x01\x02", 2, 0755, NULL), 0);
    free(file);
    const char *words[] = {"./tool"};
    cJSON_AddItemToObject(t->attempt, "argv", cJSON_CreateStringArray(words, 1));
    start(t);
    assert_int_equal(finish(t), 0);
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(t->result, "error");
    assert_string_equal(error->valuestring, "./tool: cannot be executed: Exec format error");
}

static void test_a_kind_is_this_program_with_one_blas_thread(void **state) {
    struct trial *t = *state;
    cJSON_AddStringToObject(t->attempt, "kind", "deeprx/train@1");
    start(t);
    assert_int_equal(finish(t), 0);
    char *out = content(t, "stdout");
    char *spec = mem_printf("spec %s/spec.json\n", t->directory);
    assert_non_null(strstr(out, spec));
    assert_non_null(strstr(out, "\nOPENBLAS_NUM_THREADS=1\n"));
    assert_null(strstr(out, "OMP_NUM_THREADS"));
    free(spec);
    free(out);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "kind") == 0) { /* what the keeper executes for a kind is its own program */
        printf("spec %s\n", argv[2]);
        fflush(stdout);
        return execlp("env", "env", NULL);
    }
    const struct CMUnitTest tests[] = {
        TEST(test_exit_status_is_told),
        TEST(test_death_by_signal_is_told),
        TEST(test_usage_is_counted),
        TEST(test_output_goes_to_logs),
        TEST(test_environment_is_exactly_what_the_protocol_names),
        TEST(test_descriptors_are_exactly_what_the_protocol_names),
        TEST(test_signal_state_is_the_standard_one),
        TEST(test_stdin_is_empty),
        TEST(test_events_reach_the_engine),
        TEST(test_missing_program_is_a_result),
        TEST(test_program_that_is_no_program_is_a_result),
        TEST(test_a_kind_is_this_program_with_one_blas_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
