#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/memory.h"

static int left = -1; /* names that can still be read before the disk fails; -1: it does not */

/* These two stand before the C library's. */
struct dirent *readdir(DIR *entries) {
    struct dirent *(*real)(DIR *) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, "readdir");
    if (left == 0) {
        errno = EIO;
        return NULL;
    }
    left -= left > 0;
    return real(entries);
}

ssize_t getdents64(int fd, void *entries, size_t size) {
    if (left == 0) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_getdents64, fd, entries, size);
}

/* Each test has a fresh directory with two files and a folder, *state. */
static int make_directory(void **state) {
    char *directory = mem_strdup("/tmp/retort-folder-XXXXXX");
    static const char *const names[] = {"a", "b", ".hidden"};
    *state = directory;
    if (!mkdtemp(directory))
        return -1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = path_join(directory, names[i]);
        int rc = i == 0 ? mkdir(path, 0755) : file_replace(path, "", 0, 0644, NULL);
        free(path);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int remove_directory(void **state) {
    left = -1;
    int rc = file_remove_tree(*state, NULL);
    free(*state);
    return rc;
}

static int count_names(struct folder *f, size_t *count, struct error *err) {
    const char *name;
    int rc;
    *count = 0;
    while ((rc = folder_next(f, &name, err)) > 0) {
        assert_true(strcmp(name, "a") == 0 || strcmp(name, "b") == 0 || strcmp(name, ".hidden") == 0);
        ++*count;
    }
    return rc;
}

static void every_name_is_read_but_dot_and_dot_dot(void **state) {
    struct folder f;
    size_t count;
    assert_int_equal(folder_open(&f, *state, NULL), 0);
    errno = EIO; /* of somebody else's failure */
    assert_int_equal(count_names(&f, &count, NULL), 0);
    assert_int_equal(count, 3);
    folder_close(&f);
    folder_close(&f); /* nothing is left to close */
}

static void an_open_descriptor_is_taken_over(void **state) {
    struct folder f;
    struct error err = {0};
    size_t count;
    int fd = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(folder_open_fd(&f, fd, *state, &err), 0);
    assert_int_equal(count_names(&f, &count, &err), 0);
    assert_int_equal(count, 3);
    folder_close(&f);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    char *path = mem_printf("%s/b", (const char *)*state);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(folder_open_fd(&f, fd, path, &err), ERR_IO);
    assert_memory_equal(err.message, path, strlen(path));
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    folder_close(&f);
    free(path);
}

static void a_missing_folder_is_an_error(void **state) {
    struct folder f;
    struct error err = {0};
    const char *name;
    char *path = mem_printf("%s/none", (const char *)*state);
    assert_int_equal(folder_open(&f, path, &err), ERR_IO);
    assert_memory_equal(err.message, path, strlen(path));
    assert_int_equal(folder_next(&f, &name, &err), 0);
    folder_close(&f);
    assert_int_equal(folder_open_if_there(&f, path, &err), 0);
    assert_int_equal(folder_next(&f, &name, &err), 0);
    folder_close(&f);
    free(path);
    path = mem_printf("%s/b", (const char *)*state); /* there, and no folder */
    assert_int_equal(folder_open_if_there(&f, path, &err), ERR_IO);
    folder_close(&f);
    free(path);
}

/* However far the folder was read, an error is not its end. */
static void a_read_error_is_not_taken_for_the_end(void **state) {
    for (int names = 0; names < 5; names++) {
        struct folder f;
        struct error err = {0};
        size_t count;
        assert_int_equal(folder_open(&f, *state, &err), 0);
        left = names;
        assert_int_equal(count_names(&f, &count, &err), ERR_IO);
        left = -1;
        assert_memory_equal(err.message, *state, strlen(*state));
        assert_non_null(strstr(err.message, strerror(EIO)));
        folder_close(&f);
    }
}

static void a_tree_that_cannot_be_read_is_not_removed(void **state) {
    struct error err = {0};
    struct stat st;
    left = 0;
    assert_int_equal(file_remove_tree(*state, &err), ERR_IO);
    assert_memory_equal(err.message, *state, strlen(*state));
    left = -1;
    assert_int_equal(stat(*state, &st), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_name_is_read_but_dot_and_dot_dot, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(an_open_descriptor_is_taken_over, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(a_missing_folder_is_an_error, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(a_read_error_is_not_taken_for_the_end, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(a_tree_that_cannot_be_read_is_not_removed, make_directory, remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
