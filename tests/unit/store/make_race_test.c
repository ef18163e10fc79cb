/* Two engines that make one store at the same instant: the second finds more than it would have made. */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <stdarg.h>

static const char *contested; /* the store that another makes, once, between the look for it and what follows */

static void make_as_another(const char *directory) {
    struct store *s;
    struct error err = {0};
    char *theirs = path_join(directory, "platform.json");
    ok(store_open(&s, directory, true, &err), err);
    commit_text(s, "theirs", "theirs");
    store_close(s);
    write_text(theirs, "{}", 0644);
    free(theirs);
}

/* Stands before the C library's. */
int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    int fd = openat(AT_FDCWD, path, flags, mode);
    if (fd < 0 && contested && strstr(path, "/format")) {
        const char *directory = contested;
        contested = NULL;
        make_as_another(directory);
        errno = ENOENT;
    }
    return fd;
}

static void a_store_that_another_engine_made_meanwhile_is_opened(void **state) {
    const struct place *p = *state;
    char hex[DIGEST_HEX_SIZE], expected[DIGEST_HEX_SIZE];
    contested = p->directory;
    struct store *s = open_store(p);
    assert_null(contested);
    assert_string_equal(find_out(s, "theirs", hex), hex_of("theirs", expected));
    store_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_store_that_another_engine_made_meanwhile_is_opened, place_setup,
                                        place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
