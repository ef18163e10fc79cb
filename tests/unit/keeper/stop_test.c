/* The keeper: an engine that is stopped stops its stage, and both go on. */
#include "engine/base/clock.h"
#include "tests/unit/keeper/fixture.h"

/* Starts no process: a shell whose child is stopped before its exec waits for it and cannot be stopped. */
#define UNTIL_GO "while [ ! -e ../go ]; do :; done; "

/* Submits a script that has to write its pid as "leader", and stops it. Returns the pid. */
static pid_t stop_stage(struct trial *t, const char *script) {
    use_script(t, script);
    submit(t);
    await_file(t, "ready");
    send_frame(t, FRAME_STOP);
    pid_t leader = read_pid(t, "leader");
    await_state(leader, 'T');
    return leader;
}

static void await_running(pid_t pid) {
    for (int i = 0; i < LIMIT_S * 100 && process_state(pid) == 'T'; i++)
        pause_ms(10);
    assert_int_not_equal(process_state(pid), 'T');
}

static void a_stopped_stage_goes_on_and_ends(void **state) {
    struct trial *t = *state;
    pid_t leader = stop_stage(t, "echo $$ >../leader; touch ../ready; " UNTIL_GO "exit 7");
    send_frame(t, FRAME_GO);
    await_running(leader);
    make_file(t, "go", "", 0644);
    await_result(t);
    assert_int_equal(t->result.exit, 7);
    assert_false(t->result.last);
    assert_still_serves(t);
}

static void a_daemon_of_the_stage_is_stopped_too(void **state) {
    struct trial *t = *state;
    stop_stage(t, "echo $$ >../leader; setsid sh -c 'echo $$ >../daemon; touch ../ready; " UNTIL_GO "' & " UNTIL_GO);
    pid_t daemon_pid = read_pid(t, "daemon");
    await_state(daemon_pid, 'T');
    send_frame(t, FRAME_GO);
    await_running(daemon_pid);
    make_file(t, "go", "", 0644);
    await_result(t);
    assert_int_equal(t->result.exit, 0);
}

/* Of two seconds or more that pass, one is a stop. */
static void the_time_of_a_stop_is_no_time_of_the_stage(void **state) {
    struct trial *t = *state;
    uint64_t began_ns = clock_monotonic_ns();
    stop_stage(t, "echo $$ >../leader; touch ../ready; " UNTIL_GO);
    pause_ms(1000);
    send_frame(t, FRAME_GO);
    make_file(t, "go", "", 0644);
    await_result(t);
    assert_true(t->result.wall_s <= (double)(clock_monotonic_ns() - began_ns) / 1e9 - 1);
    assert_int_equal(t->result.exit, 0);
}

static void a_stopped_stage_can_be_asked_to_leave(void **state) {
    struct trial *t = *state;
    stop_stage(t, "trap 'exit 75' TERM; echo $$ >../leader; touch ../ready; " UNTIL_GO);
    send_frame(t, FRAME_TERMINATE);
    await_result(t);
    assert_int_equal(t->result.exit, ATTEMPT_LEFT_STATUS);
}

static void a_stopped_stage_can_be_killed(void **state) {
    struct trial *t = *state;
    stop_stage(t, "echo $$ >../leader; touch ../ready; " UNTIL_GO);
    send_frame(t, FRAME_KILL);
    await_result(t);
    assert_int_equal(t->result.signal, SIGKILL);
}

static void a_stage_that_is_asked_to_leave_can_be_stopped(void **state) {
    struct trial *t = *state;
    use_script(t, "trap 'touch ../asked' TERM; echo $$ >../leader; touch ../ready; " UNTIL_GO "exit 75");
    submit(t);
    await_file(t, "ready");
    send_frame(t, FRAME_TERMINATE);
    await_file(t, "asked");
    send_frame(t, FRAME_STOP);
    await_state(read_pid(t, "leader"), 'T');
    send_frame(t, FRAME_GO);
    make_file(t, "go", "", 0644);
    await_result(t);
    assert_int_equal(t->result.exit, ATTEMPT_LEFT_STATUS);
}

static void nothing_that_is_stopped_outlives_the_engine(void **state) {
    struct trial *t = *state;
    pid_t leader = stop_stage(t, "echo $$ >../leader; touch ../ready; " UNTIL_GO);
    assert_int_equal(finish(t), 130);
    assert_false(is_alive(leader));
}

/* The result was on its way when the engine stopped. */
static void an_idle_keeper_hears_of_no_stop(void **state) {
    struct trial *t = *state;
    run(t, "exit 0");
    send_frame(t, FRAME_STOP);
    send_frame(t, FRAME_GO);
    send_frame(t, FRAME_GO);
    run(t, "exit 8");
    assert_int_equal(t->result.exit, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_stopped_stage_goes_on_and_ends),
        TEST(a_daemon_of_the_stage_is_stopped_too),
        TEST(the_time_of_a_stop_is_no_time_of_the_stage),
        TEST(a_stopped_stage_can_be_asked_to_leave),
        TEST(a_stopped_stage_can_be_killed),
        TEST(a_stage_that_is_asked_to_leave_can_be_stopped),
        TEST(nothing_that_is_stopped_outlives_the_engine),
        TEST(an_idle_keeper_hears_of_no_stop),
    };
    return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
