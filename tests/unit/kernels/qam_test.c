#include "tests/unit/kernels/link_fixture.h"

#include "kernels/reference/link_reference.h"
#include "kernels/rng.h"

/* All points of a constellation, point p having bit j = p >> j & 1. */
static size_t constellation(float complex *x, int bits_per_symbol) {
    static uint8_t bits[256 * MAX_BITS];
    size_t points = (size_t)1 << bits_per_symbol;
    for (size_t p = 0; p < points; p++)
        for (int j = 0; j < bits_per_symbol; j++)
            bits[p * (size_t)bits_per_symbol + (size_t)j] = p >> j & 1;
    qam_modulate(x, bits, points, bits_per_symbol);
    return points;
}

static void points_follow_the_formulae_of_the_standard(void **state) {
    (void)state;
    for (int b = 2; b <= MAX_BITS; b += 2) {
        float complex x[256];
        size_t points = constellation(x, b);
        for (size_t p = 0; p < points; p++) {
            uint8_t bits[MAX_BITS];
            double complex expected;
            for (int j = 0; j < b; j++)
                bits[j] = p >> j & 1;
            qam_modulate_reference(&expected, bits, 1, b);
            within("I", (double)crealf(x[p]), creal(expected), 1e-7);
            within("Q", (double)cimagf(x[p]), cimag(expected), 1e-7);
        }
    }
}

/* 16-QAM by hand: 0000 is 1+j, 0010 is 3+j; 1011 has I = -(2+1) and Q = 2+1 (b1 = 0, b3 = 1), over sqrt 10. */
static void points_are_those_worked_out_by_hand(void **state) {
    static const uint8_t bits[3][4] = {{0, 0, 0, 0}, {0, 0, 1, 0}, {1, 0, 1, 1}};
    static const double expected[3][2] = {{1, 1}, {3, 1}, {-3, 3}};
    float complex x[3];
    (void)state;
    qam_modulate(x, &bits[0][0], 3, 4);
    for (int i = 0; i < 3; i++) {
        within("I", (double)crealf(x[i]) * sqrt(10), expected[i][0], 1e-6);
        within("Q", (double)cimagf(x[i]) * sqrt(10), expected[i][1], 1e-6);
    }
}

static void points_have_unit_energy_and_gray_neighbours(void **state) {
    (void)state;
    for (int b = 2; b <= MAX_BITS; b += 2) {
        float complex x[256];
        size_t points = constellation(x, b), neighbours = 0;
        double energy = 0, spacing = 2 / sqrt(2.0 * (double)(points - 1) / 3);
        for (size_t p = 0; p < points; p++)
            energy += (double)(crealf(x[p]) * crealf(x[p]) + cimagf(x[p]) * cimagf(x[p]));
        within("energy", energy / (double)points, 1, 1e-6);
        for (size_t p = 0; p < points; p++)
            for (size_t q = 0; q < p; q++)
                if ((double)cabsf(x[p] - x[q]) < 1.01 * spacing) {
                    assert_int_equal(__builtin_popcountll(p ^ q), 1);
                    neighbours++;
                }
        size_t side = (size_t)1 << (b / 2);
        assert_int_equal(neighbours, 2 * side * (side - 1)); /* the edges of a side x side grid */
    }
}

enum { SYMBOLS = 301 };

static void received_symbols(float complex *z, float *var, int bits_per_symbol) {
    uint8_t bits[SYMBOLS * MAX_BITS];
    float noise[2 * SYMBOLS];
    struct rng r;
    rng_init(&r, 21, RNG_TEST, (uint32_t)bits_per_symbol, 0);
    for (int i = 0; i < SYMBOLS * bits_per_symbol; i++)
        bits[i] = rng_u32(&r) & 1;
    qam_modulate(z, bits, SYMBOLS, bits_per_symbol);
    rng_fill_normal(&r, noise, 2 * SYMBOLS, 1);
    for (int n = 0; n < SYMBOLS; n++) {
        var[n] = powf(10, -4 * (float)rng_uniform(&r)); /* 0 to 40 dB */
        z[n] += sqrtf(var[n] / 2) * CMPLXF(noise[2 * n], noise[2 * n + 1]);
    }
}

