/* Ratios of work: a training whose operations are steps x batch x 3 x (a size to the power 1.5). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/memory.h"
#include "engine/energy/work.h"

static const struct kind *train(void) {
    const struct kind *kind = NULL;
    assert_int_equal(kind_find(&kind, "deeprx/train@1", NULL), 0);
    return kind;
}

static cJSON *parse(const char *text) {
    cJSON *tree = cJSON_Parse(text);
    assert_non_null(tree);
    return tree;
}

/* As many operations as they say. `more` are further components. */
static size_t add(struct work *w, double size, double steps, double seed, const char *more, double operations) {
    char *components =
        mem_printf("{\"kind\":\"x\",\"with.size\":%g,\"with.steps\":%g,\"with.seed\":%g%s}", size, steps, seed, more);
    char *metrics = mem_printf("{\"training_flops\":%.17g}", operations);
    cJSON *c = parse(components), *m = parse(metrics);
    size_t number = work_add(w, c, m);
    cJSON_Delete(c);
    cJSON_Delete(m);
    free(metrics);
    free(components);
    return number;
}

static double operations(double size, double steps) {
    return 3e6 * steps * 32 * pow(size, 1.5); /* 32: the batch's default */
}

static void ask(struct work *w, const char *components) {
    cJSON *c = parse(components);
    work_ask(w, c);
    cJSON_Delete(c);
}

static void assert_ratio(const struct work *w, size_t number, double wanted) {
    double found = work_ratio(w, number);
    if (!(fabs(found - wanted) <= 1e-9 * wanted))
        fail_msg("%.17g where %.17g was expected", found, wanted);
}

static void test_a_size_that_never_ran(void **state) {
    struct work *w = work_create(train());
    (void)state;
    size_t small = add(w, 7, 300, 1, "", operations(7, 300)), large = add(w, 11, 300, 1, "", operations(11, 300));
    ask(w, "{\"kind\":\"x\",\"with.size\":30,\"with.steps\":300,\"with.seed\":4}");
    assert_ratio(w, small, pow(30 / 7.0, 1.5));
    assert_ratio(w, large, pow(30 / 11.0, 1.5));
    ask(w, "{\"kind\":\"x\",\"with.size\":11,\"with.steps\":300,\"with.seed\":1}");
    assert_ratio(w, large, 1);
    work_free(w);
}

/* Steps and batch count in full, with one record only, also where one is left at its default. */
static void test_what_the_work_is_proportional_to(void **state) {
    struct work *w = work_create(train());
    (void)state;
    size_t first = add(w, 7, 300, 1, "", operations(7, 300));
    ask(w, "{\"kind\":\"x\",\"with.size\":7,\"with.seed\":1,\"with.batch\":8}"); /* 3000 steps */
    assert_ratio(w, first, 3000 / 300.0 * 8 / 32);
    work_free(w);
}

/* No two records show what a seed, or an untried parameter, does to the work: nothing. */
static void test_what_changes_nothing(void **state) {
    struct work *w = work_create(train());
    (void)state;
    size_t first = add(w, 7, 300, 1, "", operations(7, 300));
    add(w, 7, 300, 9, "", operations(7, 300));
    ask(w, "{\"kind\":\"x\",\"with.size\":7,\"with.steps\":300,\"with.seed\":3,\"with.alpha\":9}");
    assert_ratio(w, first, 1);
    work_free(w);
}

/* Two that differ in more than the size, here in a teacher, say nothing of it. */
static void test_only_what_differs_in_one_thing_is_compared(void **state) {
    struct work *w = work_create(train());
    (void)state;
    size_t first = add(w, 7, 300, 1, "", operations(7, 300));
    add(w, 11, 300, 1, ",\"in.teacher\":\"abc\"", 5 * operations(11, 300));
    ask(w, "{\"kind\":\"x\",\"with.size\":14,\"with.steps\":300,\"with.seed\":1}");
    assert_ratio(w, first, 1);
    size_t third = add(w, 28, 600, 1, "", operations(28, 600)); /* steps are known to be proportional */
    ask(w, "{\"kind\":\"x\",\"with.size\":14,\"with.steps\":300,\"with.seed\":1}");
    assert_ratio(w, first, pow(2, 1.5));
    assert_ratio(w, third, pow(0.5, 1.5) / 2);
    work_free(w);
}

static void test_nor_two_that_differ_in_two_numbers(void **state) {
    struct work *w = work_create(train());
    (void)state;
    size_t first = add(w, 7, 300, 1, "", operations(7, 300));
    add(w, 11, 300, 1, ",\"with.temperature\":5", 5 * operations(11, 300));
    ask(w, "{\"kind\":\"x\",\"with.size\":14,\"with.steps\":300,\"with.seed\":1}");
    assert_ratio(w, first, 1);
    work_free(w);
}

static void test_a_command_has_no_work(void **state) {
    struct work *w = work_create(NULL);
    (void)state;
    size_t first = add(w, 7, 300, 1, "", 1);
    ask(w, "{\"with.size\":30}");
    assert_ratio(w, first, 1);
    work_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_size_that_never_ran),
        cmocka_unit_test(test_what_the_work_is_proportional_to),
        cmocka_unit_test(test_what_changes_nothing),
        cmocka_unit_test(test_only_what_differs_in_one_thing_is_compared),
        cmocka_unit_test(test_nor_two_that_differ_in_two_numbers),
        cmocka_unit_test(test_a_command_has_no_work),
    };
    return cmocka_run_group_tests_name("energy_work", tests, NULL, NULL);
}
