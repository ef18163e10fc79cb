/* Files that a process writes to while the store reads them. */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

enum change { CHANGE_NONE, CHANGE_APPEND, CHANGE_OVERWRITE, CHANGE_CUT };

/* The first read of `file` is followed by this change to it, once. */
static struct {
    const char *file;
    enum change change;
} writer;

static void change_now(enum change change) {
    const struct timespec later[2] = {{.tv_sec = 4000000000}, {.tv_sec = 4000000000}};
    int fd = (int)syscall(SYS_openat, AT_FDCWD, writer.file, O_WRONLY, 0);
    assert_true(fd >= 0);
    if (change == CHANGE_APPEND)
        assert_int_equal(pwrite(fd, "d", 1, 3), 1);
    else if (change == CHANGE_OVERWRITE)
        assert_int_equal(pwrite(fd, "x", 1, 0), 1);
    else
        assert_int_equal(ftruncate(fd, 2), 0);
    assert_int_equal(futimens(fd, later), 0); /* the clock of the file system may not have moved */
    close(fd);
}

/* These two stand before the C library's. */
ssize_t read(int fd, void *to, size_t size) {
    struct stat file, read_from;
    ssize_t got = syscall(SYS_read, fd, to, size);
    if (writer.change != CHANGE_NONE && stat(writer.file, &file) == 0 && fstat(fd, &read_from) == 0 &&
        file.st_dev == read_from.st_dev && file.st_ino == read_from.st_ino) {
        enum change change = writer.change;
        writer.change = CHANGE_NONE;
        change_now(change);
    }
    return got;
}

/* No file system clones: what is stored is read. */
int ioctl(int fd, unsigned long request, ...) {
    (void)fd, (void)request;
    errno = EOPNOTSUPP;
    return -1;
}

static int put(struct store *s, const char *path, struct object *out, struct error *err) {
    return store_object_put(s, AT_FDCWD, path, out, err);
}

/* A second name makes the store copy the file. */
static int put_linked(struct store *s, const char *path, struct object *out, struct error *err) {
    char *second = mem_printf("%s-second", path);
    assert_int_equal(link(path, second), 0);
    int rc = store_object_put(s, AT_FDCWD, path, out, err);
    free(second);
    return rc;
}

static int look(struct store *s, const char *path, struct object *out, struct error *err) {
    (void)s;
    return store_object_hash(AT_FDCWD, path, out, err);
}

typedef int take_call(struct store *s, const char *path, struct object *out, struct error *err);

static void check(const struct place *p, take_call *take, enum change change) {
    struct store *s = open_store(p);
    struct error err = {0};
    struct object o;
    char *folder = mem_printf("%s/XXXXXX", p->root);
    assert_non_null(mkdtemp(folder));
    char *path = path_join(folder, "out");
    write_text(path, "abc", 0644);
    writer.file = path;
    writer.change = change;
    int rc = take(s, path, &o, &err);
    assert_int_equal(writer.change, CHANGE_NONE); /* it was read, and changed then */
    if (change == CHANGE_NONE)
        ok(rc, err);
    else {
        assert_int_equal(rc, ERR_FAILED);
        assert_non_null(strstr(err.message, "out: was written to while it was stored"));
    }
    free(path);
    free(folder);
    store_close(s);
}

static void check_each(void **state, enum change change) {
    static take_call *const takes[] = {put, put_linked, look};
    for (size_t i = 0; i < sizeof takes / sizeof *takes; i++)
        check(*state, takes[i], change);
}

static void a_file_that_nobody_writes_to_is_stored(void **state) {
    check_each(state, CHANGE_NONE);
}

static void a_file_that_grows_meanwhile_is_refused(void **state) {
    check_each(state, CHANGE_APPEND);
}

static void a_file_that_is_cut_meanwhile_is_refused(void **state) {
    check_each(state, CHANGE_CUT);
}

static void a_file_whose_bytes_change_meanwhile_is_refused(void **state) {
    check_each(state, CHANGE_OVERWRITE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
        TEST(a_file_that_nobody_writes_to_is_stored),
        TEST(a_file_that_grows_meanwhile_is_refused),
        TEST(a_file_that_is_cut_meanwhile_is_refused),
        TEST(a_file_whose_bytes_change_meanwhile_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
