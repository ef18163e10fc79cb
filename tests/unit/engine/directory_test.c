/* The directories that attempts work in: what a stage did to one does not reach the next, nor what lies elsewhere. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/attempt/directory.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"

/* work/slot/ is the directory; victim/ is the user's and holds a file under every name that Retort might touch. */
struct trial {
    char root[64];
    char path[160];
    int work_fd;
    struct attempt_directory *directory;
};

static const char *in(struct trial *t, const char *name) {
    snprintf(t->path, sizeof t->path, "%s/%s", t->root, name);
    return t->path;
}

static void put(struct trial *t, const char *name, const char *text) {
    assert_int_equal(file_replace(in(t, name), text, strlen(text), 0644, NULL), 0);
}

static void make(struct trial *t, const char *name) {
    assert_int_equal(file_make_directory(in(t, name), NULL), 0);
}

static void move(struct trial *t, const char *from, const char *to) {
    char *source = mem_strdup(in(t, from));
    assert_int_equal(rename(source, in(t, to)), 0);
    free(source);
}

static void link_to(struct trial *t, const char *name, const char *target) {
    char *to = mem_strdup(in(t, target));
    assert_int_equal(symlink(to, in(t, name)), 0);
    free(to);
}

static bool is_there(struct trial *t, const char *name) {
    return file_exists(in(t, name));
}

static void assert_content(struct trial *t, const char *name, const char *expected) {
    struct buffer text = {0};
    assert_int_equal(file_read(&text, in(t, name), 1 << 20, NULL), 0);
    assert_string_equal(buffer_text(&text), expected);
    buffer_close(&text);
}

static void prepare(struct trial *t, const char *place) {
    const char *const places[] = {place};
    assert_int_equal(directory_prepare(t->directory, places, 1, NULL), 0);
}

