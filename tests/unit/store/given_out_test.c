/* Objects given out: their cost, and folders of many files. */
#include "tests/unit/store/fixture.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

/* Whether files of the folder can share blocks. */
static bool can_share_blocks(const char *folder) {
    char *a = path_join(folder, "one"), *b = path_join(folder, "other");
    write_text(a, "abc", 0644);
    write_text(b, "", 0644);
    int from = open(a, O_RDONLY | O_CLOEXEC), to = open(b, O_WRONLY | O_CLOEXEC);
    bool can = ioctl(to, FICLONE, from) == 0;
    close(from);
    close(to);
    free(a);
    free(b);
    return can;
}

static void the_first_object_given_out_takes_no_blocks_of_its_own(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    struct stat object, given;
    struct object o = put_text(s, "some content");
    char *path = store_object_path(s, &o.digest), *to = path_join(p->root, "to");
    ok(store_materialise(s, &o, to, MATERIALISE_LINK, &err), err);
    assert_int_equal(stat(path, &object), 0);
    assert_int_equal(stat(to, &given), 0);
    if (!can_share_blocks(p->root))
        assert_int_equal(given.st_ino, object.st_ino);
    free(to);
    free(path);
    store_close(s);
}

/* Bytes that this process has read by system calls so far. */
static unsigned long long bytes_read(void) {
    char *text = read_text("/proc/self/io");
    unsigned long long bytes = strtoull(text + strlen("rchar: "), NULL, 10);
    free(text);
    return bytes;
}

/* Gives an object out by a link, or its like; returns what was read for it. */
static unsigned long long read_to_give(const struct place *p, struct store *s, const struct object *o,
                                       const char *name) {
    struct error err = {0};
    char *to = path_join(p->root, name);
    unsigned long long before = bytes_read();
    ok(store_materialise(s, o, to, MATERIALISE_LINK, &err), err);
    free(to);
    return bytes_read() - before;
}

static void an_object_is_read_once_at_most_to_be_given_out(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    enum { SIZE = 1 << 20 };
    char *content = mem_alloc(SIZE + 1);
    memset(content, 'x', SIZE);
    struct object o = put_text(s, content);
    assert_true(read_to_give(p, s, &o, "one") < SIZE); /* it was read when it was stored */
    store_close(s);
    s = open_store(p);
    assert_true(read_to_give(p, s, &o, "two") >= SIZE); /* the disk may have damaged it since */
    assert_true(read_to_give(p, s, &o, "three") < SIZE);
    free(content);
    store_close(s);
}

/* ---- folders of many files, which several threads work on ---- */

enum { FILES = 200, FOLDERS = 7 };

static char *many_path(const char *folder, int i) {
    return mem_printf("%s/%d/%d", folder, i % FOLDERS, i);
}

/* Two files each have the same bytes. */
static char *many_text(int i) {
    return mem_printf("number %d\n", i / 2);
}

static struct object put_many(const struct place *p, struct store *s) {
    struct error err = {0};
    struct object o;
    char *folder = path_join(p->root, "many");
    for (int i = 0; i < FILES; i++) {
        char *path = many_path(folder, i), *text = many_text(i), *parent = path_directory(path);
        ok(file_make_directory(parent, &err), err);
        write_text(path, text, i % 5 == 0 ? 0755 : 0644);
        free(parent);
        free(text);
        free(path);
    }
    ok(store_object_put(s, AT_FDCWD, folder, &o, &err), err);
    assert_false(file_exists(folder));
    free(folder);
    return o;
}

static void assert_many(const char *folder) {
    for (int i = 0; i < FILES; i++) {
        struct stat st;
        char *path = many_path(folder, i), *text = many_text(i), *found = read_text(path);
        assert_string_equal(found, text);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(!!(st.st_mode & S_IXUSR), i % 5 == 0);
        free(found);
        free(text);
        free(path);
    }
}

static void a_folder_of_many_files_comes_back_as_it_was(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    struct object o = put_many(p, s);
    size_t bytes = 0;
    for (int i = 0; i < FILES; i++) {
        char *text = many_text(i);
        bytes += strlen(text);
        free(text);
    }
    assert_int_equal(o.size, bytes);
    ok(store_object_verify(s, &o, &err), err);
    for (int how = MATERIALISE_LINK; how <= MATERIALISE_COPY; how++) {
        char *to = mem_printf("%s/to%d", p->root, how);
        ok(store_materialise(s, &o, to, (enum materialise)how, &err), err);
        assert_many(to);
        free(to);
    }
    store_close(s);
}

static void one_damaged_file_of_many_is_noticed(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    struct object o = put_many(p, s);
    store_close(s);
    struct digest d = key_of("number 61\n"); /* of the files 122 and 123 */
    s = open_store(p);
    char *damaged = store_object_path(s, &d), *to = path_join(p->root, "to");
    assert_int_equal(chmod(damaged, 0644), 0);
    write_text(damaged, "number 16\n", 0444);
    assert_int_equal(store_materialise(s, &o, to, MATERIALISE_COPY, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.message, damaged));
    free(to);
    free(damaged);
    store_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_object_given_out_takes_no_blocks_of_its_own, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(an_object_is_read_once_at_most_to_be_given_out, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_folder_of_many_files_comes_back_as_it_was, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(one_damaged_file_of_many_is_noticed, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
