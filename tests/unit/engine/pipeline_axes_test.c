/* Axes that stand as an object: the values that reading makes of them. */
#include "tests/unit/engine/pipeline_fixture.h"

/* Compares the values of the axis x, as canonical JSON, with a list. */
static void expect_values(const char *axis, const char *expected) {
    char *text =
        mem_printf("{\"retort\":1,\"name\":\"n\",\"params\":{\"three\":3},\"stages\":{\"s\":{\"matrix\":{\"x\":%s},"
                   "\"cmd\":[\"echo\",\"${matrix.x}\"]}}}",
                   axis);
    struct pipeline *p = read_good(text);
    const struct value *list = stage(p, "s")->matrix.axes[0].values;
    struct buffer found = {0};
    assert_int_equal(list->type, VALUE_LIST);
    for (size_t i = 0; i < list->as.list.count; i++) {
        buffer_puts(&found, i ? "," : "[");
        json_canonical(&found, list->as.list.items[i]->as.literal);
    }
    buffer_puts(&found, "]");
    assert_string_equal(buffer_text(&found), expected);
    buffer_close(&found);
    pipeline_free(p);
    free(text);
}

static void a_range_includes_its_stop(void **state) {
    (void)state;
    expect_values("{\"range\":{\"start\":1,\"stop\":9,\"step\":2}}", "[1,3,5,7,9]");
    expect_values("{\"range\":{\"start\":5,\"stop\":5,\"step\":1}}", "[5]");
    expect_values("{\"range\":{\"start\":2,\"stop\":-2,\"step\":-2}}", "[2,0,-2]");
}

static void a_range_ends_before_a_stop_that_no_step_reaches(void **state) {
    (void)state;
    expect_values("{\"range\":{\"start\":0,\"stop\":1,\"step\":0.4}}", "[0,0.4,0.8]");
}

/* Sums of doubles would give 0.30000000000000004 here. */
static void the_numbers_of_a_range_are_the_decimals_meant(void **state) {
    (void)state;
    expect_values("{\"range\":{\"start\":0.1,\"stop\":0.8,\"step\":0.1}}", "[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8]");
    expect_values("{\"range\":{\"start\":0,\"stop\":3e-7,\"step\":1e-7}}", "[0,1e-7,2e-7,3e-7]");
    expect_values("{\"range\":{\"start\":1e21,\"stop\":3e21,\"step\":1e21}}", "[1e+21,2e+21,3e+21]");
}

static void a_range_takes_params(void **state) {
    (void)state;
    expect_values("{\"range\":{\"start\":1,\"stop\":\"${params.three}\",\"step\":1}}", "[1,2,3]");
}

static void powers_of_ten_in_a_logspace_are_exact(void **state) {
    (void)state;
    expect_values("{\"logspace\":{\"start\":1e-5,\"stop\":0.1,\"count\":5}}", "[0.00001,0.0001,0.001,0.01,0.1]");
    expect_values("{\"logspace\":{\"start\":1000,\"stop\":1,\"count\":4}}", "[1000,100,10,1]");
    expect_values("{\"logspace\":{\"start\":1e-300,\"stop\":1e300,\"count\":3}}", "[1e-300,1,1e+300]");
}

/* The square root of 10 is 3.16227766016837933; that of 2 is 1.41421356237309505. */
static void other_numbers_of_a_logspace_have_twelve_digits(void **state) {
    (void)state;
    expect_values("{\"logspace\":{\"start\":1,\"stop\":10,\"count\":3}}", "[1,3.16227766017,10]");
    expect_values("{\"logspace\":{\"start\":1,\"stop\":2,\"count\":3}}", "[1,1.41421356237,2]");
}

/* 2^(1/3) is 1.259921049894873 and 2^(2/3) is 1.587401051968199. */
static void the_numbers_of_a_logspace_have_one_ratio(void **state) {
    (void)state;
    expect_values("{\"logspace\":{\"start\":1,\"stop\":2,\"count\":4}}", "[1,1.25992104989,1.58740105197,2]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_includes_its_stop),
        cmocka_unit_test(a_range_ends_before_a_stop_that_no_step_reaches),
        cmocka_unit_test(the_numbers_of_a_range_are_the_decimals_meant),
        cmocka_unit_test(a_range_takes_params),
        cmocka_unit_test(powers_of_ten_in_a_logspace_are_exact),
        cmocka_unit_test(other_numbers_of_a_logspace_have_twelve_digits),
        cmocka_unit_test(the_numbers_of_a_logspace_have_one_ratio),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
