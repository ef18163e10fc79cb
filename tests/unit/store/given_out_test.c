/* The cost of giving an object out. */
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_object_given_out_takes_no_blocks_of_its_own, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(an_object_is_read_once_at_most_to_be_given_out, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
