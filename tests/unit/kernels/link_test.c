#include "tests/unit/kernels/link_fixture.h"

#include <pthread.h>

#include "kernels/reference/link_reference.h"

static double power_of(float complex x) {
    return (double)crealf(x) * (double)crealf(x) + (double)cimagf(x) * (double)cimagf(x);
}

static void a_slot_counts_its_elements(void **state) {
    struct link_config c = laptop_config();
    (void)state;
    assert_int_equal(link_subcarriers(&c), 48);
    assert_int_equal(link_data_elements(&c), 48 * 13);
    assert_int_equal(link_feature_channels(&c, LINK_FEATURES_RAW), 10);
    assert_int_equal(link_feature_channels(&c, LINK_FEATURES_LS), 10);
    assert_int_equal(link_feature_channels(&c, LINK_FEATURES_MRC), 13);
    for (int s = 0; s < SLOT_SYMBOLS; s++)
        assert_int_equal(link_is_pilot_symbol(&c, s), s == 2);
    c.pilots = 2;
    c.blocks = 26;
    assert_int_equal(link_data_elements(&c), 312 * 12);
    for (int s = 0; s < SLOT_SYMBOLS; s++)
        assert_int_equal(link_is_pilot_symbol(&c, s), s == 2 || s == 11);
}

/* Comb-2 on symbols 2 and 11, unit QPSK there, all four points, nothing elsewhere; no data bits on pilot symbols. */
static void pilots_stand_on_the_comb(void **state) {
    struct link_config c = fixed_config(LINK_TDL_B, 2, 100e-9, 100);
    struct bench_slot b;
    int quadrant[4] = {0};
    (void)state;
    bench_slot_open(&b, &c);
    bench_slot_make(&b, &c, 0, 10, 10);
    for (int s = 0; s < SLOT_SYMBOLS; s++)
        for (int k = 0; k < 48; k++) {
            bool pilot_symbol = s == 2 || s == 11;
            float complex x = b.slot.pilots[s * 48 + k];
            within("power", power_of(x), pilot_symbol && k % 2 == 0 ? 1 : 0, 1e-6);
            if (pilot_symbol && k % 2 == 0) {
                within("QPSK", (double)fabsf(crealf(x)), M_SQRT1_2, 1e-6);
                quadrant[2 * (crealf(x) > 0) + (cimagf(x) > 0)]++;
            }
            for (int j = 0; pilot_symbol && j < 4; j++)
                assert_int_equal(b.slot.bits[(s * 48 + k) * 4 + j], 0);
        }
    for (int i = 0; i < 4; i++)
        within("quadrant", quadrant[i], 12, 5 * sqrt(48 * .25 * .75));
    bench_slot_close(&b);
}

/* The received element less channel x symbol. An element holds a pilot, data, or nothing between the pilots. */
static float complex residual_at(const struct link_slot *slot, const struct link_config *c, int s, int k, int a) {
    int f = link_subcarriers(c), e = s * f + k;
    float complex x = slot->pilots[e];
    if (!link_is_pilot_symbol(c, s))
        qam_modulate(&x, slot->bits + e * c->bits, 1, c->bits);
    return slot->received[e * c->antennas + a] - slot->channel[e * c->antennas + a] * x;
}

/* y = h x + n with n circular of variance N0 = 10^(-SNR/10) and E|h|^2 = 1 over slots; bits even. */
static void noise_and_power_are_as_stated(void **state) {
    struct link_config c = fixed_config(LINK_TDL_C, 1, 100e-9, 300);
    struct bench_slot b;
    struct sample noise = {0}, channel = {0}, ones = {0}, skew = {0};
    (void)state;
    bench_slot_open(&b, &c);
    for (uint32_t i = 0; i < 1000; i++) {
        double in_slot = 0;
        bench_slot_make(&b, &c, i, 7, 0);
        for (int s = 0; s < SLOT_SYMBOLS; s++)
            for (int k = 0; k < 48; k += 5)
                for (int a = 0; a < 2; a++) {
                    float complex n = residual_at(&b.slot, &c, s, k, a);
                    sample_add(&noise, power_of(n));
                    sample_add(&skew, (double)crealf(n) * (double)cimagf(n));
                }
        for (size_t e = 0; e < 2 * slot_elements(&c); e++)
            in_slot += power_of(b.slot.channel[e]) / (double)(2 * slot_elements(&c));
        sample_add(&channel, in_slot);
        for (int e = 0; e < 48 * 4; e++)
            sample_add(&ones, b.slot.bits[e]);
    }
    within("N0", (double)b.slot.draw.noise_var, pow(10, -.7), 1e-7);
    five_sigma("noise", &noise, pow(10, -.7));
    five_sigma("noise parts", &skew, 0);
    five_sigma("channel", &channel, 1);
    five_sigma("ones", &ones, .5);
    bench_slot_close(&b);
}

