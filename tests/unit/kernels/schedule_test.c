/* The schedule at the points that its description names: 30,000 steps, warm-up 800, constant to 9,000, 0 at the end. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/deeprx.h"

static void assert_factor(uint64_t step, uint64_t steps, double expected) {
    assert_true(fabs(schedule_factor(step, steps) - expected) < 1e-12);
}

static void the_factor_follows_the_published_schedule(void **state) {
    (void)state;
    assert_factor(1, 30000, 1.0 / 800.0);
    assert_factor(400, 30000, 0.5);
    assert_factor(800, 30000, 1.0);
    assert_factor(5000, 30000, 1.0);
    assert_factor(9000, 30000, 1.0);
    assert_factor(19500, 30000, 0.5);
    assert_factor(29999, 30000, 1.0 / 21000.0);
    assert_factor(30000, 30000, 0.0);
}

static void the_schedule_scales_with_the_steps(void **state) {
    (void)state;
    for (uint64_t step = 1; step <= 300; step++)
        assert_factor(step, 300, schedule_factor(step * 100, 30000));
}

static void a_training_of_few_steps_has_a_schedule(void **state) {
    (void)state;
    assert_factor(1, 1, 0.0);
    assert_factor(1, 10, 1.0); /* past the warm-up of 0.27 steps */
    assert_factor(3, 10, 1.0);
    assert_factor(10, 10, 0.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_factor_follows_the_published_schedule),
        cmocka_unit_test(the_schedule_scales_with_the_steps),
        cmocka_unit_test(a_training_of_few_steps_has_a_schedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
