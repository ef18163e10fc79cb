#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/report/table.h"

static struct table *sample(void) {
    struct table *t = table_create();
    table_row(t);
    table_text(t, "name", "a, \"b\"");
    table_number(t, "value", 0.5, 6);
    table_row(t);
    table_text(t, "name", "µ");
    table_number(t, "value", (double)NAN, 6);
    table_number(t, "late", 12, 6);
    return t;
}

static void check_print(enum table_format format, const char *expected) {
    struct table *t = sample();
    struct buffer out = {0};
    table_print(&out, t, format);
    assert_string_equal(buffer_text(&out), expected);
    buffer_close(&out);
    table_free(t);
}

static void test_text_aligns_by_characters(void **state) {
    (void)state;
    check_print(TABLE_TEXT, "name    value  late\n"
                            "a, \"b\"    0.5\n"
                            "µ                12\n");
}

static void test_csv_quotes_as_rfc_4180(void **state) {
    (void)state;
    check_print(TABLE_CSV, "name,value,late\n\"a, \"\"b\"\"\",0.5,\nµ,,12\n");
}

static void test_json_leaves_out_empty_cells(void **state) {
    (void)state;
    check_print(TABLE_JSON,
                "[\n {\"name\":\"a, \\\"b\\\"\",\"value\":0.5},\n {\"name\":\"µ\",\"value\":null,\"late\":12}\n]\n");
}

static void test_markdown_escapes_bars(void **state) {
    (void)state;
    struct table *t = table_create();
    struct buffer out = {0};
    table_row(t);
    table_text(t, "name", "a|b");
    table_number(t, "value", 0.5, 6);
    table_print(&out, t, TABLE_MARKDOWN);
    assert_string_equal(buffer_text(&out), "| name | value |\n|---|---:|\n| a\\|b | 0.5 |\n");
    buffer_close(&out);
    table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_aligns_by_characters),
        cmocka_unit_test(test_csv_quotes_as_rfc_4180),
        cmocka_unit_test(test_json_leaves_out_empty_cells),
        cmocka_unit_test(test_markdown_escapes_bars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
