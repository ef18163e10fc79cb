#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"

/* Each test has a fresh directory, *state. */
static int make_directory(void **state) {
    *state = mem_strdup("/tmp/retort-file-XXXXXX");
    return mkdtemp(*state) ? 0 : -1;
}

static int remove_directory(void **state) {
    int rc = file_remove_tree(*state, NULL);
    free(*state);
    return rc;
}

/* A path in the test's directory; good until eight more were asked for. */
static const char *in(void **state, const char *name) {
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", (const char *)*state, name);
    return path;
}

static void assert_content(const char *path, const char *expected) {
    struct buffer b = {0};
    struct error err = {0};
    if (file_read(&b, path, 1 << 20, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(buffer_text(&b), expected);
    buffer_close(&b);
}

static void put(const char *path, const char *text) {
    struct error err = {0};
    if (file_replace(path, text, strlen(text), 0644, &err) < 0)
        fail_msg("%s", err.message);
}

static void an_empty_file_is_an_empty_text(void **state) {
    enum { SIZE = 8192, BLOCKS = 4 };
    char *used[BLOCKS];
    put(in(state, "empty"), "");
    for (int i = 0; i < BLOCKS; i++)
        used[i] = memset(mem_scratch(SIZE), 'x', SIZE);
    for (int i = 0; i < BLOCKS; i++) /* the buffer gets memory that is not zeroed */
        free(used[i]);
    assert_content(in(state, "empty"), "");
}

static void a_read_has_a_limit(void **state) {
    struct buffer b = {0};
    struct error err = {0};
    put(in(state, "f"), "12345");
    buffer_puts(&b, "x");
    assert_int_equal(file_read(&b, in(state, "f"), 5, &err), 0);
    assert_string_equal(buffer_text(&b), "x12345"); /* appends */
    assert_int_equal(file_read(&b, in(state, "f"), 4, &err), ERR_INVALID);
    assert_string_equal(buffer_text(&b), "x12345"); /* and adds nothing when it fails */
    assert_int_equal(file_read(&b, in(state, "none"), 4, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, in(state, "none")));
    buffer_close(&b);
}

static void a_read_of_a_pipe_device_or_folder_is_refused_at_once(void **state) {
    struct buffer b = {0};
    struct error err = {0};
    assert_int_equal(mkfifo(in(state, "fifo"), 0600), 0);
    assert_int_equal(file_read(&b, in(state, "fifo"), 4, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "is a named pipe"));
    assert_int_equal(file_read(&b, "/dev/zero", 4, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "/dev/zero: is a device"));
    assert_int_equal(file_read(&b, *state, 4, &err), ERR_IO);
    assert_non_null(strstr(err.message, "Is a directory"));
    assert_int_equal(b.size, 0);
    buffer_close(&b);
}

static void a_replaced_file_stays_whole_for_its_readers(void **state) {
    const char *path = in(state, "f");
    put(path, "old");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    put(path, "new and longer");
    char text[32] = "";
    assert_int_equal(read(fd, text, sizeof text - 1), 3);
    assert_string_equal(text, "old"); /* an open descriptor still has the old file */
    close(fd);
    assert_content(path, "new and longer");
}

static void a_replaced_file_heeds_the_umask(void **state) {
    mode_t mask = umask(027);
    struct error err = {0};
    assert_int_equal(file_replace(in(state, "f"), "", 0, 0444, &err), 0);
    assert_int_equal(file_replace(in(state, "g"), "", 0, 0666, &err), 0);
    umask(mask);
    struct stat st;
    assert_int_equal(stat(in(state, "f"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0440);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(stat(in(state, "g"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    put(in(state, "f"), "again"); /* a read-only file can be replaced: its directory counts */
    assert_content(in(state, "f"), "again");
}

static void a_failed_replace_changes_nothing(void **state) {
    struct error err = {0};
    assert_int_equal(mkdir(in(state, "d"), 0755), 0);
    put(in(state, "d/child"), "here");
    assert_int_equal(file_replace(in(state, "d"), "x", 1, 0644, &err), ERR_IO); /* a directory in the way */
    assert_content(in(state, "d/child"), "here");
    assert_int_equal(unlink(in(state, "d/child")), 0);
    assert_int_equal(rmdir(in(state, "d")), 0);
    assert_int_equal(rmdir(*state), 0); /* empty: no temporary file was left */
    assert_int_equal(file_replace(in(state, "none/f"), "x", 1, 0644, &err), ERR_IO);
    assert_memory_equal(err.message, *state, strlen(*state));
}

static void replace_replaces_a_link_not_its_target(void **state) {
    put(in(state, "target"), "kept");
    assert_int_equal(symlink("target", in(state, "link")), 0);
    put(in(state, "link"), "own");
    assert_content(in(state, "target"), "kept");
    assert_content(in(state, "link"), "own");
}

static void a_failed_write_names_the_path(void **state) {
    (void)state;
    struct error err = {0};
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, "x", 1, "/dev/full", &err), ERR_IO);
    assert_string_equal(err.message, "/dev/full: cannot be written: No space left on device");
    close(fd);
}

static void folders_are_made_with_their_parents(void **state) {
    struct error err = {0};
    assert_int_equal(file_make_directory(in(state, "a//b/c/"), &err), 0);
    assert_true(file_is_directory(in(state, "a/b/c")));
    assert_int_equal(file_make_directory(in(state, "a/b/c"), &err), 0);
    put(in(state, "a/file"), "");
    assert_int_equal(file_make_directory(in(state, "a/file/x"), &err), ERR_IO);
    assert_int_equal(file_make_directory(in(state, "a/file"), &err), ERR_IO);
    assert_true(file_exists(in(state, "a/file")));
    assert_false(file_is_directory(in(state, "a/file")));
    assert_false(file_exists(in(state, "a/none")));
}

static void a_tree_is_removed_and_links_are_not_followed(void **state) {
    struct error err = {0};
    put(in(state, "outside"), "kept");
    assert_int_equal(file_make_directory(in(state, "t/a/b/c"), &err), 0);
    assert_int_equal(file_make_directory(in(state, "t/a/b/.removing-0"), &err), 0);
    put(in(state, "t/a/b/.removing-1"), "a name that the removal itself uses");
    put(in(state, "t/.removing-2"), "another");
    put(in(state, "t/a/f"), "x");
    assert_int_equal(symlink("../../outside", in(state, "t/a/link")), 0);
    assert_int_equal(symlink(*state, in(state, "t/up")), 0);
    assert_int_equal(chmod(in(state, "t/a/b"), 0555), 0);
    assert_int_equal(chmod(in(state, "t/a"), 0), 0);
    assert_int_equal(chmod(in(state, "t"), 0555), 0);
    if (file_remove_tree(in(state, "t"), &err) < 0)
        fail_msg("%s", err.message);
    assert_false(file_exists(in(state, "t")));
    assert_content(in(state, "outside"), "kept");
    assert_int_equal(file_remove_tree(in(state, "t"), &err), 0); /* fine when it is not there */
    assert_int_equal(symlink("outside", in(state, "l")), 0);
    assert_int_equal(file_remove_tree(in(state, "l"), &err), 0);
    assert_content(in(state, "outside"), "kept");
}

/* Deeper than a process may hold descriptors, wider than one level. */
static void a_tree_deeper_than_the_descriptors_is_removed(void **state) {
    struct error err = {0};
    int fd = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int depth = 0; depth < 3000; depth++) {
        assert_true(fd >= 0);
        assert_int_equal(mkdirat(fd, "d", 0755), 0);
        if (depth % 100 == 0)
            assert_int_equal(mkdirat(fd, "sibling", 0755), 0);
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = next;
    }
    close(fd);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit few = {.rlim_cur = 16, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int rc = file_remove_tree(in(state, "d"), &err);
    setrlimit(RLIMIT_NOFILE, &before);
    if (rc < 0)
        fail_msg("%s", err.message);
    assert_false(file_exists(in(state, "d")));
}

static void assert_taken(char *actual, const char *expected) {
    assert_string_equal(actual, expected);
    free(actual);
}

static void paths_are_joined_and_shortened(void **state) {
    (void)state;
    assert_taken(path_join("a", "b"), "a/b");
    assert_taken(path_join("a//", "b"), "a/b");
    assert_taken(path_join("/", "b"), "/b");
    assert_taken(path_join("//", "b"), "/b");
    assert_taken(path_join("", "b"), "b");
    assert_taken(path_join("a", "/b"), "/b");
    assert_taken(path_directory("a"), ".");
    assert_taken(path_directory("/a"), "/");
    assert_taken(path_directory("a/b"), "a");
    assert_taken(path_directory("a//b"), "a");
    assert_taken(path_directory("//b"), "/");
    assert_taken(path_directory("/a/b/c"), "/a/b");
    assert_string_equal(path_base("a/b.json"), "b.json");
    assert_string_equal(path_base("b"), "b");
    assert_string_equal(path_base("a/"), "");
    static const char *const normal[][2] = {
        {"", "."},         {".", "."},         {"./a", "a"},          {"a//b/./c/", "a/b/c"},
        {"a/..", "."},     {"a/../b", "b"},    {"../a", "../a"},      {"../../a/../b", "../../b"},
        {"a/../..", ".."}, {"/..", "/"},       {"/../a", "/a"},       {"/a/../../b", "/b"},
        {"/", "/"},        {"//", "/"},        {"/a/b/../c", "/a/c"}, {"a/b/../../..", ".."},
        {"...", "..."},    {"a/..b", "a/..b"}, {"/a/..", "/"},        {".a/..", "."},
    };
    for (size_t i = 0; i < sizeof normal / sizeof *normal; i++)
        assert_taken(path_normal(normal[i][0]), normal[i][1]);
}

static void a_path_below_a_folder_is_told_from_one_beside_it(void **state) {
    (void)state;
    assert_string_equal(path_below("/a/b/c", "/a"), "b/c");
    assert_string_equal(path_below("/a", "/a"), "");
    assert_string_equal(path_below("/a", "/"), "a");
    assert_string_equal(path_below("/", "/"), "");
    assert_string_equal(path_below("a/b", "a"), "b");
    assert_null(path_below("/ab", "/a"));
    assert_null(path_below("/a", "/a/b"));
    assert_null(path_below("/b/a", "/a"));
    assert_null(path_below("a", "/"));
}

static void temporary_names_are_told_apart(void **state) {
    const char *mark = NULL;
    char *path = path_temporary("results/p/o.tmp-1.csv", "42");
    (void)state;
    assert_string_equal(path, "results/p/.o.tmp-1.csv.tmp-42");
    assert_int_equal(path_temporary_base(path_base(path), &mark), strlen("o.tmp-1.csv"));
    assert_string_equal(mark, "42");
    assert_true(path_is_temporary_of(path_base(path), "o.tmp-1.csv"));
    free(path);
    assert_true(path_is_temporary_of("..gitignore.tmp-aB3dE9", ".gitignore"));
    assert_false(path_is_temporary_of(".formats.tmp-aB3dE9", "format"));
    assert_false(path_is_temporary_of(".format.tmp-aB3dE9", "formats"));
    assert_int_equal(path_temporary_base("o.tmp-1", NULL), 0); /* the user's */
    assert_int_equal(path_temporary_base(".o", NULL), 0);
    assert_int_equal(path_temporary_base(".tmp-1", NULL), 0); /* of no name */
}

/* ---- opening beneath a folder ---- */

/* The errno of the attempt; 0: it was opened. */
static int open_beneath(void **state, const char *path) {
    int at = open(in(state, "."), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = file_open_beneath(at, path, O_RDONLY), failure = fd < 0 ? errno : 0;
    close(at);
    if (fd >= 0)
        close(fd);
    return failure;
}

static void make_folders(void **state) {
    assert_int_equal(file_make_directory(in(state, "a/b"), NULL), 0);
    put(in(state, "a/b/file"), "x");
}

static void a_file_beneath_folders_is_opened(void **state) {
    make_folders(state);
    assert_int_equal(open_beneath(state, "a/b/file"), 0);
}

static void a_link_at_the_end_of_a_path_beneath_is_not_followed(void **state) {
    make_folders(state);
    assert_int_equal(symlink("file", in(state, "a/b/link")), 0);
    assert_int_equal(open_beneath(state, "a/b/link"), ELOOP);
}

static void a_link_on_the_way_of_a_path_beneath_is_not_followed(void **state) {
    make_folders(state);
    assert_int_equal(symlink("a", in(state, "link")), 0);
    assert_int_equal(open_beneath(state, "link/b/file"), ENOTDIR);
}

#define in_directory(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

/* Nothing is at a path that leads nowhere. A path that cannot be followed to its end is an error. */
static void a_missing_file_is_told_from_an_unknown_one(void **state) {
    struct error err = {0};
    struct stat st;
    char name[NAME_MAX + 2];
    assert_int_equal(file_replace(in(state, "file"), "text", 4, 0666, &err), 0);
    assert_int_equal(symlink("file", in(state, "link")), 0);
    assert_int_equal(symlink("loop", in(state, "loop")), 0);
    assert_int_equal(file_stat(&st, in(state, "link"), &err), 1);
    assert_true(S_ISREG(st.st_mode) && st.st_size == 4);
    assert_int_equal(file_stat(&st, in(state, "absent"), &err), 0);
    assert_int_equal(file_stat(&st, in(state, "file/below"), &err), 0);
    assert_int_equal(file_stat(&st, in(state, "loop"), &err), 0);
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_int_equal(file_stat(&st, in(state, name), &err), ERR_IO);
    assert_non_null(strstr(err.message, "cannot be examined"));
}

/* Only an executable file of one of the folders counts. */
static void a_program_is_found_on_the_path(void **state) {
    struct error err = {0};
    char *search = mem_printf("%s:%s", in(state, "none"), in(state, "."));
    assert_int_equal(file_replace(in(state, "tool"), "x", 1, 0755, &err), 0);
    assert_int_equal(file_replace(in(state, "text"), "x", 1, 0644, &err), 0);
    assert_int_equal(file_make_directory(in(state, "folder"), &err), 0);
    assert_taken(path_find_program("tool", search, NULL), in(state, "./tool"));
    assert_null(path_find_program("text", search, NULL));
    assert_null(path_find_program("folder", search, NULL));
    assert_null(path_find_program("absent", search, NULL));
    assert_null(path_find_program("tool", "", NULL));
    free(search);
}

/* As a shell does it, but in the folder that the stage will work in. */
static void a_relative_folder_of_the_path_is_below_the_given_directory(void **state) {
    struct error err = {0};
    const char *root = *state;
    assert_int_equal(file_make_directory(in(state, "bin"), &err), 0);
    assert_int_equal(file_replace(in(state, "bin/tool"), "x", 1, 0755, &err), 0);
    assert_taken(path_find_program("tool", "none:bin:/usr/bin", root), in(state, "bin/tool"));
    assert_null(path_find_program("tool", "none:bin", NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        in_directory(an_empty_file_is_an_empty_text),
        in_directory(a_read_has_a_limit),
        in_directory(a_read_of_a_pipe_device_or_folder_is_refused_at_once),
        in_directory(a_replaced_file_stays_whole_for_its_readers),
        in_directory(a_replaced_file_heeds_the_umask),
        in_directory(a_failed_replace_changes_nothing),
        in_directory(replace_replaces_a_link_not_its_target),
        cmocka_unit_test(a_failed_write_names_the_path),
        in_directory(folders_are_made_with_their_parents),
        in_directory(a_tree_is_removed_and_links_are_not_followed),
        in_directory(a_tree_deeper_than_the_descriptors_is_removed),
        in_directory(a_file_beneath_folders_is_opened),
        in_directory(a_link_at_the_end_of_a_path_beneath_is_not_followed),
        in_directory(a_link_on_the_way_of_a_path_beneath_is_not_followed),
        cmocka_unit_test(paths_are_joined_and_shortened),
        cmocka_unit_test(a_path_below_a_folder_is_told_from_one_beside_it),
        cmocka_unit_test(temporary_names_are_told_apart),
        in_directory(a_missing_file_is_told_from_an_unknown_one),
        in_directory(a_program_is_found_on_the_path),
        in_directory(a_relative_folder_of_the_path_is_below_the_given_directory),
    };
    return cmocka_run_group_tests_name("base/file", tests, NULL, NULL);
}
