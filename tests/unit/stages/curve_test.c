#include "stages/curve.h"

#include <math.h>

#include "tests/unit/stages/fixture.h"

static void assert_near(double a, double b) {
    if (!(fabs(a - b) < 1e-12))
        fail_msg("%.17g is not %.17g", a, b);
}

/* By hand: log10 of 1/10, 1/100 and (1/2)/1000 are -1, -2 and -3.30103; their mean is -2.10034. */
static void the_geometric_mean_is_the_one_by_hand(void **state) {
    (void)state;
    struct curve_point points[3] = {{.sinr_db = 0}, {.sinr_db = 10}, {.sinr_db = 20}};
    struct curve c = {"network", points, 3};
    size_t floored;
    curve_count(&points[0], 100, 1000);
    curve_count(&points[1], 10, 1000);
    curve_count(&points[2], 0, 1000);
    assert_near(curve_gm_ber(&c, &floored), (-1 - 2 - 3 - 0.30102999566398120) / 3);
    assert_int_equal(floored, 1);
}

static void a_closed_form_has_a_geometric_mean_without_a_floor(void **state) {
    (void)state;
    struct curve_point points[2] = {{.sinr_db = 0, .ber = 1e-1}, {.sinr_db = 1, .ber = 1e-7}};
    struct curve c = {"awgn", points, 2};
    size_t floored;
    assert_near(curve_gm_ber(&c, &floored), -4);
    assert_int_equal(floored, 0);
}

/* A straight line from 1e-2 at 10 dB to 1e-4 at 14 dB is at 1e-3 half way. */
static void a_crossing_between_points_is_interpolated(void **state) {
    (void)state;
    struct curve_point points[3] = {{0, 1000, 200, 0.2}, {10, 1000, 10, 0.01}, {14, 10000, 1, 0.0001}};
    struct curve c = {"network", points, 3};
    double at_db;
    assert_true(curve_reaches(&at_db, &c, 1e-3));
    assert_near(at_db, 12);
    assert_false(curve_reaches(&at_db, &c, 1e-5));
    assert_false(curve_reaches(&at_db, &c, 0.5)); /* below from the first point on: where it was reached is not known */
    c.count = 2;
    assert_false(curve_reaches(&at_db, &c, 1e-3));
}

static void curves_are_written_as_csv_and_json(void **state) {
    (void)state;
    struct curve_point points[1] = {{-4, 8, 2, 0.25}}, closed[1] = {{0.5, 0, 0, 1e-7}};
    struct curve curves[2] = {{"network", points, 1}, {"awgn", closed, 1}};
    struct buffer text = {0};
    curves_csv(&text, curves, 2);
    assert_string_equal(buffer_text(&text), "curve,sinr_db,bits,errors,ber\nnetwork,-4,8,2,0.25\nawgn,0.5,,,1e-7\n");
    buffer_clear(&text);
    curves_json(&text, curves, 2);
    struct json_document *doc;
    struct error err = {0};
    assert_int_equal(json_parse(&doc, text.data, text.size, NULL, &err), 0);
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(json_root(doc), "rows");
    assert_int_equal(cJSON_GetArraySize(rows), 2);
    assert_near(json_double(cJSON_GetArrayItem(rows, 0), "errors", -1), 2);
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(rows, 1), "bits")));
    json_free(doc);
    buffer_close(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_geometric_mean_is_the_one_by_hand),
        cmocka_unit_test(a_closed_form_has_a_geometric_mean_without_a_floor),
        cmocka_unit_test(a_crossing_between_points_is_interpolated),
        cmocka_unit_test(curves_are_written_as_csv_and_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
