/* Control groups of a made-up machine, and a real one where this machine lets us make it. */
#include <sys/wait.h>
#include <time.h>

#include "engine/meter/cgroup.h"
#include "tests/unit/meter/fixture.h"

#define OWN "sys/fs/cgroup/user.slice/me.scope"

/* The folder that the next group is made as; a made-up one has to be there with its files, which the kernel would
   make. */
static char *next_group(const char *own) {
    static unsigned number;
    return mem_printf("%s/retort-%d-%u", own, (int)getpid(), number++);
}

static void put_own(const char *root, const char *own) {
    char *mark = mem_printf("%s/cgroup.controllers", own);
    put(root, mark, "cpu memory pids\n");
    free(mark);
}

static char *put_group(const char *root, const char *own, const char *stat) {
    char *group = next_group(own), *procs = mem_printf("%s/cgroup.procs", group);
    char *file = mem_printf("%s/cpu.stat", group);
    put(root, procs, "");
    put(root, file, stat);
    free(procs);
    free(file);
    return group;
}

static char *read_file(const char *root, const char *group, const char *name) {
    struct buffer text = {0};
    char *path = mem_printf("%s/%s/%s", root, group, name);
    file_read(&text, path, 4096, NULL);
    free(path);
    return buffer_detach(&text);
}

static void a_stage_gets_a_group_of_its_own(void **state) {
    put(*state, "proc/self/cgroup", "1:name=x:/a\n0::/user.slice/me.scope\n");
    put_own(*state, OWN);
    char *group = put_group(*state, OWN, "usage_usec 1500000\nuser_usec 1000000\n");
    struct cpu_group *g = cpu_group_create(*state, 4711);
    assert_non_null(g);
    char *procs = read_file(*state, group, "cgroup.procs");
    assert_string_equal(procs, "4711\n");
    assert_near(cpu_group_seconds(g), 1.5);
    char *file = mem_printf("%s/cpu.stat", group);
    put(*state, file, "usage_usec 2000001\n");
    assert_near(cpu_group_seconds(g), 2.000001);
    put(*state, file, "user_usec 7\n"); /* a kernel that does not say */
    assert_true(isnan(cpu_group_seconds(g)));
    cpu_group_free(g);
    free(file);
    free(procs);
    free(group);
}

/* Version 2 beside version 1, and a process at the root of what it sees. */
static void a_group_is_found_in_other_places(void **state) {
    put(*state, "proc/self/cgroup", "5:cpu:/x\n0::/\n");
    put_own(*state, "sys/fs/cgroup/unified");
    char *group = put_group(*state, "sys/fs/cgroup/unified", "usage_usec 3\n");
    struct cpu_group *g = cpu_group_create(*state, 1);
    assert_non_null(g);
    cpu_group_free(g);
    free(group);
}

static void assert_none(const char *root, pid_t process) {
    free(next_group(""));
    assert_null(cpu_group_create(root, process));
}

static void no_group_is_made_where_there_can_be_none(void **state) {
    assert_null(cpu_group_create(*state, 1)); /* no /proc/self/cgroup */
    put(*state, "proc/self/cgroup", "4:memory:/a\n");
    assert_null(cpu_group_create(*state, 1)); /* version 1 alone */
    put(*state, "proc/self/cgroup", "0::/user.slice/me.scope\n");
    assert_null(cpu_group_create(*state, 1)); /* not mounted */
    put_own(*state, OWN);
    assert_none(*state, 1); /* the folder is made, but holds no cgroup.procs */
    char *left = mem_printf("%s/" OWN, (const char *)*state);
    assert_int_equal(rmdir(left), -1); /* that of the test's own file */
    char *mark = path_join(left, "cgroup.controllers");
    assert_int_equal(unlink(mark), 0);
    assert_int_equal(rmdir(left), 0); /* nothing else was left */
    free(mark);
    free(left);
    put_own(*state, OWN);
    free(put_group(*state, OWN, "nothing\n"));
    assert_null(cpu_group_create(*state, 1));
}

static void processes_that_started_before_are_moved_too(void **state) {
    put(*state, "proc/self/cgroup", "0::/user.slice/me.scope\n");
    put_own(*state, OWN);
    char *group = put_group(*state, OWN, "usage_usec 1\n");
    put(*state, "proc/12/task/12/children", "13 ");
    put(*state, "proc/13/task/13/children", "14 ");
    struct cpu_group *g = cpu_group_create(*state, 12);
    assert_non_null(g);
    char *procs = read_file(*state, group, "cgroup.procs");
    assert_string_equal(procs, "14\n"); /* the last one written */
    cpu_group_free(g);
    free(procs);
    free(group);
}

static bool is_there(const char *root, const char *name) {
    char *path = mem_printf("%s/" OWN "/%s", root, name);
    bool there = file_exists(path);
    free(path);
    return there;
}

static void groups_of_dead_engines_are_removed(void **state) {
    put(*state, "proc/self/cgroup", "0::/user.slice/me.scope\n");
    put_own(*state, OWN);
    put(*state, "proc/77/stat", "");
    static const char *const groups[] = {"retort-76-0", "retort-77-0", "other-76-0"};
    for (size_t i = 0; i < 3; i++) {
        char *path = mem_printf("%s/" OWN "/%s", (const char *)*state, groups[i]);
        assert_int_equal(mkdir(path, 0755), 0);
        free(path);
    }
    cpu_group_sweep(*state);
    assert_false(is_there(*state, "retort-76-0"));
    assert_true(is_there(*state, "retort-77-0")); /* its engine lives */
    assert_true(is_there(*state, "other-76-0"));
    cpu_group_sweep("/nowhere");
}

/* A child whose own child burns, ends, and is not waited for: a tree would lose it. */
static void a_real_group_counts_cpu_time(void **state) {
    int go[2];
    (void)state;
    assert_int_equal(pipe(go), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        if (read(go[0], &byte, 1) == 1 && fork() == 0) {
            struct timespec used = {0};
            while (used.tv_sec == 0 && used.tv_nsec < 100000000)
                clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
            _exit(0);
        }
        wait(NULL);
        _exit(0);
    }
    struct cpu_group *g = cpu_group_create("/", pid);
    assert_int_equal(write(go[1], "x", 1), 1);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    double seconds = g ? cpu_group_seconds(g) : (double)NAN;
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    cpu_group_free(g);
    close(go[0]);
    close(go[1]);
    if (!g)
        print_message("# no control group can be made here\n");
    else
        assert_true(seconds >= 0.1 && seconds < 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_root(a_stage_gets_a_group_of_its_own),          with_root(a_group_is_found_in_other_places),
        with_root(no_group_is_made_where_there_can_be_none), with_root(processes_that_started_before_are_moved_too),
        with_root(groups_of_dead_engines_are_removed),       cmocka_unit_test(a_real_group_counts_cpu_time),
    };
    return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
