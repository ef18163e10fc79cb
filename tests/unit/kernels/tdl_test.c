#include "tests/unit/kernels/link_fixture.h"

#include "kernels/reference/link_reference.h"
#include "kernels/tdl.h"

static const enum link_profile profiles[] = {LINK_TDL_A, LINK_TDL_B, LINK_TDL_C, LINK_TDL_D, LINK_TDL_E};
enum { PROFILES = sizeof profiles / sizeof profiles[0], ANTENNAS = 2, F = 48 };

static const double spacing = 15e3;

/* Powers sum to 1, the RMS delay is one spread (TDL-D's .994), and K is the line of sight over the first tap. */
static void profiles_are_normalised(void **state) {
    static const int taps[] = {23, 23, 24, 13, 14};
    static const double rms[] = {1, 1, 1, .994, 1}, k_db[] = {0, 0, 0, 13.3, 22};
    (void)state;
    for (int i = 0; i < PROFILES; i++) {
        struct tdl_profile p;
        tdl_profile_get(&p, profiles[i]);
        double sum = p.los_power, mean = 0, square = 0;
        assert_int_equal(p.taps, taps[i]);
        for (int l = 0; l < p.taps; l++) {
            sum += p.power[l];
            mean += p.power[l] * p.delay[l];
            square += p.power[l] * p.delay[l] * p.delay[l];
        }
        within("power", sum, 1, 1e-12);
        within("rms delay", sqrt(square - mean * mean), rms[i], 6e-4);
        if (k_db[i] > 0)
            within("K", 10 * log10(p.los_power / p.power[0]), k_db[i], 1e-9);
        else
            within("line of sight", p.los_power, 0, 0);
    }
}

static void correlations_follow_their_formulae(void **state) {
    struct tdl_profile p;
    (void)state;
    tdl_profile_get(&p, LINK_TDL_E);
    for (int lag = -13; lag <= 13; lag++) {
        double turn = 2 * M_PI * 500 * lag * 1e-3 / 14;
        double complex los = tdl_los_correlation(&p, 500, spacing, lag), frequency = 0;
        within("J0", tdl_time_correlation(500, spacing, lag), j0(turn), 1e-13);
        within("J0, far", tdl_time_correlation(5000, spacing, lag), j0(10 * turn), 1e-12);
        within("30 kHz", tdl_time_correlation(500, 2 * spacing, lag), j0(turn / 2), 1e-13);
        within("los", creal(los), p.los_power * cos(.7 * turn), 1e-13);
        within("los", cimag(los), p.los_power * sin(.7 * turn), 1e-13);
        for (int l = 0; l < p.taps; l++)
            frequency += p.power[l] * cexp(CMPLX(0, -2 * M_PI * lag * spacing * 200e-9 * p.delay[l]));
        within("frequency", cabs(tdl_frequency_correlation(&p, 200e-9, spacing, lag) - frequency), 0, 1e-13);
    }
}

/* Sines in single precision, 13 steps of a phasor, phases up to 2 pi 20 F spacing spread: 3e-5 in all. */
static void the_channel_is_the_direct_sum_of_its_taps(void **state) {
    enum { ODD_F = 36, ODD_ANTENNAS = 3 };
    static float complex h[SLOT_SYMBOLS * ODD_F * ODD_ANTENNAS];
    static double complex expected[SLOT_SYMBOLS * ODD_F * ODD_ANTENNAS];
    void *workspace = get_memory(tdl_channel_workspace_bytes(ODD_F, ODD_ANTENNAS));
    (void)state;
    for (int path = 0; path < CODE_PATHS; path++) {
        if (kernels_platform_pin(code_paths[path]) != 0)
            continue;
        for (int i = 0; i < PROFILES; i++) {
            struct tdl_profile p;
            struct rng r, same;
            tdl_profile_get(&p, profiles[i]);
            rng_init(&r, 41, RNG_TEST, 0, 0);
            same = r;
            tdl_channel(h, &p, 250e-9, 430, spacing, .5f, ODD_F, ODD_ANTENNAS, &r, workspace);
            tdl_channel_reference(expected, &p, 250e-9, 430, spacing, .5, ODD_F, ODD_ANTENNAS, &same);
            for (int e = 0; e < SLOT_SYMBOLS * ODD_F * ODD_ANTENNAS; e++) {
                within("re", (double)crealf(h[e]), creal(expected[e]), 3e-5);
                within("im", (double)cimagf(h[e]), cimag(expected[e]), 3e-5);
            }
            assert_int_equal(r.counter[0], same.counter[0]);
            assert_int_equal(r.used, same.used);
        }
    }
    kernels_platform_pin(NULL);
    free(workspace);
}

