#include "stages/run/rows.h"

#include <math.h>

#include "stages/run/group.h"
#include "tests/unit/stages/fixture.h"

static void parse(struct rows *rows, const char *text, const cJSON *labels) {
    struct error err = {0};
    if (rows_parse(rows, text, strlen(text), "file", labels, &err))
        fail_msg("%s", err.message);
}

static void rows_of_every_form_are_read(void **state) {
    (void)state;
    struct rows rows = {0};
    cJSON *labels = cJSON_Parse("{\"seed\":1,\"model\":{\"label\":\"small\",\"x\":2},\"ber\":9}");
    double number;
    struct buffer text = {0};
    parse(&rows, "curve,ber\nnetwork,0.5\nls,\n", labels);
    parse(&rows, " {\"rows\":[{\"curve\":\"genie\",\"ber\":0.25,\"bits\":null}]}", NULL);
    parse(&rows, "{\"gm_ber\":-1.5}", NULL);
    parse(&rows, "[{\"a\":true}]", NULL);
    assert_int_equal(rows.count, 5);
    assert_true(row_number(&number, &rows.row[0], "ber"));
    assert_true(number == 9); /* the label stands before the column */
    assert_true(row_number(&number, &rows.row[2], "ber") && number == 0.25);
    assert_null(row_value(&rows.row[2], "bits"));
    assert_false(row_number(&number, &rows.row[0], "curve"));
    row_text(&text, &rows.row[0], "model");
    assert_string_equal(buffer_text(&text), "small");
    struct error err = {0};
    assert_int_equal(rows_require(&rows, "gm_bre", &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "did you mean \"gm_ber\"?"));
    assert_int_equal(rows_require(&rows, "gm_ber", &err), 0);
    cJSON *names = rows_labels(&rows, (const char *const[]){"seed", NULL}, false);
    char *shown = json_canonical_text(names);
    assert_string_equal(shown, "[\"model\",\"ber\",\"curve\"]");
    free(shown);
    cJSON_Delete(names);
    buffer_close(&text);
    rows_close(&rows);
    cJSON_Delete(labels);
}

static void faulty_rows_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "file: is empty"},
        {"a,b\n1\n", "file: row 2 has 1 cells, the header 2"},
        {"a,a\n1,2\n", "two columns are named \"a\""},
        {"{\"rows\":3}", "\"rows\" is not a list"},
        {"[1]", "a row is not an object"},
        {"{\"a\":01}", "file: 1:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rows rows = {0};
        struct error err = {0};
        assert_int_equal(rows_parse(&rows, cases[i].text, strlen(cases[i].text), "file", NULL, &err), ERR_INVALID);
        if (!strstr(err.message, cases[i].part))
            fail_msg("\"%s\" does not hold \"%s\"", err.message, cases[i].part);
        rows_close(&rows);
    }
}

/* 1, 2 and 6: mean 3, sample deviation sqrt((4 + 1 + 9) / 2) = sqrt 7. */
static void means_are_those_by_hand(void **state) {
    (void)state;
    struct rows rows = {0};
    struct groups groups;
    struct mean mean;
    struct error err = {0};
    cJSON *by_size = cJSON_Parse("[\"size\"]");
    parse(&rows, "size,seed,y\n7,1,1\n11,1,5\n7,2,2\n7,3,6\n", NULL);
    groups_make(&groups, &rows, NULL, by_size);
    assert_int_equal(groups.count, 2);
    assert_int_equal(groups.group[0].count, 3);
    assert_int_equal(group_mean(&mean, &rows, &groups.group[0], "y", "seed", SPREAD_STD, &err), 0);
    assert_true(mean.value == 3 && mean.count == 3);
    assert_true(fabs(mean.high - 3 - sqrt(7)) < 1e-12 && fabs(3 - mean.low - sqrt(7)) < 1e-12);
    assert_int_equal(group_mean(&mean, &rows, &groups.group[0], "y", "seed", SPREAD_RANGE, &err), 0);
    assert_true(mean.low == 1 && mean.high == 6);
    assert_int_equal(group_mean(&mean, &rows, &groups.group[1], "y", "", SPREAD_STD, &err), 0);
    assert_true(mean.value == 5 && mean.low == 5 && mean.high == 5);
    assert_int_equal(group_mean(&mean, &rows, &groups.group[0], "y", "", SPREAD_STD, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "two values of \"y\" fall on one place"));
    groups_close(&groups);
    cJSON_Delete(by_size);
    rows_close(&rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_every_form_are_read),
        cmocka_unit_test(faulty_rows_are_refused),
        cmocka_unit_test(means_are_those_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
