/* Text of others for a terminal: what is shown as an escape, and what stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/printable.h"

static void expect(const char *text, const char *shown) {
    struct buffer out = {0};
    printable_append(&out, text, strlen(text));
    assert_string_equal(buffer_text(&out), shown);
    buffer_clear(&out);
    printable_append(&out, shown, strlen(shown));
    assert_string_equal(buffer_text(&out), shown); /* an escape is not escaped again */
    buffer_close(&out);
}

static void control_characters_are_shown_as_escapes(void **state) {
    (void)state;
    expect("\x1b[31mred\x1b]0;title\x07", "\\x1b[31mred\\x1b]0;title\\x07");
    expect("a\rb\x7f\x08", "a\\x0db\\x7f\\x08");
    expect("\xc2\x9b"
           "31m \xc2\x80 \xc2\x9f",
           "\\u009b31m \\u0080 \\u009f"); /* C1, which some terminals obey */
}

static void bidirectional_controls_are_shown_as_escapes(void **state) {
    (void)state;
    expect("a\xe2\x80\xae"
           "b\xe2\x81\xa6"
           "c\xd8\x9c\xe2\x80\x8f",
           "a\\u202eb\\u2066c\\u061c\\u200f");
}

static void bytes_that_are_no_utf8_are_shown_as_escapes(void **state) {
    (void)state;
    expect("\x9b"
           "31m",
           "\\x9b31m");                                 /* C1 in one byte */
    expect("\xc0\x9b", "\\xc0\\x9b");                   /* ESC in a form that is too long */
    expect("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* a surrogate */
    expect("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* beyond U+10FFFF */
    expect("\xe2\x80", "\\xe2\\x80");                   /* cut */
}

static void plain_text_stays(void **state) {
    (void)state;
    expect("a\tb\nc \xc2\xa0\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \\",
           "a\tb\nc \xc2\xa0\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \\");
}

static void expect_word(const char *word, const char *shown) {
    struct buffer out = {0};
    printable_append_word(&out, word);
    assert_string_equal(buffer_text(&out), shown);
    buffer_close(&out);
}

static void a_word_is_quoted_for_a_shell(void **state) {
    (void)state;
    expect_word("--out=a/b.csv", "--out=a/b.csv");
    expect_word("", "''");
    expect_word("a b", "'a b'");
    expect_word("${in.x}; rm", "'${in.x}; rm'");
    expect_word("it's", "'it'\\''s'");
    expect_word("a\nb\x1b", "'a\\nb\\x1b'");
}

static void a_line_stays_one_line(void **state) {
    struct buffer out = {0};
    (void)state;
    printable_append_line(&out, "a\nb\tc\x1b");
    assert_string_equal(buffer_text(&out), "a\\nb\\tc\\x1b");
    buffer_close(&out);
}

static void a_character_that_is_cut_waits_for_its_rest(void **state) {
    (void)state;
    assert_int_equal(printable_open_end("a\xe2\x80", 3), 2);
    assert_int_equal(printable_open_end("\xf0\x9f\x98", 3), 3);
    assert_int_equal(printable_open_end("a\xe2\x80\xae", 4), 0);
    assert_int_equal(printable_open_end("abc", 3), 0);
    assert_int_equal(printable_open_end("\x80\x80\x80", 3), 0);
    assert_int_equal(printable_open_end("", 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_characters_are_shown_as_escapes),
        cmocka_unit_test(bidirectional_controls_are_shown_as_escapes),
        cmocka_unit_test(bytes_that_are_no_utf8_are_shown_as_escapes),
        cmocka_unit_test(plain_text_stays),
        cmocka_unit_test(a_word_is_quoted_for_a_shell),
        cmocka_unit_test(a_line_stays_one_line),
        cmocka_unit_test(a_character_that_is_cut_waits_for_its_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