static void every_code_path_gives_the_same_bytes(void **state) {
    static float complex expected[SLOT_SYMBOLS * F * ANTENNAS], actual[SLOT_SYMBOLS * F * ANTENNAS];
    void *workspace = get_memory(tdl_channel_workspace_bytes(F, ANTENNAS));
    struct tdl_profile p;
    (void)state;
    tdl_profile_get(&p, LINK_TDL_E);
    for (int path = 0; path < CODE_PATHS; path++) {
        struct rng r;
        if (kernels_platform_pin(code_paths[path]) != 0)
            continue;
        rng_init(&r, 42, RNG_TEST, 0, 0);
        tdl_channel(actual, &p, 300e-9, 500, spacing, 1, F, ANTENNAS, &r, workspace);
        if (path == 0)
            memcpy(expected, actual, sizeof actual);
        assert_same("channel", (float *)actual, (float *)expected, 2 * SLOT_SYMBOLS * F * ANTENNAS);
    }
    kernels_platform_pin(NULL);
    free(workspace);
}

enum { SLOTS = 3000, LAST = SLOT_SYMBOLS - 1 };

/* Taps of one slot with equal, unit powers, so that a mean over taps is a mean over like things. */
static void fade_equal_taps(float *re, float *im, uint32_t index, double los_power, void *workspace) {
    struct tdl_profile p = {.taps = TDL_TAPS, .los_power = los_power};
    struct rng r;
    for (int l = 0; l < TDL_TAPS; l++)
        p.power[l] = 1;
    rng_init(&r, 43, RNG_TEST, index, 0);
    tdl_fade(re, im, &p, 500, spacing, ANTENNAS, &r, workspace);
}

static double complex tap_at(const float *re, const float *im, int s, int a, int l) {
    int at = (s * ANTENNAS + a) * TDL_TAPS + l;
    return CMPLX((double)re[at], (double)im[at]);
}

/* E h(t) conj h(0) = J0, E|h|^4 = 2 - 1/20 for 20 equal sinusoids of free phase, antennas and taps independent. */
static void taps_fade_as_jakes(void **state) {
    static float re[SLOT_SYMBOLS * ANTENNAS * TDL_TAPS], im[SLOT_SYMBOLS * ANTENNAS * TDL_TAPS];
    static struct sample in_phase[SLOT_SYMBOLS], quadrature[SLOT_SYMBOLS], fourth, antennas, taps;
    void *workspace = get_memory(tdl_fade_workspace_bytes());
    (void)state;
    for (uint32_t i = 0; i < SLOTS; i++) {
        fade_equal_taps(re, im, i, 0, workspace);
        for (int s = 0; s < SLOT_SYMBOLS; s++) {
            double complex product = 0;
            for (int l = 0; l < TDL_TAPS; l++)
                product += tap_at(re, im, s, 1, l) * conj(tap_at(re, im, 0, 1, l)) / TDL_TAPS;
            sample_add(&in_phase[s], creal(product));
            sample_add(&quadrature[s], cimag(product));
        }
        double power = cabs(tap_at(re, im, 5, 0, 3)) * cabs(tap_at(re, im, 5, 0, 3));
        sample_add(&fourth, power * power);
        sample_add(&antennas, creal(tap_at(re, im, 5, 0, 3) * conj(tap_at(re, im, 5, 1, 3))));
        sample_add(&taps, creal(tap_at(re, im, 5, 0, 3) * conj(tap_at(re, im, 5, 0, 4))));
    }
    for (int s = 0; s < SLOT_SYMBOLS; s++) {
        five_sigma("in phase", &in_phase[s], j0(2 * M_PI * 500 * s * 1e-3 / 14));
        five_sigma("quadrature", &quadrature[s], 0);
    }
    five_sigma("fourth moment", &fourth, 2 - 1.0 / TDL_SINUSOIDS);
    five_sigma("between antennas", &antennas, 0);
    five_sigma("between taps", &taps, 0);
    free(workspace);
}

