/* The keeper: one attempt after another, of which none shows in the next. */
#include <sys/ptrace.h>

#include "tests/unit/keeper/fixture.h"

enum { BURN_BYTES = 300 << 20 };

/* ---- usage ---- */

#define BURN "import time\nkept = bytearray(300 << 20)\nwhile time.process_time() < 2: pass\n"

static void a_burner_leaves_no_usage_to_the_next(void **state) {
    struct trial *t = *state;
    run(t, "exec python3 -c '" BURN "'");
    assert_int_equal(t->result.exit, 0);
    assert_true(t->result.user_s + t->result.system_s >= 2);
    assert_true(t->result.max_rss_bytes >= BURN_BYTES);
    double burned = json_double(t->result.energy, "cpu_s", -1);
    assert_true(burned >= 2);
    use_program(t, "true");
    submit(t);
    await_result(t);
    assert_true(t->result.user_s + t->result.system_s < 1);
    assert_true(t->result.max_rss_bytes < BURN_BYTES / 10.0);
    assert_true(t->result.max_rss_bytes > 0);
    double cpu_s = json_double(t->result.energy, "cpu_s", -1);
    assert_true(cpu_s >= 0 && cpu_s < 1);
    assert_true(json_double(t->result.energy, "memory_bytes", -1) < BURN_BYTES / 10.0);
}

static void what_is_written_is_counted_anew(void **state) {
    struct trial *t = *state;
    run(t, "dd if=/dev/zero of=file bs=1M count=4 conv=fsync 2>/dev/null");
    double written = t->result.written_bytes;
    assert_true(written >= 4 << 20);
    run(t, "exit 0");
    assert_true(t->result.written_bytes < written / 2);
}

/* Processes that the keeper reaps itself: their parent is gone. */
static void the_largest_process_counts_not_the_sum(void **state) {
    struct trial *t = *state;
    run(t, "for i in 1 2 3 4; do (python3 -c \"kept = bytearray(50 << 20); open('../done$i', 'w')\" &); done; "
           "while [ ! -e ../done1 -o ! -e ../done2 -o ! -e ../done3 -o ! -e ../done4 ]; do sleep 0.01; done");
    assert_true(t->result.max_rss_bytes >= 50 << 20);
    assert_true(t->result.max_rss_bytes < 150 << 20);
}

/* The keeper has reaped it before the leader ends. */
static void the_largest_process_counts_although_a_smaller_one_ends_later(void **state) {
    struct trial *t = *state;
    run(t, "(python3 -c \"import os; kept = bytearray(50 << 20); open('../new', 'w').write(str(os.getpid())); "
           "os.rename('../new', '../pid')\" &); while [ ! -e ../pid ]; do sleep 0.01; done; "
           "while [ -e /proc/$(cat ../pid) ]; do sleep 0.01; done");
    assert_true(t->result.max_rss_bytes >= 50 << 20);
}

/* ---- one keeper ---- */

static void one_keeper_runs_many(void **state) {
    struct trial *t = *state;
    for (int i = 0; i < 50; i++) {
        char *script = mem_printf("echo $PPID >../keeper; exit %d", i);
        run(t, script);
        assert_int_equal(t->result.exit, i);
        assert_int_equal(read_pid(t, "keeper"), t->keeper);
        assert_false(t->result.last);
        free(script);
    }
}

static int count_descriptors(pid_t pid) {
    int count = 0;
    for (int fd = 0; fd < 100; fd++) {
        char path[64], target[8];
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
        count += readlink(path, target, sizeof target) > 0;
    }
    return count;
}

/* While an attempt is under way. A keeper that passes a signal on has done all that belongs to the start. */
static int count_under_way(struct trial *t) {
    static const char *const names[] = {"go", "ready", "asked"};
    use_script(t, "trap ': >../asked' TERM; : >../ready; while [ ! -e ../go ]; do sleep 0.01; done");
    submit(t);
    await_file(t, "ready");
    send_frame(t, FRAME_TERMINATE);
    await_file(t, "asked");
    int count = count_descriptors(t->keeper);
    make_file(t, "go", "", 0644);
    await_result(t);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = place(t, names[i]);
        unlink(path);
        free(path);
    }
    return count;
}

static void descriptors_do_not_pile_up(void **state) {
    struct trial *t = *state;
    t->request.checkpoint = t->request.directory;
    int before = count_under_way(t);
    for (int i = 0; i < 5; i++)
        run(t, "exit 0");
    use_program(t, "no-such-program");
    submit(t);
    await_result(t);
    assert_int_equal(count_under_way(t), before);
}