/* A slot with interference is the same slot and g x of a second QAM user, on every element, with power I0. */
static void interference_is_a_second_user(void **state) {
    struct link_config quiet = fixed_config(LINK_TDL_B, 1, 100e-9, 300), loud = quiet;
    struct bench_slot a, b;
    struct sample power = {0}, between = {0};
    (void)state;
    loud.interference = true;
    bench_slot_open(&a, &quiet);
    bench_slot_open(&b, &loud);
    for (uint32_t i = 0; i < 300; i++) {
        double in_slot = 0;
        bench_slot_make(&a, &quiet, i, 20, 3);
        bench_slot_make(&b, &loud, i, 20, 3);
        assert_same("channel", (float *)b.slot.channel, (float *)a.slot.channel, 4 * slot_elements(&quiet));
        assert_memory_equal(a.slot.bits, b.slot.bits, 4 * slot_elements(&quiet));
        for (size_t e = 0; e < slot_elements(&quiet); e++) {
            within("silence", power_of(a.slot.interferer[2 * e]), 0, 0);
            float complex h = b.slot.interferer[2 * e], got = b.slot.received[2 * e] - a.slot.received[2 * e];
            in_slot += power_of(h) / (double)slot_elements(&quiet);
            if (power_of(h) < 1e-2)
                continue;
            double level = fabs((double)crealf(got / h)) * sqrt(10); /* 16-QAM: 1 or 3 */
            within("symbol", fabs(level - 2), 1, 1e-4);
        }
        sample_add(&power, in_slot);
        sample_add(&between, (double)crealf(b.slot.interferer[0] * conjf(b.slot.channel[0])));
    }
    within("I0", (double)b.slot.draw.interference_var, pow(10, -.3), 1e-7);
    assert_true(isinf(a.slot.draw.sir_db) && a.slot.draw.interference_var <= 0);
    five_sigma("interference", &power, pow(10, -.3));
    five_sigma("users are independent", &between, 0);
    bench_slot_close(&a);
    bench_slot_close(&b);
}

static void draws_stay_within_the_configuration(void **state) {
    struct link_config c = laptop_config();
    struct bench_slot b;
    struct sample profile = {0}, spread = {0}, doppler = {0}, snr = {0}, sir = {0};
    (void)state;
    c.interference = true;
    c.blocks = 1;
    bench_slot_open(&b, &c);
    for (uint32_t i = 0; i < 2000; i++) {
        bench_slot_make(&b, &c, i, (double)NAN, (double)NAN);
        const struct link_draw d = b.slot.draw;
        assert_true(d.profile == LINK_TDL_B || d.profile == LINK_TDL_C);
        assert_true(d.spread_s > 10e-9 && d.spread_s < 300e-9 && d.doppler_hz > 0 && d.doppler_hz < 500);
        assert_true(d.snr_db > -4 && d.snr_db < 32 && d.sir_db > 0 && d.sir_db < 36);
        sample_add(&profile, d.profile == LINK_TDL_B);
        sample_add(&spread, d.spread_s * 1e9);
        sample_add(&doppler, d.doppler_hz);
        sample_add(&snr, d.snr_db);
        sample_add(&sir, d.sir_db);
        bench_slot_make(&b, &c, i, 3, 4);
        assert_true(fabs(b.slot.draw.spread_s - d.spread_s) <= 0 && fabs(b.slot.draw.snr_db - 3) <= 0 &&
                    fabs(b.slot.draw.sir_db - 4) <= 0);
    }
    five_sigma("profile", &profile, .5);
    five_sigma("spread", &spread, 155);
    five_sigma("doppler", &doppler, 250);
    five_sigma("snr", &snr, 14);
    five_sigma("sir", &sir, 18);
    bench_slot_close(&b);
}

enum { MANY = 12 };

/* Slots made by a thread, from the last to the first, with a workspace that starts as rubbish and at an odd address. */
struct job {
    const struct link_config *config;
    struct link_slot *slots;
    int first, step;
};

static void *make_backwards(void *context) {
    const struct job *job = context;
    size_t bytes = link_generate_workspace_bytes(job->config);
    char *workspace = get_memory(bytes + 8);
    for (int i = MANY - 1 - job->first; i >= 0; i -= job->step) {
        memset(workspace, 0xa5, bytes + 8);
        link_generate(&job->slots[i], job->config, 11, RNG_TEST, (uint32_t)i, (double)NAN, (double)NAN, workspace + 8);
    }
    free(workspace);
    return NULL;
}

