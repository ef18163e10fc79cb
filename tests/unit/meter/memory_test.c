/* Memory of a process tree on a made-up machine, and control groups that limit it. */
#include "engine/meter/cgroup.h"
#include "engine/meter/memory.h"
#include "tests/unit/meter/fixture.h"

#define OWN "sys/fs/cgroup/me.scope"

static double pages(double count) {
    return count * (double)sysconf(_SC_PAGESIZE);
}

/* Process 10 has the child 11 and that one the child 12. */
static void put_tree(const char *root) {
    put(root, "proc/10/task/10/children", "11 ");
    put(root, "proc/11/task/11/children", "12 ");
    put(root, "proc/10/statm", "9000 5000 1\n");
    put(root, "proc/11/statm", "900 300 1\n");
    put(root, "proc/12/statm", "900 200 1\n");
    put(root, "proc/11/smaps_rollup", "0-1 ---p 0 00:00 0 [rollup]\nRss: 1200 kB\nPss: 100 kB\nPss_Dirty: 7 kB\n");
    put(root, "proc/12/smaps_rollup", "0-1 ---p 0 00:00 0 [rollup]\nRss: 800 kB\nPss: 60 kB\n");
}

static void descendants_count_without_their_parent(void **state) {
    put_tree(*state);
    struct tree_memory m = memory_below(*state, 10, 0);
    assert_near(m.resident, pages(500));
    assert_near(m.proportional, 160 * 1024);
}

static void shared_pages_are_told_apart_only_where_it_matters(void **state) {
    put_tree(*state);
    assert_true(isnan(memory_below(*state, 10, pages(500)).proportional));
    assert_near(memory_below(*state, 10, pages(499)).proportional, 160 * 1024);
}

static void a_process_that_hides_its_pages_counts_whole(void **state) {
    put_tree(*state);
    put(*state, "proc/12/smaps_rollup", "");
    assert_near(memory_below(*state, 10, 0).proportional, 100 * 1024 + pages(200));
}

static void a_process_without_children_holds_nothing_below(void **state) {
    struct tree_memory m = memory_below(*state, 99, 0);
    assert_true(m.resident == 0 && isnan(m.proportional));
}

/* ---- groups ---- */

static unsigned made;

static char *group_file(const char *name) {
    return mem_printf(OWN "/retort-%d-%u/%s", (int)getpid(), made, name);
}

static void put_group_file(const char *root, const char *name, const char *text) {
    char *path = group_file(name);
    put(root, path, text);
    free(path);
}

static void assert_group_file(const char *root, const char *name, const char *expected) {
    struct buffer text = {0};
    char *below = group_file(name), *path = path_join(root, below);
    assert_int_equal(file_read(&text, path, 4096, NULL), 0);
    assert_string_equal(buffer_text(&text), expected);
    buffer_close(&text);
    free(path);
    free(below);
}

/* The files of the next group, which the kernel would make. */
static void put_group(const char *root) {
    static const char *const files[] = {"memory.max", "memory.swap.max", "memory.oom.group", "cgroup.procs"};
    put(root, "proc/self/cgroup", "0::/me.scope\n");
    put(root, OWN "/cgroup.controllers", "memory\n");
    put(root, OWN "/cgroup.procs", "");
    put(root, OWN "/cgroup.subtree_control", "");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        put_group_file(root, files[i], "");
}

static void a_group_has_the_limit_and_no_swap(void **state) {
    put_group(*state);
    struct memory_group *g = memory_group_create(*state, 64 << 20);
    assert_non_null(g);
    assert_group_file(*state, "memory.max", "67108864");
    assert_group_file(*state, "memory.swap.max", "0");
    assert_group_file(*state, "memory.oom.group", "1");
    assert_int_equal(write(memory_group_entry(g), "0", 1), 1);
    assert_group_file(*state, "cgroup.procs", "0");
    memory_group_free(g);
    made++;
}

static void a_group_tells_its_peak_and_whether_it_was_full(void **state) {
    put_group(*state);
    struct memory_group *g = memory_group_create(*state, 64 << 20);
    assert_non_null(g);
    assert_true(isnan(memory_group_peak(g)));
    assert_false(memory_group_exceeded(g));
    put_group_file(*state, "memory.peak", "67100000\n");
    put_group_file(*state, "memory.events", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 0\noom_group_kill 0\n");
    assert_near(memory_group_peak(g), 67100000);
    assert_false(memory_group_exceeded(g));
    put_group_file(*state, "memory.events", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 3\noom_group_kill 1\n");
    assert_true(memory_group_exceeded(g));
    memory_group_free(g);
    made++;
}

static void there_is_no_group_where_memory_cannot_be_limited(void **state) {
    assert_null(memory_group_create(*state, 1)); /* no /proc/self/cgroup */
    put(*state, "proc/self/cgroup", "0::/me.scope\n");
    put(*state, OWN "/cgroup.controllers", "cpu\n");
    put(*state, OWN "/cgroup.procs", "");
    assert_null(memory_group_create(*state, 1)); /* the folder is made, but holds no memory.max */
    char *left = group_file(""), *path = path_join(*state, left);
    assert_false(file_exists(path));
    free(path);
    free(left);
    made++;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_root(descendants_count_without_their_parent),
        with_root(shared_pages_are_told_apart_only_where_it_matters),
        with_root(a_process_that_hides_its_pages_counts_whole),
        with_root(a_process_without_children_holds_nothing_below),
        with_root(a_group_has_the_limit_and_no_swap),
        with_root(a_group_tells_its_peak_and_whether_it_was_full),
        with_root(there_is_no_group_where_memory_cannot_be_limited),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