/* Single precision resolves a metric |z|^2/var of up to some 1e5 to 6e-8 of itself. */
static void the_demapper_is_the_sum_over_all_points(void **state) {
    (void)state;
    for (int b = 2; b <= MAX_BITS; b += 2)
        for (int demapper = LINK_DEMAP_EXACT; demapper <= LINK_DEMAP_MAXLOG; demapper++) {
            float complex z[SYMBOLS];
            float var[SYMBOLS], llr[SYMBOLS * MAX_BITS];
            received_symbols(z, var, b);
            qam_demap(llr, z, var, SYMBOLS, b, (enum link_demapper)demapper);
            for (int n = 0; n < SYMBOLS; n++) {
                double complex wide = CMPLX((double)crealf(z[n]), (double)cimagf(z[n]));
                double wide_var = (double)var[n], expected[MAX_BITS];
                qam_demap_reference(expected, &wide, &wide_var, 1, b, (enum link_demapper)demapper);
                for (int j = 0; j < b; j++)
                    within("llr", (double)llr[n * b + j], expected[j],
                           1e-5 + 1e-6 * (cabs(wide) + 2) * (cabs(wide) + 2) / wide_var);
            }
        }
}

static void every_code_path_demaps_to_the_same_bytes(void **state) {
    float complex z[SYMBOLS];
    float var[SYMBOLS], expected[SYMBOLS * MAX_BITS], actual[SYMBOLS * MAX_BITS];
    (void)state;
    received_symbols(z, var, MAX_BITS);
    for (int demapper = LINK_DEMAP_EXACT; demapper <= LINK_DEMAP_MAXLOG; demapper++)
        for (int p = 0; p < CODE_PATHS; p++) {
            if (kernels_platform_pin(code_paths[p]) != 0)
                continue;
            qam_demap(actual, z, var, SYMBOLS, MAX_BITS, (enum link_demapper)demapper);
            if (p == 0)
                memcpy(expected, actual, sizeof actual);
            assert_same("llr", actual, expected, sizeof actual / sizeof(float));
        }
    kernels_platform_pin(NULL);
}

/* Positive means 1; a symbol that is sure or says nothing still has finite numbers. */
static void the_demapper_stays_finite_at_the_extremes(void **state) {
    (void)state;
    for (int b = 2; b <= MAX_BITS; b += 2)
        for (int demapper = LINK_DEMAP_EXACT; demapper <= LINK_DEMAP_MAXLOG; demapper++) {
            float complex x[256];
            float sure[256] = {0}, blind[256], llr[256 * MAX_BITS];
            size_t points = constellation(x, b), n = points * (size_t)b;
            for (size_t p = 0; p < points; p++)
                blind[p] = INFINITY;
            qam_demap(llr, x, sure, points, b, (enum link_demapper)demapper);
            for (size_t i = 0; i < n; i++) {
                assert_true(isfinite(llr[i]));
                assert_int_equal(llr[i] > 0, i / (size_t)b >> i % (size_t)b & 1);
            }
            qam_demap(llr, x, blind, points, b, (enum link_demapper)demapper);
            for (size_t i = 0; i < n; i++)
                within("blind", (double)llr[i], 0, 0);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_follow_the_formulae_of_the_standard),
        cmocka_unit_test(points_are_those_worked_out_by_hand),
        cmocka_unit_test(points_have_unit_energy_and_gray_neighbours),
        cmocka_unit_test(the_demapper_is_the_sum_over_all_points),
        cmocka_unit_test(every_code_path_demaps_to_the_same_bytes),
        cmocka_unit_test(the_demapper_stays_finite_at_the_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
