/* The keeper: a stage is asked to leave, killed, or loses its engine, and nothing of it is left. */
#include "tests/unit/keeper/fixture.h"

/* A daemon in a session of its own that has lost its parent and hears no SIGTERM. */
#define DAEMON                                                                                                         \
    "setsid sh -c '(trap \"\" TERM HUP; sh -c \"echo \\$\\$ >../daemon.tmp; mv ../daemon.tmp ../daemon; exec sleep "   \
    "1000\" & )' & wait; while [ ! -e ../daemon ]; do sleep 0.01; done; "
#define ENDLESS "touch ../ready; while :; do sleep 0.01; done"

/* Submits a script and waits until it says that it is there. */
static void begin(struct trial *t, const char *script) {
    use_script(t, script);
    submit(t);
    await_file(t, "ready");
}

/* ---- asked to leave ---- */

static void a_request_to_leave_is_sigterm_and_the_answer_is_told(void **state) {
    struct trial *t = *state;
    begin(t, "trap 'exit 75' TERM; " ENDLESS);
    send_frame(t, FRAME_TERMINATE);
    await_result(t);
    assert_int_equal(t->result.exit, ATTEMPT_LEFT_STATUS);
    assert_false(t->result.last);
}

static void a_signal_to_the_keeper_is_passed_on(void **state) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    struct trial *t = *state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        begin(t, "rm -f ../ready; trap 'exit 75' TERM; " ENDLESS);
        kill(t->keeper, numbers[i]);
        await_result(t);
        assert_int_equal(t->result.exit, ATTEMPT_LEFT_STATUS);
        char *ready = place(t, "ready");
        unlink(ready);
        free(ready);
    }
}

static void a_request_to_leave_reaches_the_whole_group(void **state) {
    struct trial *t = *state;
    begin(t, "trap 'wait; exit 75' TERM; "
             "sh -c 'trap \"touch ../heard; exit\" TERM; touch ../ready; while :; do sleep 0.01; done' & wait; wait");
    send_frame(t, FRAME_TERMINATE);
    await_result(t);
    assert_int_equal(t->result.exit, ATTEMPT_LEFT_STATUS);
    assert_true(is_there(t, "heard"));
}

static void a_stopped_leader_is_woken_to_leave(void **state) {
    struct trial *t = *state;
    begin(t, "trap 'exit 75' TERM; echo $$ >../leader; touch ../ready; kill -STOP $$; exit 1");
    await_state(read_pid(t, "leader"), 'T');
    send_frame(t, FRAME_TERMINATE);
    await_result(t);
    assert_int_equal(t->result.exit, ATTEMPT_LEFT_STATUS);
}

