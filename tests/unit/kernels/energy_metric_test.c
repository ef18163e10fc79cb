#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/code_path.h"
#include "kernels/energy_metric.h"
#include "kernels/peak.h"

static void assert_close(double actual, double expected, double share) {
    if (!(fabs(actual - expected) <= share * fabs(expected)))
        fail_msg("%.17g where %.17g was expected", actual, expected);
}

/* DeepRx's 10.63 GFLOP on the Coral's 4 TOPS at 2 W are 5.3 mJ; 30 TFLOP would be 15 J. */
static void metric_0_gives_the_figures_of_the_paper(void **state) {
    (void)state;
    assert_close(energy_metric_0(10628567040.0, 4e12, 2), 5.31428352e-3, 1e-12);
    assert_close(energy_metric_0(30e12, 4e12, 2), 15, 1e-12);
    assert_close(energy_metric_0(3.6608e12, 3.6608e12, 185), 185, 1e-12); /* a second at the peak is the power */
}

/* kappa f^2 W / S, with no N in it. */
static void metric_1_follows_its_formula(void **state) {
    (void)state;
    assert_close(energy_metric_1(1e9, 64, 26, 2e9, 1e-27), 1e-27 * 4e18 * 1e9 / 64, 1e-12);
    assert_close(energy_metric_1(1e9, 64, 1, 2e9, 1e-27), energy_metric_1(1e9, 64, 26, 2e9, 1e-27), 1e-12);
    double kappa = energy_metric_1_kappa(185, 26, 2.2e9);
    assert_close(kappa * 26 * pow(2.2e9, 3), 185, 1e-12);
    assert_close(energy_metric_1(1e9, 64, 26, 2.2e9, kappa), energy_metric_0(1e9, 26 * 2.2e9 * 64, 185), 1e-12);
}

/* 1000 (6/2 + 5) + 300 (6/3 + 5) + 20 * 7 pJ by hand. */
static void metric_2_adds_up_its_layers(void **state) {
    (void)state;
    const struct energy_layer layers[] = {{1000, 2, 1}, {300, 3, 1}, {20, 9, 0}};
    const struct energy_coefficients c = {6e-12, 5e-12, 7e-12};
    assert_close(energy_metric_2(layers, 3, &c), (8000 + 2100 + 140) * 1e-12, 1e-12);
    assert_true(energy_metric_2(layers, 0, &c) == 0);
}

static void memory_energy_is_bytes_times_joules(void **state) {
    (void)state;
    assert_close(energy_memory(4e6, 160e-12), 6.4e-4, 1e-12);
}

/* r = r/2 + 1 from 0 is 2 - 2^(1-n), exactly, on every path of this processor. */
static void the_peak_loop_computes_what_it_counts(void **state) {
    (void)state;
    static const char *const paths[] = {"portable", "x86-64-avx2", "x86-64-avx512"};
    static const size_t lanes[] = {4, 8, 16};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (kernels_platform_pin(paths[i]) < 0)
            continue;
        assert_int_equal(peak_lanes(), lanes[i]);
        for (int n = 0; n <= 20; n++) {
            double flops;
            float r = peak_run((size_t)n, &flops);
            assert_true(r == (n ? 2.0F - ldexpf(1.0F, 1 - n) : 0.0F));
            assert_true(flops == 2.0 * n * (double)(lanes[i] * peak_registers()));
        }
    }
    kernels_platform_pin(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metric_0_gives_the_figures_of_the_paper),
        cmocka_unit_test(metric_1_follows_its_formula),
        cmocka_unit_test(metric_2_adds_up_its_layers),
        cmocka_unit_test(memory_energy_is_bytes_times_joules),
        cmocka_unit_test(the_peak_loop_computes_what_it_counts),
    };
    return cmocka_run_group_tests_name("energy_metric", tests, NULL, NULL);
}
