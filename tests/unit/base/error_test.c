#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/error.h"

static void set_writes_the_message_and_returns_the_code(void **state) {
    (void)state;
    struct error err;
    assert_int_equal(error_set(&err, ERR_INVALID, "line %d", 7), ERR_INVALID);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.message, "line 7");
    assert_int_equal(error_set(NULL, ERR_BUSY, "nobody listens"), ERR_BUSY);
}

static void a_prefix_keeps_the_code(void **state) {
    (void)state;
    struct error err;
    error_set(&err, ERR_CORRUPT, "bad digest");
    assert_int_equal(error_prefix(&err, "stage %s", "scratch"), ERR_CORRUPT);
    assert_string_equal(err.message, "stage scratch: bad digest");
    assert_int_equal(error_prefix(NULL, "x"), ERR_FAILED);
}

static void a_message_may_be_its_own_argument(void **state) {
    (void)state;
    struct error err;
    error_set(&err, ERR_INVALID, "inner");
    error_set(&err, err.code, "outer(%s)", err.message);
    assert_string_equal(err.message, "outer(inner)");
}

static void a_message_ends_with_the_text_of_errno(void **state) {
    (void)state;
    struct error err;
    assert_int_equal(error_errno(&err, ENOSPC, "out.csv: cannot be written"), ERR_IO);
    assert_string_equal(err.message, "out.csv: cannot be written: No space left on device");
}

static void a_long_message_is_cut_between_characters(void **state) {
    (void)state;
    struct error err;
    char text[3000];
    memset(text, 'a', sizeof text);
    memcpy(text + 2046, "\xE2\x82\xAC", 3); /* the euro sign over the last place */
    text[sizeof text - 1] = '\0';
    error_set(&err, ERR_IO, "%s", text);
    assert_int_equal(strlen(err.message), 2046);
    assert_int_equal(err.message[2045], 'a');
    error_prefix(&err, "p");
    assert_int_equal(strlen(err.message), 2047);
    assert_memory_equal(err.message, "p: aaa", 6);
}

static void a_message_is_one_line(void **state) {
    (void)state;
    struct error err;
    error_set(&err, ERR_FAILED, "a\nb\r\nc");
    assert_string_equal(err.message, "a b  c");
}

static void each_code_has_its_exit_status(void **state) {
    (void)state;
    static const int table[][2] = {{0, 0},          {ERR_USAGE, 2},        {ERR_INVALID, 2}, {ERR_NOT_FOUND, 3},
                                   {ERR_IO, 3},     {ERR_CORRUPT, 3},      {ERR_BUSY, 3},    {ERR_FAILED, 1},
                                   {ERR_BUDGET, 4}, {ERR_INTERRUPTED, 130}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(error_exit_status(table[i][0]), table[i][1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_writes_the_message_and_returns_the_code),
        cmocka_unit_test(a_prefix_keeps_the_code),
        cmocka_unit_test(a_message_may_be_its_own_argument),
        cmocka_unit_test(a_message_ends_with_the_text_of_errno),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
        cmocka_unit_test(a_message_is_one_line),
        cmocka_unit_test(each_code_has_its_exit_status),
    };
    return cmocka_run_group_tests_name("base/error", tests, NULL, NULL);
}