static void a_slot_is_the_same_alone_in_any_order_on_any_thread(void **state) {
    struct link_config c = laptop_config();
    struct link_slot slots[MANY];
    void *memory[MANY];
    struct bench_slot alone;
    pthread_t thread[2];
    (void)state;
    c.interference = true;
    size_t values = 2 * slot_elements(&c) * sizeof(float complex);
    for (int i = 0; i < MANY; i++) {
        memory[i] = get_memory(link_slot_bytes(&c));
        link_slot_place(&slots[i], &c, memory[i]);
    }
    struct job jobs[2] = {{&c, slots, 0, 2}, {&c, slots, 1, 2}};
    for (int t = 0; t < 2; t++)
        assert_int_equal(pthread_create(&thread[t], NULL, make_backwards, &jobs[t]), 0);
    for (int t = 0; t < 2; t++)
        pthread_join(thread[t], NULL);
    bench_slot_open(&alone, &c);
    for (int p = 0; p < CODE_PATHS; p++) {
        if (kernels_platform_pin(code_paths[p]) != 0)
            continue;
        for (int i = 0; i < MANY; i++) {
            bench_slot_make(&alone, &c, (uint32_t)i, (double)NAN, (double)NAN);
            assert_same("received", (float *)alone.slot.received, (float *)slots[i].received, values / sizeof(float));
            assert_same("channel", (float *)alone.slot.channel, (float *)slots[i].channel, values / sizeof(float));
            assert_same("interferer", (float *)alone.slot.interferer, (float *)slots[i].interferer,
                        values / sizeof(float));
            assert_memory_equal(alone.slot.bits, slots[i].bits, 4 * slot_elements(&c));
            assert_same("pilots", (float *)alone.slot.pilots, (float *)slots[i].pilots, values / 2 / sizeof(float));
        }
    }
    kernels_platform_pin(NULL);
    assert_memory_not_equal(slots[0].received, slots[1].received, values);
    bench_slot_close(&alone);
    for (int i = 0; i < MANY; i++)
        free(memory[i]);
}

static void features_agree_with_the_reference(void **state) {
    (void)state;
    for (int pilots = 1; pilots <= 2; pilots++)
        for (int f = LINK_FEATURES_RAW; f <= LINK_FEATURES_MRC; f++) {
            struct link_config c = fixed_config(LINK_TDL_A, pilots, 200e-9, 400);
            c.antennas = 3;
            struct bench_slot b;
            size_t n = slot_elements(&c), count = n * (size_t)link_feature_channels(&c, (enum link_features)f);
            bench_slot_open(&b, &c);
            bench_slot_make(&b, &c, 0, 5, 0);
            float *actual = get_memory(count * sizeof *actual);
            double *expected = get_memory(count * sizeof *expected);
            double complex *estimate = get_memory(3 * n * sizeof *estimate);
            void *workspace = get_memory(link_features_workspace_bytes(&c));
            link_features(actual, &b.slot, &c, (enum link_features)f, workspace);
            link_features_reference(expected, &b.slot, &c, (enum link_features)f, estimate);
            for (size_t i = 0; i < count; i++)
                within("feature", (double)actual[i], expected[i], 1e-6 + 2e-6 * fabs(expected[i]));
            free(actual);
            free(expected);
            free(estimate);
            free(workspace);
            bench_slot_close(&b);
        }
}

static void labels_and_mask_leave_pilot_symbols_out(void **state) {
    struct link_config c = fixed_config(LINK_TDL_B, 2, 100e-9, 100);
    struct bench_slot b;
    static float label[SLOT_SYMBOLS * 48 * 4], mask[SLOT_SYMBOLS * 48];
    size_t unmasked = 0;
    (void)state;
    bench_slot_open(&b, &c);
    bench_slot_make(&b, &c, 3, 5, 0);
    link_labels(label, &b.slot, &c);
    link_mask(mask, &c);
    for (int e = 0; e < SLOT_SYMBOLS * 48; e++) {
        bool data = e / 48 != 2 && e / 48 != 11;
        within("mask", (double)mask[e], data, 0);
        unmasked += mask[e] > 0;
        for (int j = 0; j < 4; j++)
            within("label", (double)label[4 * e + j], b.slot.bits[4 * e + j], 0);
    }
    assert_int_equal(unmasked, link_data_elements(&c));
    bench_slot_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slot_counts_its_elements),
        cmocka_unit_test(pilots_stand_on_the_comb),
        cmocka_unit_test(noise_and_power_are_as_stated),
        cmocka_unit_test(interference_is_a_second_user),
        cmocka_unit_test(draws_stay_within_the_configuration),
        cmocka_unit_test(a_slot_is_the_same_alone_in_any_order_on_any_thread),
        cmocka_unit_test(features_agree_with_the_reference),
        cmocka_unit_test(labels_and_mask_leave_pilot_symbols_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
