#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/csv.h"

static void expect_cells(char separator, const char *text, const char *const *cells, size_t count, size_t rows) {
    struct csv csv;
    struct error err = {0};
    if (csv_parse(&csv, text, strlen(text), separator, &err))
        fail_msg("%s", err.message);
    assert_int_equal(csv.rows, rows);
    assert_int_equal(csv.cell_count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(csv.cells[i], cells[i]);
    csv_close(&csv);
}

static void reads_csv_of_rfc_4180(void **state) {
    (void)state;
    expect_cells(',', "a,b\r\n1,\r\n", (const char *const[]){"a", "b", "1", ""}, 4, 2);
    expect_cells(',', "\"x, y\",\"say \"\"hi\"\"\"\n\"two\nlines\",\"\"",
                 (const char *const[]){"x, y", "say \"hi\"", "two\nlines", ""}, 4, 2);
    expect_cells(',', "\n\na\n\n\nb\n", (const char *const[]){"a", "b"}, 2, 2);
}

static void refuses_faulty_csv(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"a\n\"b", "line 2: a quote is not closed"},
        {"\"a\"b,c", "line 1: text after a closed quote"},
        {"a\n\"x\ny\"z", "line 3: text after a closed quote"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct csv csv;
        struct error err = {0};
        assert_int_equal(csv_parse(&csv, cases[i].text, strlen(cases[i].text), ',', &err), ERR_INVALID);
        assert_string_equal(err.message, cases[i].part);
        csv_close(&csv);
    }
}

static void a_cell_reads_back_as_it_was_written(void **state) {
    (void)state;
    static const char *const texts[] = {"plain", "a,b", "\"", "line\nline", ""};
    struct buffer out = {0};
    for (size_t i = 0; i < 5; i++) {
        buffer_puts(&out, i ? "," : "");
        csv_cell(&out, texts[i]);
    }
    expect_cells(',', buffer_text(&out), texts, 5, 1);
    buffer_close(&out);
}

static void tabs_part_the_cells_of_tsv(void **state) {
    (void)state;
    static const char *const cells[] = {"a", "b,c", "d\te", "f"};
    expect_cells('\t', "a\tb,c\n\"d\te\"\tf\n", cells, 4, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tabs_part_the_cells_of_tsv),
        cmocka_unit_test(reads_csv_of_rfc_4180),
        cmocka_unit_test(refuses_faulty_csv),
        cmocka_unit_test(a_cell_reads_back_as_it_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