static void an_attempt_has_its_own_logs(void **state) {
    struct trial *t = *state;
    run(t, "echo one; echo one >&2");
    t->request.logs[0].kept = keep_place(t, 2, "stdout-2");
    t->request.logs[1].kept = keep_place(t, 4, "stderr-2");
    run(t, "echo two; echo two >&2");
    assert_content(t, "stdout", "one\n");
    assert_content(t, "stderr", "one\n");
    assert_content(t, "stdout-2", "two\n");
    assert_content(t, "stderr-2", "two\n");
}

static void the_keeper_s_last_words_are_in_no_earlier_log(void **state) {
    struct trial *t = *state;
    run(t, "exit 0");
    static const char broken[] = "this is no frame";
    send_bytes(t, broken, sizeof broken);
    assert_int_equal(await_end(t), 3);
    assert_content(t, "stderr", "");
    assert_content(t, "stderr.log", "");
}

static void events_are_all_there_before_the_result(void **state) {
    struct trial *t = *state;
    for (int i = 0; i < 20; i++) {
        char *script = mem_printf(
            "(while kill -0 $$ 2>/dev/null; do sleep 0.001; done; echo late %d >&3) & echo early %d >&3", i, i);
        char *expected = mem_printf("early %d\nlate %d\n", i, i);
        run(t, script);
        char *events = read_events(t);
        assert_string_equal(events, expected);
        free(events);
        free(expected);
        free(script);
    }
}

/* One that floods the pipe until it dies. */
static void a_survivor_writes_no_event_into_the_next(void **state) {
    struct trial *t = *state;
    run(t,
        "setsid sh -c 'trap \"\" TERM; echo $$ >../daemon.tmp; mv ../daemon.tmp ../daemon; while :; do echo old >&3; "
        "sleep 0.002; done' & while [ ! -e ../daemon ]; do sleep 0.01; done; exit 0");
    assert_int_equal(process_state(read_pid(t, "daemon")), 'X'); /* reaped, not only dead */
    assert_true(t->result.survivors >= 1);
    char *old = read_events(t);
    assert_int_equal(strncmp(old, "old\n", 4), 0);
    free(old);
    run(t, "sleep 0.1; echo new >&3");
    char *events = read_events(t);
    assert_string_equal(events, "new\n");
    free(events);
    assert_true(t->result.survivors == 0);
}

/* ---- the last attempt ---- */

static void a_keeper_that_was_stopped_is_not_used_again(void **state) {
    struct trial *t = *state;
    use_script(t, "kill -STOP $PPID; echo x >../stopped; while [ ! -e ../go ]; do sleep 0.01; done; exit 7");
    submit(t);
    await_file(t, "stopped");
    await_state(t->keeper, 'T');
    kill(t->keeper, SIGCONT);
    make_file(t, "go", "", 0644);
    await_result(t);
    assert_int_equal(t->result.exit, 7);
    assert_true(t->result.last);
    assert_int_equal(await_end(t), 0);
}

static void a_keeper_that_is_traced_is_not_used_again(void **state) {
    struct trial *t = *state;
    use_script(t, "while [ ! -e ../go ]; do sleep 0.01; done; exit 8");
    submit(t);
    if (ptrace(PTRACE_SEIZE, t->keeper, NULL, NULL) < 0)
        skip();
    make_file(t, "go", "", 0644);
    await_result(t);
    ptrace(PTRACE_DETACH, t->keeper, NULL, NULL);
    assert_int_equal(t->result.exit, 8);
    assert_true(t->result.last);
}

/* No stage can have done it: the engine says SIGCONT with every request to end an attempt, also when it comes late. */
static void an_idle_keeper_that_was_continued_goes_on(void **state) {
    struct trial *t = *state;
    run(t, "exit 0");
    send_frame(t, FRAME_TERMINATE);
    kill(t->keeper, SIGCONT);
    pause_ms(50);
    run(t, "exit 9");
    assert_int_equal(t->result.exit, 9);
    assert_false(t->result.last);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_burner_leaves_no_usage_to_the_next),
        TEST(what_is_written_is_counted_anew),
        TEST(the_largest_process_counts_not_the_sum),
        TEST(the_largest_process_counts_although_a_smaller_one_ends_later),
        TEST(one_keeper_runs_many),
        TEST(descriptors_do_not_pile_up),
        TEST(an_attempt_has_its_own_logs),
        TEST(the_keeper_s_last_words_are_in_no_earlier_log),
        TEST(events_are_all_there_before_the_result),
        TEST(a_survivor_writes_no_event_into_the_next),
        TEST(a_keeper_that_was_stopped_is_not_used_again),
        TEST(a_keeper_that_is_traced_is_not_used_again),
        TEST(an_idle_keeper_that_was_continued_goes_on),
    };
    return cmocka_run_group_tests_name("reuse", tests, NULL, NULL);
}
