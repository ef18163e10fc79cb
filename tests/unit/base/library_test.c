#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/library.h"

struct table {
    size_t (*length)(const char *text);
    int (*compare)(const char *a, const char *b);
};

static const struct library_function functions[] = {
    {"strlen", offsetof(struct table, length)},
    {"strcmp", offsetof(struct table, compare)},
    {"no_such_function", offsetof(struct table, compare)},
};

static void test_the_functions_of_a_library_can_be_called(void **state) {
    (void)state;
    struct table t = {0};
    struct error err = {0};
    void *library = library_load("libc.so.6", functions, 2, &t, &err);
    assert_non_null(library);
    assert_int_equal(t.length("four"), 4);
    assert_int_equal(t.compare("a", "a"), 0);
    dlclose(library);
}

static void test_a_missing_library_is_named(void **state) {
    (void)state;
    struct table t = {0};
    struct error err = {0};
    assert_null(library_load("libnone.so.7", functions, 2, &t, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "libnone.so.7"));
}

static void test_a_missing_function_is_named(void **state) {
    (void)state;
    struct table t = {0};
    struct error err = {0};
    assert_null(library_load("libc.so.6", functions, 3, &t, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "no_such_function"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_functions_of_a_library_can_be_called),
        cmocka_unit_test(test_a_missing_library_is_named),
        cmocka_unit_test(test_a_missing_function_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