static int setup(void **state) {
    struct trial *t = mem_alloc(sizeof *t);
    strcpy(t->root, "/tmp/retort-directory-XXXXXX");
    assert_non_null(mkdtemp(t->root));
    make(t, "victim/slot/dir/.tmp");
    put(t, "victim/slot/dir/.tmp/mine", "mine");
    put(t, "victim/spec.json", "mine");
    make(t, "work");
    make(t, "logs");
    t->work_fd = open(in(t, "work"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    t->directory = directory_create(t->work_fd, mem_strdup(in(t, "work/slot")), mem_strdup(in(t, "logs/slot.stdout")),
                                    mem_strdup(in(t, "logs/slot.stderr")));
    prepare(t, "in/x");
    *state = t;
    return 0;
}

static int teardown(void **state) {
    struct trial *t = *state;
    directory_free(t->directory);
    close(t->work_fd);
    file_remove_tree(t->root, NULL);
    free(t);
    return 0;
}

/* ---- whether it is the one that the stage was given ---- */

static int check(const struct trial *t) {
    return directory_check(t->directory, NULL);
}

static void an_untouched_directory_passes(void **state) {
    assert_int_equal(check(*state), 0);
}

static void another_working_directory_is_refused(void **state) {
    struct trial *t = *state;
    move(t, "work/slot/dir", "work/slot/moved");
    make(t, "work/slot/dir");
    assert_int_equal(check(t), ERR_FAILED);
}

static void another_directory_around_it_is_refused(void **state) {
    struct trial *t = *state;
    move(t, "work/slot", "work/moved");
    make(t, "work/slot/dir");
    assert_int_equal(check(t), ERR_FAILED);
}

static void a_link_to_the_moved_directory_is_refused(void **state) {
    struct trial *t = *state;
    move(t, "work/slot/dir", "work/slot/moved");
    link_to(t, "work/slot/dir", "work/slot/moved");
    assert_int_equal(check(t), ERR_FAILED);
}

/* ---- files left for the next attempt ---- */

static void a_file_of_a_stage_is_gone(void **state) {
    struct trial *t = *state;
    put(t, "work/slot/dir/note", "left");
    directory_reset(t->directory);
    assert_false(is_there(t, "work/slot/dir/note"));
}

static void a_file_in_a_folder_that_stays_is_gone(void **state) {
    struct trial *t = *state;
    put(t, "work/slot/dir/in/x/note", "left");
    directory_reset(t->directory);
    assert_false(is_there(t, "work/slot/dir/in/x/note"));
}

static void a_folder_of_a_stage_is_gone(void **state) {
    struct trial *t = *state;
    make(t, "work/slot/dir/deep/deeper");
    directory_reset(t->directory);
    assert_false(is_there(t, "work/slot/dir/deep"));
}

static void a_file_beside_the_working_directory_is_gone(void **state) {
    struct trial *t = *state;
    put(t, "work/slot/note", "left");
    directory_reset(t->directory);
    assert_false(is_there(t, "work/slot/note"));
}

static void the_directory_itself_is_used_again(void **state) {
    struct trial *t = *state;
    struct stat before, after;
    assert_int_equal(stat(in(t, "work/slot/dir/.tmp"), &before), 0);
    put(t, "work/slot/dir/note", "left");
    directory_reset(t->directory);
    prepare(t, "in/x");
    assert_int_equal(stat(in(t, "work/slot/dir/.tmp"), &after), 0);
    assert_true(before.st_ino == after.st_ino);
}

static void a_folder_that_only_the_last_attempt_needed_is_gone(void **state) {
    struct trial *t = *state;
    directory_reset(t->directory);
    prepare(t, "in/y");
    assert_false(is_there(t, "work/slot/dir/in/x"));
}

static void a_folder_with_another_mode_is_made_anew(void **state) {
    struct trial *t = *state;
    struct stat before, after;
    assert_int_equal(stat(in(t, "work/slot/dir/.tmp"), &before), 0);
    assert_int_equal(chmod(in(t, "work/slot/dir/.tmp"), 01711), 0);
    directory_reset(t->directory);
    prepare(t, "in/x");
    assert_int_equal(stat(in(t, "work/slot/dir/.tmp"), &after), 0);
    assert_int_equal(after.st_mode, before.st_mode);
}

static void a_folder_with_another_attribute_is_made_anew(void **state) {
    struct trial *t = *state;
    if (setxattr(in(t, "work/slot/dir/.tmp"), "user.mine", "1", 1, 0) < 0)
        skip(); /* this file system has none */
    directory_reset(t->directory);
    prepare(t, "in/x");
    assert_int_equal(listxattr(in(t, "work/slot/dir/.tmp"), NULL, 0), 0);
}

/* It may be the root of something that was mounted there. */
static void a_folder_that_was_replaced_is_not_used_again(void **state) {
    struct trial *t = *state;
    struct stat before, after;
    move(t, "work/slot/dir/.tmp", "work/slot/dir/moved");
    make(t, "work/slot/dir/.tmp");
    assert_int_equal(stat(in(t, "work/slot/dir"), &before), 0);
    int held = open(in(t, "work/slot/dir"), O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* so that its number stays its own */
    directory_reset(t->directory);
    prepare(t, "in/x");
    assert_int_equal(stat(in(t, "work/slot/dir"), &after), 0);
    assert_true(before.st_ino != after.st_ino);
    close(held);
}

/* ---- files elsewhere ---- */

static void a_directory_behind_a_link_is_not_emptied(void **state) {
    struct trial *t = *state;
    move(t, "work/slot", "work/moved");
    link_to(t, "work/slot", "victim/slot");
    directory_reset(t->directory);
    assert_content(t, "victim/slot/dir/.tmp/mine", "mine");
}

static void a_folder_behind_a_link_is_not_emptied(void **state) {
    struct trial *t = *state;
    move(t, "work/slot/dir/.tmp", "work/slot/dir/moved");
    link_to(t, "work/slot/dir/.tmp", "victim/slot/dir/.tmp");
    directory_reset(t->directory);
    assert_content(t, "victim/slot/dir/.tmp/mine", "mine");
}

static void nothing_is_removed_behind_a_link_in_the_place_of_all_directories(void **state) {
    struct trial *t = *state;
    move(t, "work", "moved");
    link_to(t, "work", "victim");
    directory_free(t->directory);
    t->directory = NULL;
    assert_content(t, "victim/slot/dir/.tmp/mine", "mine");
}

static void a_directory_that_was_moved_away_is_not_emptied(void **state) {
    struct trial *t = *state;
    put(t, "work/slot/dir/note", "theirs");
    move(t, "work/slot/dir", "victim/dir");
    directory_reset(t->directory);
    assert_content(t, "victim/dir/note", "theirs");
}

/* ---- the spec ---- */

static void write_spec(struct trial *t, const char *text) {
    assert_int_equal(directory_write_spec(t->directory, text, strlen(text), NULL), 0);
}

static void a_shorter_spec_replaces_a_longer_one(void **state) {
    struct trial *t = *state;
    write_spec(t, "{\"a\":1}");
    write_spec(t, "{}");
    assert_content(t, "work/slot/spec.json", "{}");
}

static void a_spec_is_not_written_through_a_link(void **state) {
    struct trial *t = *state;
    link_to(t, "work/slot/spec.json", "victim/spec.json");
    write_spec(t, "{}");
    assert_content(t, "victim/spec.json", "mine");
}

static void a_spec_is_not_written_into_a_file_with_another_name(void **state) {
    struct trial *t = *state;
    write_spec(t, "{\"a\":1}");
    char *second = mem_strdup(in(t, "second"));
    assert_int_equal(link(in(t, "work/slot/spec.json"), second), 0);
    write_spec(t, "{}");
    assert_content(t, "second", "{\"a\":1}");
    free(second);
}

static void a_spec_that_was_closed_to_its_owner_is_made_anew(void **state) {
    struct trial *t = *state;
    struct stat st;
    write_spec(t, "{\"a\":1}");
    assert_int_equal(chmod(in(t, "work/slot/spec.json"), 0200), 0);
    write_spec(t, "{}");
    assert_int_equal(stat(in(t, "work/slot/spec.json"), &st), 0);
    assert_true(st.st_mode & S_IRUSR);
}

/* ---- copies of inputs ---- */

/* Writes a copy over what the file held, as the engine does. */
static void copy(struct trial *t, const char *name, const char *text) {
    off_t old_size;
    int fd = directory_open_copy(t->directory, name, &old_size);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, text, strlen(text), name, NULL), 0);
    assert_int_equal(ftruncate(fd, (off_t)strlen(text)), 0);
    close(fd);
}

static ino_t inode(struct trial *t, const char *name) {
    struct stat st;
    assert_int_equal(stat(in(t, name), &st), 0);
    return st.st_ino;
}

static void next_attempt(struct trial *t) {
    directory_reset(t->directory);
    prepare(t, "in/x");
}

static void a_copy_is_gone_for_the_next_attempt(void **state) {
    struct trial *t = *state;
    copy(t, "in/x/a", "first");
    next_attempt(t);
    assert_false(is_there(t, "work/slot/dir/in/x/a"));
}

static void the_file_of_a_copy_is_used_again_under_another_name(void **state) {
    struct trial *t = *state;
    copy(t, "in/x/a", "first");
    ino_t before = inode(t, "work/slot/dir/in/x/a");
    next_attempt(t);
    copy(t, "in/x/b", "2nd");
    assert_true(inode(t, "work/slot/dir/in/x/b") == before);
    assert_content(t, "work/slot/dir/in/x/b", "2nd");
}

static void a_copy_with_another_name_keeps_its_bytes_there(void **state) {
    struct trial *t = *state;
    copy(t, "in/x/a", "first");
    char *second = mem_strdup(in(t, "second"));
    assert_int_equal(link(in(t, "work/slot/dir/in/x/a"), second), 0);
    next_attempt(t);
    copy(t, "in/x/a", "2nd");
    assert_content(t, "second", "first");
    assert_content(t, "work/slot/dir/in/x/a", "2nd");
    free(second);
}

static void a_copy_with_another_mode_is_made_anew(void **state) {
    struct trial *t = *state;
    struct stat st;
    copy(t, "in/x/a", "first");
    assert_int_equal(chmod(in(t, "work/slot/dir/in/x/a"), 0600), 0);
    next_attempt(t);
    copy(t, "in/x/a", "2nd");
    assert_int_equal(stat(in(t, "work/slot/dir/in/x/a"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
}

static void a_copy_with_another_attribute_is_made_anew(void **state) {
    struct trial *t = *state;
    copy(t, "in/x/a", "first");
    if (setxattr(in(t, "work/slot/dir/in/x/a"), "user.mine", "1", 1, 0) < 0)
        skip(); /* this file system has none */
    next_attempt(t);
    copy(t, "in/x/a", "2nd");
    assert_int_equal(listxattr(in(t, "work/slot/dir/in/x/a"), NULL, 0), 0);
}

static void a_link_in_the_place_of_a_copy_is_not_written_through(void **state) {
    struct trial *t = *state;
    copy(t, "in/x/a", "first");
    move(t, "work/slot/dir/in/x/a", "moved");
    link_to(t, "work/slot/dir/in/x/a", "victim/spec.json");
    next_attempt(t);
    copy(t, "in/x/a", "2nd");
    assert_content(t, "victim/spec.json", "mine");
    assert_content(t, "work/slot/dir/in/x/a", "2nd");
}

static void a_file_in_the_place_of_a_waiting_copy_is_not_used(void **state) {
    struct trial *t = *state;
    copy(t, "in/x/a", "first");
    next_attempt(t);
    move(t, "work/slot/0", "moved");
    put(t, "work/slot/0", "another");
    ino_t other = inode(t, "work/slot/0");
    int held = open(in(t, "work/slot/0"), O_RDONLY | O_CLOEXEC); /* so that its number stays its own */
    copy(t, "in/x/a", "2nd");
    assert_true(inode(t, "work/slot/dir/in/x/a") != other);
    close(held);
}

static void more_copies_than_wait_are_made_all_the_same(void **state) {
    struct trial *t = *state;
    char name[32];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < ATTEMPT_COPIES + 2; i++) {
            snprintf(name, sizeof name, "in/x/%d", i);
            copy(t, name, name);
        }
        assert_content(t, "work/slot/dir/in/x/17", "in/x/17");
        next_attempt(t);
    }
    assert_false(is_there(t, "work/slot/dir/in/x/17"));
}

static void a_directory_that_is_kept_holds_no_copy_of_another_attempt(void **state) {
    struct trial *t = *state;
    copy(t, "in/x/a", "first");
    next_attempt(t);
    make(t, "failed");
    int folder = open(in(t, "failed"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(directory_keep(t->directory, folder, "stage", NULL), 0);
    assert_true(is_there(t, "failed/stage/dir"));
    assert_false(is_there(t, "failed/stage/0"));
    close(folder);
}

/* ---- logs ---- */

static void an_empty_log_goes_with_its_directory(void **state) {
    struct trial *t = *state;
    put(t, "logs/slot.stdout", "");
    directory_free(t->directory);
    t->directory = NULL;
    assert_false(is_there(t, "logs/slot.stdout"));
}

static void a_log_that_holds_something_stays(void **state) {
    struct trial *t = *state;
    put(t, "logs/slot.stderr", "why");
    directory_free(t->directory);
    t->directory = NULL;
    assert_content(t, "logs/slot.stderr", "why");
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(an_untouched_directory_passes),
        TEST(another_working_directory_is_refused),
        TEST(another_directory_around_it_is_refused),
        TEST(a_link_to_the_moved_directory_is_refused),
        TEST(a_file_of_a_stage_is_gone),
        TEST(a_file_in_a_folder_that_stays_is_gone),
        TEST(a_folder_of_a_stage_is_gone),
        TEST(a_file_beside_the_working_directory_is_gone),
        TEST(the_directory_itself_is_used_again),
        TEST(a_folder_that_only_the_last_attempt_needed_is_gone),
        TEST(a_folder_with_another_mode_is_made_anew),
        TEST(a_folder_with_another_attribute_is_made_anew),
        TEST(a_folder_that_was_replaced_is_not_used_again),
        TEST(a_directory_behind_a_link_is_not_emptied),
        TEST(a_folder_behind_a_link_is_not_emptied),
        TEST(nothing_is_removed_behind_a_link_in_the_place_of_all_directories),
        TEST(a_directory_that_was_moved_away_is_not_emptied),
        TEST(a_shorter_spec_replaces_a_longer_one),
        TEST(a_spec_is_not_written_through_a_link),
        TEST(a_spec_is_not_written_into_a_file_with_another_name),
        TEST(a_spec_that_was_closed_to_its_owner_is_made_anew),
        TEST(a_copy_is_gone_for_the_next_attempt),
        TEST(the_file_of_a_copy_is_used_again_under_another_name),
        TEST(a_copy_with_another_name_keeps_its_bytes_there),
        TEST(a_copy_with_another_mode_is_made_anew),
        TEST(a_copy_with_another_attribute_is_made_anew),
        TEST(a_link_in_the_place_of_a_copy_is_not_written_through),
        TEST(a_file_in_the_place_of_a_waiting_copy_is_not_used),
        TEST(more_copies_than_wait_are_made_all_the_same),
        TEST(a_directory_that_is_kept_holds_no_copy_of_another_attempt),
        TEST(an_empty_log_goes_with_its_directory),
        TEST(a_log_that_holds_something_stays),
    };
    return cmocka_run_group_tests_name("directory", tests, NULL, NULL);
}