/* The line of sight rides on the first tap alone, turns at .7 of the Doppler and starts anywhere on each antenna. */
static void the_line_of_sight_turns_steadily(void **state) {
    static float re[SLOT_SYMBOLS * ANTENNAS * TDL_TAPS], im[SLOT_SYMBOLS * ANTENNAS * TDL_TAPS];
    static struct sample real, imaginary, start, between, second;
    void *workspace = get_memory(tdl_fade_workspace_bytes());
    const double turn = 2 * M_PI * 500 * LAST * 1e-3 / 14, los = 9;
    (void)state;
    for (uint32_t i = 0; i < SLOTS; i++) {
        fade_equal_taps(re, im, i, los, workspace);
        double complex product = tap_at(re, im, LAST, 0, 0) * conj(tap_at(re, im, 0, 0, 0));
        sample_add(&real, creal(product));
        sample_add(&imaginary, cimag(product));
        sample_add(&start, creal(tap_at(re, im, 0, 0, 0)));
        sample_add(&between, creal(tap_at(re, im, 0, 0, 0) * conj(tap_at(re, im, 0, 1, 0))));
        sample_add(&second, pow(cabs(tap_at(re, im, 0, 0, 1)), 2));
    }
    five_sigma("real", &real, j0(turn) + los * cos(.7 * turn));
    five_sigma("imaginary", &imaginary, los * sin(.7 * turn));
    five_sigma("start", &start, 0);
    five_sigma("between antennas", &between, 0);
    five_sigma("second tap", &second, 1);
    free(workspace);
}

/* Unit long-term power, and correlation over frequency as the Fourier transform of the power delay profile. */
static void the_frequency_correlation_is_the_transform_of_the_profile(void **state) {
    static float complex h[SLOT_SYMBOLS * F];
    void *workspace = get_memory(tdl_channel_workspace_bytes(F, 1));
    (void)state;
    for (int i = 0; i < PROFILES; i++) {
        struct sample real[3] = {{0}}, imaginary[3] = {{0}};
        static const int lags[3] = {0, 11, 47};
        struct tdl_profile p;
        tdl_profile_get(&p, profiles[i]);
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            struct rng r;
            rng_init(&r, 44, RNG_TEST, slot, (uint32_t)i);
            tdl_channel(h, &p, 300e-9, 100, spacing, 1, F, 1, &r, workspace);
            for (int n = 0; n < 3; n++) {
                float complex product = h[7 * F + lags[n]] * conjf(h[7 * F]);
                sample_add(&real[n], (double)crealf(product));
                sample_add(&imaginary[n], (double)cimagf(product));
            }
        }
        for (int n = 0; n < 3; n++) {
            double complex expected = p.los_power;
            for (int l = 0; l < p.taps; l++)
                expected += p.power[l] * cexp(CMPLX(0, -2 * M_PI * lags[n] * spacing * 300e-9 * p.delay[l]));
            five_sigma("real", &real[n], creal(expected));
            five_sigma("imaginary", &imaginary[n], cimag(expected));
        }
    }
    free(workspace);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(profiles_are_normalised),
        cmocka_unit_test(correlations_follow_their_formulae),
        cmocka_unit_test(the_channel_is_the_direct_sum_of_its_taps),
        cmocka_unit_test(every_code_path_gives_the_same_bytes),
        cmocka_unit_test(taps_fade_as_jakes),
        cmocka_unit_test(the_line_of_sight_turns_steadily),
        cmocka_unit_test(the_frequency_correlation_is_the_transform_of_the_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
