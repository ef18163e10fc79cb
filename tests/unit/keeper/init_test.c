/* The init of a sandbox: it does for the leader what the keeper does elsewhere. */
#include "engine/base/process.h"
#include "tests/unit/keeper/fixture.h"

#define ENDLESS "touch ../ready; while :; do sleep 0.01; done"

static char *none[] = {NULL}, *own[] = {NULL, NULL};

/* The next attempts run in a sandbox that may write to the trial's directory. */
static int sandboxed(void **state) {
    struct sandbox_means means;
    int rc = setup(state);
    struct trial *t = *state;
    sandbox_probe(&means, NULL);
    own[0] = t->directory;
    t->request.sandbox = (struct sandbox){.read = none, .write = own, .means = means};
    return rc;
}

static void begin(struct trial *t, const char *script) {
    use_script(t, script);
    submit(t);
    await_file(t, "ready");
}

/* The keeper's only child. */
static pid_t init_of(const struct trial *t) {
    pid_t *children;
    size_t count = process_children(&children, t->keeper);
    assert_int_equal(count, 1);
    pid_t init = children[0];
    free(children);
    return init;
}

static void the_leader_is_its_child(void **state) {
    struct trial *t = *state;
    run(t, "echo $PPID >../parent; exit 3");
    assert_int_equal(t->result.exit, 3);
    assert_content(t, "parent", "1\n");
}

static void a_signal_that_ends_the_leader_is_told(void **state) {
    struct trial *t = *state;
    run(t, "kill -KILL $$");
    assert_int_equal(t->result.signal, SIGKILL);
    assert_int_equal(t->result.exit, -1);
}

static void a_request_to_leave_reaches_the_leaders_group(void **state) {
    struct trial *t = *state;
    begin(t, "sh -c 'trap \"touch ../heard; exit\" TERM; touch ../ready; while :; do sleep 0.01; done' & "
             "trap 'wait; exit 75' TERM; wait; wait");
    send_frame(t, FRAME_TERMINATE);
    await_result(t);
    assert_int_equal(t->result.exit, ATTEMPT_LEFT_STATUS);
    assert_true(is_there(t, "heard"));
}

static pid_t child_of(pid_t parent) {
    pid_t *children, child = 0;
    if (process_children(&children, parent) > 0)
        child = children[0];
    free(children);
    assert_true(child > 0);
    return child;
}

static void a_stopped_leader_is_woken_to_leave(void **state) {
    struct trial *t = *state;
    begin(t, "trap 'exit 75' TERM; touch ../ready; kill -STOP $$; exit 1");
    await_state(child_of(init_of(t)), 'T');
    send_frame(t, FRAME_TERMINATE);
    await_result(t);
    assert_int_equal(t->result.exit, ATTEMPT_LEFT_STATUS);
}

static void a_kill_ends_all_processes(void **state) {
    struct trial *t = *state;
    begin(t, "trap '' TERM; setsid sleep 1000 & " ENDLESS);
    pid_t init = init_of(t), leader = child_of(init);
    send_frame(t, FRAME_KILL);
    await_result(t);
    assert_int_equal(t->result.signal, SIGKILL);
    assert_false(is_alive(init));
    assert_false(is_alive(leader));
}

static void a_daemon_does_not_outlive_the_leader(void **state) {
    struct trial *t = *state;
    run(t, "setsid sleep 1000 & exit 0");
    assert_int_equal(t->result.exit, 0);
    assert_true(t->result.survivors == 1);
}

static void a_process_that_ends_by_itself_is_let_end(void **state) {
    struct trial *t = *state;
    run(t, "(sleep 0.1; echo late >../late) & exit 0");
    assert_content(t, "late", "late\n");
    assert_true(t->result.survivors == 0);
}

static void it_dies_with_its_keeper(void **state) {
    struct trial *t = *state;
    begin(t, ENDLESS);
    pid_t init = init_of(t), leader = child_of(init);
    kill(t->keeper, SIGKILL);
    assert_int_equal(await_end(t), -1);
    assert_dies(init);
    assert_dies(leader);
}

static void its_memory_is_closed_to_the_leader(void **state) {
    struct trial *t = *state;
    t->request.sandbox.means.rights = 0; /* Landlock would close it too */
    run(t, "cat /proc/1/environ || exit 5");
    assert_int_equal(t->result.exit, 5);
}

static void the_next_attempt_has_another_end(void **state) {
    struct trial *t = *state;
    run(t, "sleep 1000 & exit 3");
    t->request.sandbox = (struct sandbox){0};
    run(t, "exit 4");
    assert_int_equal(t->result.exit, 4);
    assert_true(t->result.survivors == 0);
}

static void a_program_that_is_not_in_sight_is_named(void **state) {
    struct trial *t = *state;
    char *program = place(t, "dir/../../nowhere");
    t->request.program = program;
    run(t, "exit 0");
    assert_non_null(t->result.error);
    assert_non_null(strstr(t->result.error, "nowhere: cannot be executed in its sandbox"));
    free(program);
}

#define CONFINED(name) cmocka_unit_test_setup_teardown(name, sandboxed, teardown)

int main(void) {
    struct sandbox_means means;
    const struct CMUnitTest tests[] = {CONFINED(the_leader_is_its_child),
                                       CONFINED(a_signal_that_ends_the_leader_is_told),
                                       CONFINED(a_request_to_leave_reaches_the_leaders_group),
                                       CONFINED(a_stopped_leader_is_woken_to_leave),
                                       CONFINED(a_kill_ends_all_processes),
                                       CONFINED(a_daemon_does_not_outlive_the_leader),
                                       CONFINED(a_process_that_ends_by_itself_is_let_end),
                                       CONFINED(it_dies_with_its_keeper),
                                       CONFINED(its_memory_is_closed_to_the_leader),
                                       CONFINED(the_next_attempt_has_another_end),
                                       CONFINED(a_program_that_is_not_in_sight_is_named)};
    if (sandbox_probe(&means, NULL) < 0 || !means.namespaces) {
        puts("1..0 # SKIP this machine allows no namespaces");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
