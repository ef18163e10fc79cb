/* The guard: ends the stages and the keepers of a dead engine, and nobody else. */
#include "tests/unit/keeper/fixture.h"

enum { LIFELINE_FD = 3 };

struct scene {
    int lifeline; /* the engine's end; -1: closed */
    pid_t guard;
    pid_t processes[8];
    size_t count;
};

static void spawn(pid_t *pid, const char *program, const char *const argv[], const char *const environment[]) {
    *pid = fork();
    if (*pid == 0) {
        execve(program, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)environment);
        _exit(99);
    }
}

/* A process with one variable in its environment. */
static pid_t sleeper(struct scene *s, const char *variable) {
    const char *const argv[] = {"sleep", "1000", NULL}, *const environment[] = {variable, NULL};
    pid_t *pid = &s->processes[s->count++];
    spawn(pid, "/bin/sleep", argv, environment);
    while (true) { /* until it has executed its program: before that, it has this one's environment */
        char path[64], comm[16] = "";
        snprintf(path, sizeof path, "/proc/%d/comm", (int)*pid);
        FILE *file = fopen(path, "re");
        if (file && fgets(comm, sizeof comm, file) && strcmp(comm, "sleep\n") == 0) {
            fclose(file);
            return *pid;
        }
        if (file)
            fclose(file);
        pause_ms(1);
    }
}

static void start_guard(struct scene *s, const char *mark) {
    int fds[2];
    char *program = keeper_program();
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    s->guard = fork();
    if (s->guard == 0) {
        dup2(fds[0], FREE_FD);
        dup2(FREE_FD, LIFELINE_FD);
        execl(program, "stage-guard", "guard", "3", mark, (char *)NULL);
        _exit(99);
    }
    close(fds[0]);
    s->lifeline = fds[1];
    free(program);
}

static int begin(void **state) {
    struct scene *s = mem_alloc(sizeof *s);
    start_guard(s, "@engine-1");
    *state = s;
    return 0;
}

static int end(void **state) {
    struct scene *s = *state;
    if (s->lifeline >= 0)
        close(s->lifeline);
    kill(s->guard, SIGKILL);
    waitpid(s->guard, NULL, 0);
    for (size_t i = 0; i < s->count; i++) {
        kill(s->processes[i], SIGKILL);
        waitpid(s->processes[i], NULL, 0);
    }
    free(s);
    return 0;
}

/* The engine's death. Returns when the guard is done. */
static void let_engine_die(struct scene *s) {
    siginfo_t info;
    close(s->lifeline);
    s->lifeline = -1;
    assert_int_equal(waitid(P_PID, (id_t)s->guard, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(info.si_code, CLD_EXITED);
    assert_int_equal(info.si_status, 0);
}

static void stages_and_keepers_of_the_dead_engine_are_killed(void **state) {
    struct scene *s = *state;
    pid_t stage = sleeper(s, "RETORT_SPEC=/store/work/run-1@engine-1/spec.json");
    pid_t keeper = sleeper(s, "RETORT_KEEPER=@engine-1");
    let_engine_die(s);
    assert_false(is_alive(stage));
    assert_dies(keeper);
}

static void stopped_ones_too(void **state) {
    struct scene *s = *state;
    pid_t stage = sleeper(s, "RETORT_SPEC=/store/work/run-1@engine-1/spec.json");
    pid_t keeper = sleeper(s, "RETORT_KEEPER=@engine-1");
    kill(stage, SIGSTOP);
    kill(keeper, SIGSTOP);
    let_engine_die(s);
    assert_false(is_alive(stage));
    assert_dies(keeper);
}

static void those_of_another_engine_live_on(void **state) {
    struct scene *s = *state;
    pid_t stage = sleeper(s, "RETORT_SPEC=/store/work/run-1@engine-2/spec.json");
    pid_t keeper = sleeper(s, "RETORT_KEEPER=@engine-2");
    pid_t stranger = sleeper(s, "OTHER=@engine-1");
    let_engine_die(s);
    assert_true(is_alive(stage));
    assert_true(is_alive(keeper));
    assert_true(is_alive(stranger));
}

static void while_the_engine_lives_nobody_is_killed(void **state) {
    struct scene *s = *state;
    pid_t stage = sleeper(s, "RETORT_SPEC=/store/work/run-1@engine-1/spec.json");
    pid_t keeper = sleeper(s, "RETORT_KEEPER=@engine-1");
    pause_ms(1500); /* longer than it takes when the engine is dead */
    assert_true(is_alive(s->guard));
    assert_true(is_alive(stage));
    assert_true(is_alive(keeper));
}

/* It is dead already when the guard begins. */
static void a_stage_that_is_forking_is_killed_with_its_children(void **state) {
    struct scene *s = *state;
    const char *const argv[] = {"sh", "-c", "while :; do (sleep 1; exit) & sleep 0.01; done", NULL};
    const char *const environment[] = {"RETORT_SPEC=/store/work/run-1@engine-1/spec.json", "PATH=/usr/bin:/bin", NULL};
    pid_t *pid = &s->processes[s->count++];
    spawn(pid, "/bin/sh", argv, environment);
    pause_ms(100);
    let_engine_die(s);
    assert_false(is_alive(*pid));
}

#define SCENE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(stages_and_keepers_of_the_dead_engine_are_killed),
        SCENE(stopped_ones_too),
        SCENE(those_of_another_engine_live_on),
        SCENE(while_the_engine_lives_nobody_is_killed),
        SCENE(a_stage_that_is_forking_is_killed_with_its_children),
    };
    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
