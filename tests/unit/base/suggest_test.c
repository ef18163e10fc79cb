#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/clock.h"
#include "engine/base/suggest.h"

static void the_distance_counts_edits(void **state) {
    (void)state;
    assert_int_equal(suggest_distance("", ""), 0);
    assert_int_equal(suggest_distance("abc", ""), 3);
    assert_int_equal(suggest_distance("", "ab"), 2);
    assert_int_equal(suggest_distance("kitten", "sitting"), 3); /* Levenshtein's usual example */
    assert_int_equal(suggest_distance("stpes", "steps"), 1);    /* a swap is one edit */
    assert_int_equal(suggest_distance("sitting", "kitten"), 3);
    assert_int_equal(suggest_distance("ab", "ba"), 1);
    assert_int_equal(suggest_distance("abc", "xyz"), 3);
}

static void the_nearest_name_is_suggested(void **state) {
    (void)state;
    static const char *const names[] = {"steps", "seed", "size", "teacher", "temperature"};
    const size_t count = sizeof names / sizeof *names;
    assert_string_equal(suggest_nearest("stpes", names, count), "steps");
    assert_string_equal(suggest_nearest("seeds", names, count), "seed");
    assert_string_equal(suggest_nearest("temprature", names, count), "temperature");
    assert_string_equal(suggest_nearest("size", names, count), "size");
    assert_null(suggest_nearest("alpha", names, count));
    assert_null(suggest_nearest("", names, count));
    assert_null(suggest_nearest("steps", names, 0));
    assert_null(suggest_nearest("sxxd", names, count)); /* half of its letters differ */
}

static void a_word_of_another_tool_suggests_ours(void **state) {
    (void)state;
    static const char *const commands[] = {"run", "plan"}, *const keys[] = {"in", "outs", "cmd"};
    assert_string_equal(suggest_nearest("repro", commands, 2), "run");
    assert_string_equal(suggest_nearest("status", commands, 2), "plan");
    assert_string_equal(suggest_nearest("deps", keys, 3), "in");
    assert_null(suggest_nearest("deps", commands, 2));
}

static void a_time_is_printed_as_rfc_3339(void **state) {
    (void)state;
    char text[CLOCK_TEXT_SIZE];
    clock_format(text, 0);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    clock_format(text, 951782400.0625); /* 29 February 2000; an exact binary fraction */
    assert_string_equal(text, "2000-02-29T00:00:00.063Z");
    clock_format(text, 1e9 + 0.9999);
    assert_string_equal(text, "2001-09-09T01:46:41.000Z"); /* rounding carries */
    clock_format(text, -0.25);
    assert_string_equal(text, "1969-12-31T23:59:59.750Z");
}

static void the_clock_moves_on(void **state) {
    (void)state;
    uint64_t first = clock_monotonic_ns();
    assert_true(clock_monotonic_ns() >= first);
    assert_true(clock_wall_s() > 1.7e9); /* later than this test was written */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_distance_counts_edits),
        cmocka_unit_test(the_nearest_name_is_suggested),
        cmocka_unit_test(a_word_of_another_tool_suggests_ours),
        cmocka_unit_test(a_time_is_printed_as_rfc_3339),
        cmocka_unit_test(the_clock_moves_on),
    };
    return cmocka_run_group_tests_name("base/suggest", tests, NULL, NULL);
}
