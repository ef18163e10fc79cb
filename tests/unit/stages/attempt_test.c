/* The keeper: what a stage inherits, how its end is told, and that nothing of it is left behind. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/buffer.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "stages/attempt.h"

enum { EVENTS_FD = 30, LIFELINE_FD = 31 };

struct trial {
    char directory[64]; /* of the attempt: attempt.json, result.json, logs; the stage works in dir/ below */
    cJSON *attempt;
    pid_t keeper;
    int lifeline; /* the engine's end: closing it is the engine's death */
    int events;   /* the engine's end */
    cJSON *result;
};

static char *place(const struct trial *t, const char *name) {
    return mem_printf("%s/%s", t->directory, name);
}

static void add_place(struct trial *t, const char *member, const char *name) {
    char *path = place(t, name);
    cJSON_AddStringToObject(t->attempt, member, path);
    free(path);
}

/* An attempt that runs `script` with sh. */
static int setup(void **state) {
    struct trial *t = mem_alloc(sizeof *t);
    strcpy(t->directory, "/tmp/retort-attempt-XXXXXX");
    if (!mkdtemp(t->directory))
        return -1;
    char *directory = place(t, "dir/.tmp");
    file_make_directory(directory, NULL);
    free(directory);
    t->attempt = cJSON_CreateObject();
    cJSON_AddNumberToObject(t->attempt, "retort_attempt", 1);
    add_place(t, "directory", "dir");
    cJSON_AddStringToObject(t->attempt, "path", "/usr/local/bin:/usr/bin:/bin");
    add_place(t, "spec", "spec.json");
    add_place(t, "stdout", "stdout");
    add_place(t, "stderr", "stderr");
    add_place(t, "result", "result.json");
    cJSON_AddNumberToObject(t->attempt, "cpus", 3);
    cJSON_AddNumberToObject(t->attempt, "events_fd", EVENTS_FD);
    cJSON_AddNumberToObject(t->attempt, "lifeline_fd", LIFELINE_FD);
    *state = t;
    return 0;
}

static int teardown(void **state) {
    struct trial *t = *state;
    file_remove_tree(t->directory, NULL);
    cJSON_Delete(t->attempt);
    cJSON_Delete(t->result);
    free(t);
    return 0;
}

static void use_script(struct trial *t, const char *script) {
    const char *words[] = {"sh", "-c", script};
    cJSON_AddItemToObject(t->attempt, "argv", cJSON_CreateStringArray(words, 3));
}

/* Starts the keeper as the engine does: the two pipes under their numbers, in a session of its own. */
static void start(struct trial *t) {
    int lifeline[2], events[2];
    char *file = place(t, "attempt.json");
    char *text = cJSON_Print(t->attempt);
    assert_int_equal(file_replace(file, text, strlen(text), 0644, NULL), 0);
    free(text);
    assert_int_equal(pipe2(lifeline, O_CLOEXEC), 0);
    assert_int_equal(pipe2(events, O_CLOEXEC), 0);
    t->keeper = fork();
    if (t->keeper == 0) {
        setsid();
        dup2(lifeline[0], LIFELINE_FD);
        dup2(events[1], EVENTS_FD);
        close(lifeline[1]);
        struct error err = {0};
        int rc = attempt_run(file, &err);
        if (rc < 0 && rc != ERR_INTERRUPTED)
            fprintf(stderr, "attempt_run: %s\n", err.message);
        _exit(rc < 0 ? 3 : 0);
    }
    close(lifeline[0]);
    close(events[1]);
    t->lifeline = lifeline[1];
    t->events = events[0];
    free(file);
}

/* Waits for the keeper and reads its result. Returns its exit status. */
static int finish(struct trial *t) {
    int status;
    assert_int_equal(waitpid(t->keeper, &status, 0), t->keeper);
    close(t->lifeline);
    close(t->events);
    char *path = place(t, "result.json");
    struct json_document *document = NULL;
    if (json_read(&document, path, NULL, NULL) == 0)
        t->result = json_detach(document);
    free(path);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void run(struct trial *t, const char *script) {
    use_script(t, script);
    start(t);
    assert_int_equal(finish(t), 0);
    assert_non_null(t->result);
}

/* The content of a file of the attempt; the caller frees. */
static char *content(const struct trial *t, const char *name) {
    struct buffer text = {0};
    char *path = place(t, name);
    file_read(&text, path, 1 << 20, NULL);
    free(path);
    return buffer_detach(&text);
}

static void pause_ms(long ms) {
    struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&wait, NULL);
}

/* Waits until a file of the attempt is there: at most ten seconds. */
static void await_file(const struct trial *t, const char *name) {
    char *path = place(t, name);
    for (int i = 0; i < 1000 && !file_exists(path); i++)
        pause_ms(10);
    assert_true(file_exists(path));
    free(path);
}

static pid_t read_pid(const struct trial *t, const char *name) {
    char *text = content(t, name);
    pid_t pid = (pid_t)atoi(text);
    free(text);
    assert_true(pid > 1);
    return pid;
}

static bool is_alive(pid_t pid) {
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    const char *after = strrchr(text, ')');
    return after && after[2] != 'Z' && after[2] != 'X';
}

/* The protocol gives a survivor one second; a busy machine gets three, the sleepers here would live for a thousand. */
static void assert_dies(pid_t pid) {
    for (int i = 0; i < 300 && is_alive(pid); i++)
        pause_ms(10);
    assert_false(is_alive(pid));
}

static double number(const struct trial *t, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(t->result, name);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static bool is_null(const struct trial *t, const char *name) {
    return cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(t->result, name));
}

/* sh -> setsid -> background: a daemon in a session of its own whose parent is gone. */
#define DAEMON                                                                                                         \
    "setsid sh -c '(trap \"\" TERM HUP; echo $$ >/dev/null; sh -c \"echo \\$\\$ >../daemon.tmp; mv ../daemon.tmp "     \
    "../daemon; exec sleep 1000\" & )' & wait; while [ ! -e ../daemon ]; do sleep 0.01; done; "

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
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
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
        TEST(test_term_is_passed_on_and_75_is_told),
        TEST(test_term_reaches_the_whole_group),
        TEST(test_quit_kills_what_ignores_term),
        TEST(test_daemon_does_not_outlive_the_leader),
        TEST(test_what_ends_by_itself_is_let_end),
        TEST(test_nothing_outlives_the_engine),
        TEST(test_the_leader_dies_with_its_keeper),
        TEST(test_an_engine_that_is_gone_already_starts_nothing),
        TEST(test_a_checkpoint_has_one_holder),
        TEST(test_a_kind_is_this_program_with_one_blas_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
