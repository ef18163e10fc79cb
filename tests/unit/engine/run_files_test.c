/* The small parts of a run: keys to tasks, stamps of files, copies. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/attempt/copy.h"
#include "engine/attempt/stamp.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/run/key_map.h"

static const struct folder_filter everything;

static int setup(void **state) {
    char *directory = mem_strdup("/tmp/retort-run-XXXXXX");
    *state = directory;
    return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int teardown(void **state) {
    int rc = chdir("/");
    file_remove_tree(*state, NULL);
    free(*state);
    return rc;
}

static void write_text(const char *path, const char *text, mode_t mode) {
    assert_int_equal(file_replace(path, text, strlen(text), mode, NULL), 0);
}

static struct digest stamp(const char *path) {
    struct digest d;
    stamp_read(&d, path);
    return d;
}

static void test_key_map_finds_what_was_added(void **state) {
    enum { KEYS = 5000 };
    static int values[KEYS];
    struct key_map m = {0};
    struct digest key;
    (void)state;
    for (int i = 0; i < KEYS; i++) {
        sha256_bytes(&key, &i, sizeof i);
        assert_null(key_map_get(&m, &key));
        key_map_add(&m, &key, &values[i]);
    }
    for (int i = 0; i < KEYS; i++) {
        sha256_bytes(&key, &i, sizeof i);
        assert_ptr_equal(key_map_get(&m, &key), &values[i]);
    }
    key_map_close(&m);
}

static void test_key_map_tells_keys_of_one_slot_apart(void **state) {
    struct key_map m = {0};
    struct digest a = {{0}}, b = {{0}}; /* the same first bytes */
    int one, two;
    (void)state;
    b.bytes[31] = 1;
    key_map_add(&m, &a, &one);
    assert_null(key_map_get(&m, &b));
    key_map_add(&m, &b, &two);
    assert_ptr_equal(key_map_get(&m, &a), &one);
    assert_ptr_equal(key_map_get(&m, &b), &two);
    key_map_close(&m);
}

static void test_stamp_changes_with_what_is_below(void **state) {
    (void)state;
    struct digest nothing = stamp("d");
    assert_int_equal(file_make_directory("d/sub", NULL), 0);
    struct digest empty = stamp("d");
    assert_true(digest_equal(&nothing, &empty));
    write_text("d/sub/a", "one", 0644);
    struct digest first = stamp("d"), again = stamp("d");
    assert_true(digest_equal(&first, &again));
    assert_false(digest_equal(&first, &empty));
    int fd = open("d/sub/a", O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    struct digest longer = stamp("d");
    assert_false(digest_equal(&first, &longer));
    const struct timespec times[2] = {{1, 0}, {1, 0}};
    utimensat(AT_FDCWD, "d/sub/a", times, 0);
    struct digest older = stamp("d");
    assert_false(digest_equal(&longer, &older));
    assert_int_equal(rename("d/sub/a", "d/sub/b"), 0);
    struct digest renamed = stamp("d");
    assert_false(digest_equal(&older, &renamed));
    assert_int_equal(stamp_read(&nothing, "d"), 1);
}

static char *read_text(const char *path) {
    struct buffer text = {0};
    assert_int_equal(file_read(&text, path, 1000, NULL), 0);
    return buffer_detach(&text);
}

static void test_copy_is_a_file_of_its_own(void **state) {
    struct stat st;
    (void)state;
    assert_int_equal(file_make_directory("from/sub/empty", NULL), 0);
    write_text("from/a", "A", 0444);
    write_text("from/sub/b", "B", 0755);
    assert_int_equal(copy_tree("from", "to", &everything, NULL), 0);
    write_text("from/a", "changed", 0644);
    char *a = read_text("to/a"), *b = read_text("to/sub/b");
    assert_string_equal(a, "A");
    assert_string_equal(b, "B");
    assert_int_equal(stat("to/a", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    assert_int_equal(stat("to/sub/b", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0755);
    assert_true(file_is_directory("to/sub/empty"));
    free(a);
    free(b);
}

static void test_copy_refuses_what_is_no_file(void **state) {
    struct error err = {0};
    (void)state;
    assert_int_equal(copy_tree("absent", "x", &everything, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "absent"));
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_int_equal(copy_tree("pipe", "x", &everything, &err), ERR_INVALID);
    assert_int_equal(mkdir("links", 0755), 0);
    assert_int_equal(symlink("../links", "links/l"), 0);
    assert_int_equal(copy_tree("links", "y", &everything, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "links/l: is a link that leads in a circle"));
    write_text("there", "mine", 0644);
    write_text("from", "theirs", 0644);
    assert_int_equal(copy_tree("from", "there", &everything, &err), ERR_IO);
    char *mine = read_text("there");
    assert_string_equal(mine, "mine");
    free(mine);
}

static void test_copy_has_what_links_lead_to(void **state) {
    struct stat st;
    (void)state;
    assert_int_equal(mkdir("elsewhere", 0755), 0);
    assert_int_equal(mkdir("from", 0755), 0);
    write_text("elsewhere/a", "A", 0755);
    assert_int_equal(symlink("../elsewhere/a", "from/file"), 0);
    assert_int_equal(symlink("../elsewhere", "from/folder"), 0);
    assert_false(
        copy_is_whole("from", &everything)); /* so it never stands by bind, where its links would lead nowhere */
    assert_int_equal(copy_tree("from", "to", &everything, NULL), 0);
    assert_int_equal(lstat("to/file", &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0755);
    assert_int_equal(lstat("to/folder/a", &st), 0);
    assert_true(S_ISREG(st.st_mode));
}

static void expect_seen(const char *path, void (*change)(void)) {
    struct sight before, after;
    struct way way = {0};
    sight_read(&before, path, &way);
    change();
    sight_read(&after, path, &way);
    assert_false(digest_equal(&before.stamp, &after.stamp));
    way_close(&way);
}

static void rewrite_target(void) {
    write_text("elsewhere/deep/a", "longer", 0644);
}

static void rewrite_again(void) {
    write_text("elsewhere/deep/a", "the longest", 0644);
}

static void add_beside_target(void) {
    write_text("elsewhere/deep/b", "b", 0644);
}

static void test_a_stamp_shows_what_links_in_a_folder_lead_to(void **state) {
    (void)state;
    assert_int_equal(file_make_directory("elsewhere/deep", NULL), 0);
    assert_int_equal(mkdir("links", 0755), 0);
    write_text("elsewhere/deep/a", "A", 0644);
    assert_int_equal(symlink("../elsewhere", "links/folder"), 0);
    assert_int_equal(symlink("../links", "elsewhere/circle"), 0); /* ends */
    expect_seen("links", rewrite_target);
    expect_seen("links", add_beside_target);
    assert_int_equal(unlink("links/folder"), 0);
    assert_int_equal(symlink("../elsewhere/deep/a", "links/file"), 0);
    expect_seen("links", rewrite_again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_key_map_finds_what_was_added),
        TEST(test_key_map_tells_keys_of_one_slot_apart),
        TEST(test_stamp_changes_with_what_is_below),
        TEST(test_copy_is_a_file_of_its_own),
        TEST(test_copy_refuses_what_is_no_file),
        TEST(test_copy_has_what_links_lead_to),
        TEST(test_a_stamp_shows_what_links_in_a_folder_lead_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
