/* File systems whose locks do not hold. */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "store/lock.h"

/* The answer of this file system to locks. */
static struct {
    bool flock_granted, ranges_granted; /* independent of other locks */
    int flock_fails, ranges_fail;       /* errno */
    const char *comes;                  /* this file takes the place of the next that is opened for writing */
} disk;

static int answer(bool granted, int fails) {
    errno = fails;
    return granted ? 0 : -1;
}

/* These three stand before the C library's. */
int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    const char *comes = (flags & O_ACCMODE) == O_RDWR ? disk.comes : NULL;
    if (comes) {
        disk.comes = NULL;
        assert_int_equal(rename(comes, path), 0);
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int flock(int fd, int how) {
    if (disk.flock_granted || disk.flock_fails)
        return answer(disk.flock_granted, disk.flock_fails);
    return (int)syscall(SYS_flock, fd, how);
}

int fcntl(int fd, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (command == F_OFD_SETLK && (disk.ranges_granted || disk.ranges_fail))
        return answer(disk.ranges_granted, disk.ranges_fail);
    return (int)syscall(SYS_fcntl, fd, command, argument);
}

static int disk_setup(void **state) {
    memset(&disk, 0, sizeof disk);
    return place_setup(state);
}

/* Refused, with the path, the reason, and what to do. */
static void expect_refused(const struct place *p, const char *reason) {
    struct store *s = NULL;
    struct error err = {0};
    assert_int_equal(store_open(&s, p->directory, true, &err), ERR_IO);
    assert_non_null(strstr(err.message, p->directory));
    assert_non_null(strstr(err.message, reason));
    assert_non_null(strstr(err.message, "--store DIR"));
}

static void without_locks_a_store_is_refused(void **state) {
    disk.flock_fails = ENOLCK;
    expect_refused(*state, "do not work (No locks available)");
    disk.flock_fails = ENOSYS;
    expect_refused(*state, "do not work (Function not implemented)");
    disk.flock_fails = 0;
    disk.ranges_fail = ENOLCK;
    expect_refused(*state, "do not work (No locks available)");
    disk.ranges_fail = 0;
    store_close(open_store(*state)); /* the refused store is unharmed */
}

static void with_locks_that_keep_nobody_out_a_store_is_refused(void **state) {
    disk.flock_granted = true;
    expect_refused(*state, "keep nobody out (flock)");
    disk.flock_granted = false;
    disk.ranges_granted = true;
    expect_refused(*state, "keep nobody out (fcntl)");
}

static void a_kernel_without_locks_of_open_files_will_do(void **state) {
    disk.ranges_fail = EINVAL;
    store_close(open_store(*state));
}

/* While others look too, nobody is refused. */
static void looking_disturbs_nobody(void **state) {
    const struct place *p = *state;
    char *format = path_join(p->directory, "format");
    struct error err = {0};
    store_close(open_store(p));
    int fd = open(format, O_RDONLY);
    assert_int_equal(flock(fd, LOCK_SH), 0); /* as one that is in the middle of it */
    ok(lock_check(format, &err), err);
    assert_int_equal(chmod(format, 0444), 0);
    ok(lock_check(format, &err), err);
    close(fd);
    free(format);
}

/* Lines as mount(8) and proc(5) show them. */
static void the_options_of_the_mount_count(void **state) {
    static const char mounts[] =
        "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,local_lock=all\n"
        "36 21 0:40 / /home rw,relatime shared:20 master:3 - nfs4 host:/home "
        "rw,vers=4.2,local_lock=none,addr=10.0.0.1\n"
        "37 21 0:41 / /old rw - nfs host:/old rw,vers=3,nolock,local_lock=all\n"
        "38 21 0:42 / /a\\040b rw shared:4 - nfs4 host:/a rw,vers=4.0,local_lock=flock,addr=10.0.0.1\n"
        "39 21 0:43 / /win rw - cifs //host/win rw,nobrl\n"
        "40 21 0:44 / /win2 rw - cifs //host/win rw,vers=3.1.1\n"
        "41 21 0:45 / /remote rw,nosuid - fuse.sshfs me@host: rw,user_id=0\n"
        "42 21 0:46 / /scratch rw - lustre 10.0.0.1@tcp:/fs rw,checksum,localflock\n"
        "43 21 0:47 / /shm rw - tmpfs tmpfs rw";
    static const struct {
        unsigned minor;
        const char *expected;
    } cases[] = {{40, NULL},
                 {41, "nfs with nolock"},
                 {42, "nfs4 with local_lock=flock"},
                 {43, "cifs with nobrl"},
                 {44, NULL},
                 {45, "fuse.sshfs"},
                 {46, "lustre with localflock"},
                 {47, NULL},
                 {4, NULL},
                 {48, NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *found = lock_unshared(mounts, makedev(0, cases[i].minor));
        assert_string_equal(found ? found : "", cases[i].expected ? cases[i].expected : "");
        free(found);
    }
    assert_null(lock_unshared(mounts, makedev(8, 1)));
    assert_null(lock_unshared("", makedev(0, 40)));
    assert_null(lock_unshared("36 21 0:40 /\n\nnothing - \n36 21 0:40 / - nfs", makedev(0, 40)));
}

/* As two engines do that make a store at once. */
static void a_file_that_is_replaced_meanwhile_is_opened_again(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    char *path = path_join(p->directory, "file"), *newer = path_join(p->directory, "newer");
    assert_int_equal(file_make_directory(p->directory, &err), 0);
    assert_int_equal(file_replace(path, "", 0, 0644, &err), 0);
    assert_int_equal(file_replace(newer, "", 0, 0644, &err), 0);
    disk.comes = newer;
    assert_int_equal(lock_check(path, &err), 0);
    assert_null(disk.comes);
    assert_false(file_exists(newer));
    free(path);
    free(newer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_locks_a_store_is_refused, disk_setup, place_teardown),
        cmocka_unit_test_setup_teardown(with_locks_that_keep_nobody_out_a_store_is_refused, disk_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_kernel_without_locks_of_open_files_will_do, disk_setup, place_teardown),
        cmocka_unit_test_setup_teardown(looking_disturbs_nobody, disk_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_replaced_meanwhile_is_opened_again, disk_setup, place_teardown),
        cmocka_unit_test(the_options_of_the_mount_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