/* While another attempt holds the checkpoint, the keeper waits. */
static int hold_checkpoint(struct trial *t) {
    t->request.checkpoint = t->request.directory;
    int lock = open(t->request.checkpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    use_script(t, "touch ../ran");
    submit(t);
    return lock;
}

static void a_stage_that_is_to_leave_before_it_starts_never_runs(void **state) {
    struct trial *t = *state;
    int lock = hold_checkpoint(t);
    pause_ms(50);
    send_frame(t, FRAME_TERMINATE);
    await_result(t);
    assert_int_equal(t->result.signal, SIGTERM);
    assert_null(t->result.error);
    assert_false(is_there(t, "ran"));
    close(lock);
}

static void a_request_to_leave_right_behind_the_attempt_is_heard(void **state) {
    struct trial *t = *state;
    struct buffer frames = {0};
    use_script(t, "trap 'exit 75' TERM; " ENDLESS);
    write_request(&frames, t);
    frame_write(&frames, FRAME_TERMINATE, NULL);
    send_bytes(t, frames.data, frames.size);
    await_result(t);
    assert_int_equal(t->result.signal, SIGTERM);
    assert_false(is_there(t, "ready"));
    buffer_close(&frames);
}

static void what_was_asked_of_an_attempt_does_not_reach_the_next(void **state) {
    static const enum frame_type late[] = {FRAME_TERMINATE, FRAME_KILL};
    struct trial *t = *state;
    for (size_t i = 0; i < sizeof late / sizeof *late; i++) {
        run(t, "exit 3");
        send_frame(t, late[i]); /* the engine did not know the result yet */
        run(t, "sleep 0.1; exit 4");
        assert_int_equal(t->result.exit, 4);
    }
    begin(t, ENDLESS);
    send_frame(t, FRAME_TERMINATE);
    await_result(t);
    assert_int_equal(t->result.signal, SIGTERM);
    run(t, "(sleep 0.1; echo late >../late) & exit 5"); /* also what is left has its time again */
    assert_int_equal(t->result.exit, 5);
    assert_content(t, "late", "late\n");
}

/* ---- killed ---- */

static void a_kill_ends_what_does_not_hear(void **state) {
    struct trial *t = *state;
    begin(t, "trap '' TERM; " DAEMON ENDLESS);
    pid_t daemon_pid = read_pid(t, "daemon");
    send_frame(t, FRAME_TERMINATE);
    pause_ms(50);
    assert_true(is_alive(daemon_pid));
    send_frame(t, FRAME_KILL);
    await_result(t);
    assert_int_equal(t->result.signal, SIGKILL);
    assert_false(is_alive(daemon_pid));
    assert_true(t->result.survivors == 0); /* the leader left nothing: it was killed with the rest */
}

static void a_kill_before_the_start_is_a_result(void **state) {
    struct trial *t = *state;
    int lock = hold_checkpoint(t);
    pause_ms(50);
    send_frame(t, FRAME_KILL);
    await_result(t);
    assert_int_equal(t->result.signal, SIGKILL);
    assert_null(t->result.error);
    assert_false(is_there(t, "ran"));
    close(lock);
}

static void a_kill_ends_what_the_leader_left(void **state) {
    struct trial *t = *state;
    begin(t, "echo $$ >../leader; " DAEMON "touch ../ready; exit 6");
    while (is_alive(read_pid(t, "leader"))) /* the keeper grants its daemon most of a second */
        usleep(1000);
    send_frame(t, FRAME_KILL);
    await_result(t);
    assert_int_equal(t->result.exit, 6);
    assert_false(is_alive(read_pid(t, "daemon")));
}

/* ---- processes that the leader leaves ---- */

static void a_daemon_does_not_outlive_the_leader(void **state) {
    struct trial *t = *state;
    run(t, DAEMON "exit 0");
    assert_int_equal(t->result.exit, 0);
    assert_false(is_alive(read_pid(t, "daemon")));
    assert_true(t->result.survivors == 1);
}

static void what_ends_by_itself_is_let_end(void **state) {
    struct trial *t = *state;
    run(t, "(sleep 0.1; echo late >../late) & exit 0");
    assert_content(t, "late", "late\n");
    assert_true(t->result.survivors == 0);
}

/* ---- the engine dies ---- */

static void an_idle_keeper_leaves_with_its_engine(void **state) {
    struct trial *t = *state;
    assert_int_equal(finish(t), 130);
}

static void a_used_keeper_leaves_with_its_engine(void **state) {
    struct trial *t = *state;
    run(t, "exit 0");
    assert_int_equal(finish(t), 130);
}

static void nothing_outlives_the_engine(void **state) {
    struct trial *t = *state;
    begin(t, "trap '' TERM HUP; " DAEMON "echo $$ >../leader; " ENDLESS);
    pid_t daemon_pid = read_pid(t, "daemon"), leader = read_pid(t, "leader");
    assert_true(is_alive(daemon_pid) && is_alive(leader));
    assert_int_equal(finish(t), 130);
    assert_false(is_alive(leader));
    assert_false(is_alive(daemon_pid));
    assert_no_result(t);
}

static void a_survivor_does_not_outlive_the_engine(void **state) {
    struct trial *t = *state;
    begin(t, DAEMON "echo $$ >../leader; touch ../ready; exit 0");
    assert_dies(read_pid(t, "leader"));
    assert_int_equal(finish(t), 130);
    assert_false(is_alive(read_pid(t, "daemon")));
}

static void an_engine_that_dies_before_the_start_starts_nothing(void **state) {
    struct trial *t = *state;
    int lock = hold_checkpoint(t);
    pause_ms(50); /* it waits for the checkpoint's lock */
    assert_int_equal(finish(t), 130);
    assert_false(is_there(t, "ran"));
    close(lock);
}

static void the_leader_dies_with_its_keeper(void **state) {
    struct trial *t = *state;
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* as the engine */
    begin(t, "echo $$ >../leader; " ENDLESS);
    pid_t leader = read_pid(t, "leader");
    kill(t->keeper, SIGKILL);
    assert_int_equal(await_end(t), -1);
    assert_dies(leader);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void an_idle_keeper_leaves_when_a_signal_asks_it_to(void **state) {
    struct trial *t = *state;
    run(t, "exit 0");
    kill(t->keeper, SIGTERM);
    assert_int_equal(await_end(t), 130);
    assert_no_result(t);
}

/* ---- checkpoints ---- */

static void a_checkpoint_has_one_holder(void **state) {
    struct trial *t = *state;
    int lock = hold_checkpoint(t);
    pause_ms(100);
    assert_false(is_there(t, "ran"));
    flock(lock, LOCK_UN);
    await_result(t);
    assert_true(is_there(t, "ran"));
    assert_int_equal(flock(lock, LOCK_EX), 0); /* it has let go */
    close(lock);
}

static void a_checkpoint_is_held_until_everything_is_dead(void **state) {
    struct trial *t = *state;
    t->request.checkpoint = t->request.directory;
    int lock = open(t->request.checkpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    begin(t, DAEMON "echo $$ >../leader; touch ../ready; while [ ! -e ../go ]; do sleep 0.01; done");
    pid_t daemon_pid = read_pid(t, "daemon");
    assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), -1);
    make_file(t, "go", "", 0644);
    assert_dies(read_pid(t, "leader"));
    while (flock(lock, LOCK_EX | LOCK_NB) < 0)
        pause_ms(1);
    assert_false(is_alive(daemon_pid));
    await_result(t);
    close(lock);
}

/* As a process that lives on when engine and keeper were killed. */
static pid_t leave_process(const struct trial *t) {
    char *there = place(t, "there"), *ended = place(t, "ended"),
         *variable = mem_printf("RETORT_CHECKPOINT=%s", t->request.checkpoint);
    pid_t pid = fork();
    if (pid == 0) {
        char *const environment[] = {variable, NULL};
        execle("/bin/sh", "sh", "-c", ": >$0; sleep 0.1; : >$1", there, ended, (char *)NULL, environment);
        _exit(99);
    }
    free(there);
    free(ended);
    free(variable);
    await_file(t, "there");
    return pid;
}

static void a_process_of_an_earlier_attempt_is_waited_for(void **state) {
    struct trial *t = *state;
    t->request.checkpoint = t->request.directory;
    pid_t earlier = leave_process(t);
    run(t, "[ -e ../ended ] || : >../early");
    assert_false(is_there(t, "early"));
    assert_int_equal(waitpid(earlier, NULL, 0), earlier);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_request_to_leave_is_sigterm_and_the_answer_is_told),
        TEST(a_signal_to_the_keeper_is_passed_on),
        TEST(a_request_to_leave_reaches_the_whole_group),
        TEST(a_stopped_leader_is_woken_to_leave),
        TEST(a_stage_that_is_to_leave_before_it_starts_never_runs),
        TEST(a_request_to_leave_right_behind_the_attempt_is_heard),
        TEST(what_was_asked_of_an_attempt_does_not_reach_the_next),
        TEST(a_kill_ends_what_does_not_hear),
        TEST(a_kill_before_the_start_is_a_result),
        TEST(a_kill_ends_what_the_leader_left),
        TEST(a_daemon_does_not_outlive_the_leader),
        TEST(what_ends_by_itself_is_let_end),
        TEST(an_idle_keeper_leaves_with_its_engine),
        TEST(a_used_keeper_leaves_with_its_engine),
        TEST(nothing_outlives_the_engine),
        TEST(a_survivor_does_not_outlive_the_engine),
        TEST(an_engine_that_dies_before_the_start_starts_nothing),
        TEST(the_leader_dies_with_its_keeper),
        TEST(an_idle_keeper_leaves_when_a_signal_asks_it_to),
        TEST(a_checkpoint_has_one_holder),
        TEST(a_checkpoint_is_held_until_everything_is_dead),
        TEST(a_process_of_an_earlier_attempt_is_waited_for),
    };
    return cmocka_run_group_tests_name("end", tests, NULL, NULL);
}
