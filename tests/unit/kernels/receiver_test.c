#include "tests/unit/kernels/link_fixture.h"

#include "kernels/receiver.h"
#include "kernels/reference/link_reference.h"
#include "kernels/tdl.h"

static double power_of(float complex x) {
    return (double)crealf(x) * (double)crealf(x) + (double)cimagf(x) * (double)cimagf(x);
}

static double complex wide(float complex x) {
    return CMPLX((double)crealf(x), (double)cimagf(x));
}

static void the_ls_estimate_is_linear_interpolation(void **state) {
    (void)state;
    for (int pilots = 1; pilots <= 2; pilots++) {
        struct link_config c = fixed_config(LINK_TDL_C, pilots, 200e-9, 400);
        struct bench_slot b;
        size_t n = 2 * slot_elements(&c);
        bench_slot_open(&b, &c);
        bench_slot_make(&b, &c, 0, 5, 0);
        float complex *actual = get_memory(n * sizeof *actual);
        double complex *expected = get_memory(n * sizeof *expected);
        receiver_estimate_ls(actual, &b.slot, &c);
        receiver_ls_reference(expected, &b.slot, &c);
        for (size_t i = 0; i < n; i++)
            within("LS", cabs(wide(actual[i]) - expected[i]), 0, 2e-6);
        free(actual);
        free(expected);
        bench_slot_close(&b);
    }
}

/* Memory for a Wiener estimate and its reference. */
struct wiener_run {
    float complex *h;
    float *error_var;
    double complex *expected;
    double *expected_var;
    void *workspace;
    double complex *reference_workspace;
};

static void wiener_open(struct wiener_run *w, const struct link_config *c) {
    size_t n = slot_elements(c), p = (size_t)(6 * c->blocks * c->pilots);
    w->h = get_memory(n * (size_t)c->antennas * sizeof *w->h);
    w->error_var = get_memory(n * sizeof *w->error_var);
    w->expected = get_memory(n * (size_t)c->antennas * sizeof *w->expected);
    w->expected_var = get_memory(n * sizeof *w->expected_var);
    w->workspace = get_memory(receiver_wiener_workspace_bytes(c));
    w->reference_workspace = get_memory(2 * p * (p + 1) * sizeof *w->reference_workspace);
}

static void wiener_close(struct wiener_run *w) {
    free(w->h);
    free(w->error_var);
    free(w->expected);
    free(w->expected_var);
    free(w->workspace);
    free(w->reference_workspace);
}

static void wiener_matches(enum link_profile profile, int pilots, int blocks, double snr_db) {
    struct link_config c = fixed_config(profile, pilots, 250e-9, 350);
    struct bench_slot b;
    struct wiener_run w;
    c.blocks = blocks;
    bench_slot_open(&b, &c);
    wiener_open(&w, &c);
    bench_slot_make(&b, &c, 1, snr_db, 0);
    double noise_var = (double)b.slot.draw.noise_var;
    receiver_estimate_wiener(w.h, w.error_var, &b.slot, &c, noise_var, w.workspace);
    receiver_wiener_reference(w.expected, w.expected_var, &b.slot, &c, noise_var, w.reference_workspace);
    for (size_t e = 0; e < slot_elements(&c); e++) {
        within("error variance", (double)w.error_var[e], w.expected_var[e], 1e-6);
        for (size_t a = 0; a < 2; a++)
            within("estimate", cabs(wide(w.h[2 * e + a]) - w.expected[2 * e + a]), 0, 1e-5);
    }
    wiener_close(&w);
    bench_slot_close(&b);
}

static void the_wiener_estimate_inverts_the_joint_covariance(void **state) {
    (void)state;
    for (int profile = LINK_TDL_A; profile <= LINK_TDL_E; profile *= 2)
        for (int pilots = 1; pilots <= 2; pilots++)
            for (int path = 0; path < CODE_PATHS; path++)
                if (kernels_platform_pin(code_paths[path]) == 0)
                    wiener_matches((enum link_profile)profile, pilots, 1 + pilots, 25);
    kernels_platform_pin(NULL);
}

/* Next to no noise leaves the pilots' covariance singular in double precision: pilots then speak for themselves. */
static void the_wiener_estimate_is_exact_without_noise(void **state) {
    struct link_config c = fixed_config(LINK_TDL_B, 2, 250e-9, 350);
    struct bench_slot b;
    struct wiener_run w;
    (void)state;
    bench_slot_open(&b, &c);
    wiener_open(&w, &c);
    bench_slot_make(&b, &c, 1, 200, 0);
    receiver_estimate_wiener(w.h, w.error_var, &b.slot, &c, (double)b.slot.draw.noise_var, w.workspace);
    for (int e = 0; e < SLOT_SYMBOLS * 48; e++) {
        assert_true(w.error_var[e] >= 0 && w.error_var[e] < .2f);
        for (int a = 0; a < 2; a++)
            if (power_of(b.slot.pilots[e]) > 0)
                within("pilot", cabs(wide(w.h[2 * e + a]) - wide(b.slot.channel[2 * e + a])), 0, 1e-4);
    }
    wiener_close(&w);
    bench_slot_close(&b);
}

/* The estimate's mean square error over slots is what it says, for each symbol, and below that of LS. */
static void the_wiener_estimate_errs_as_theory_says(void **state) {
    static const enum link_profile profiles[] = {LINK_TDL_C, LINK_TDL_D};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct link_config c = fixed_config(profiles[i], 2, 150e-9, 300);
        struct bench_slot b;
        struct wiener_run w;
        struct sample error[SLOT_SYMBOLS] = {{0}}, error_ls = {0};
        double stated[SLOT_SYMBOLS] = {0};
        bench_slot_open(&b, &c);
        wiener_open(&w, &c);
        for (uint32_t slot = 0; slot < 500; slot++) {
            bench_slot_make(&b, &c, slot, 10, 0);
            receiver_estimate_wiener(w.h, w.error_var, &b.slot, &c, (double)b.slot.draw.noise_var, w.workspace);
            for (int s = 0; s < SLOT_SYMBOLS; s++) {
                double sum = 0;
                stated[s] = 0;
                for (int k = 0; k < 48; k++) {
                    int e = s * 48 + k;
                    stated[s] += (double)w.error_var[e] / 48;
                    for (int a = 0; a < 2; a++)
                        sum += power_of(w.h[2 * e + a] - b.slot.channel[2 * e + a]) / 96;
                }
                sample_add(&error[s], sum);
            }
            receiver_estimate_ls(w.h, &b.slot, &c);
            for (int e = 0; e < 96; e++)
                sample_add(&error_ls, power_of(w.h[5 * 96 + e] - b.slot.channel[5 * 96 + e]));
        }
        for (int s = 0; s < SLOT_SYMBOLS; s++)
            five_sigma("error variance", &error[s], stated[s]);
        assert_true(sample_mean(&error[5]) < sample_mean(&error_ls) / 2);
        wiener_close(&w);
        bench_slot_close(&b);
    }
}

/* The genie's LLRs from the definitions: C = N0 I + g g^H inverted, every point of the constellation searched. */
static void the_genie_combines_by_the_true_covariance(void **state) {
    struct link_config c = fixed_config(LINK_TDL_B, 1, 100e-9, 300);
    struct bench_slot b;
    (void)state;
    c.interference = true;
    c.antennas = 3;
    bench_slot_open(&b, &c);
    bench_slot_make(&b, &c, 0, 15, 5);
    float *llr = get_memory(slot_elements(&c) * 4 * sizeof *llr);
    void *workspace = get_memory(link_receive_workspace_bytes(&c, LINK_RECEIVER_GENIE));
    link_receive(llr, &b.slot, &c, LINK_RECEIVER_GENIE, LINK_DEMAP_EXACT, workspace);
    for (int e = 0; e < SLOT_SYMBOLS * 48; e += 11) {
        double complex h[3], y[3], covariance[9], z;
        double var, expected[4];
        for (int i = 0; i < 3; i++) {
            h[i] = wide(b.slot.channel[3 * e + i]);
            y[i] = wide(b.slot.received[3 * e + i]);
            for (int j = 0; j < 3; j++)
                covariance[3 * i + j] = wide(b.slot.interferer[3 * e + i]) * conj(wide(b.slot.interferer[3 * e + j])) +
                                        (i == j ? (double)b.slot.draw.noise_var : 0);
        }
        receiver_combine_reference(&z, &var, h, y, covariance, 3);
        qam_demap_reference(expected, &z, &var, 1, 4, LINK_DEMAP_EXACT);
        for (int j = 0; j < 4; j++)
            within("llr", (double)llr[4 * e + j], e / 48 == 2 ? 0 : expected[j], 1e-3 + 1e-5 * fabs(expected[j]));
    }
    free(llr);
    free(workspace);
    bench_slot_close(&b);
}

/* Bit errors of a receiver in the slot at hand. */
static double errors_of(const struct bench_slot *b, const struct link_config *c, enum link_receiver receiver) {
    size_t row = (size_t)link_subcarriers(c) * (size_t)c->bits;
    float *llr = get_memory(SLOT_SYMBOLS * row * sizeof *llr);
    void *workspace = get_memory(link_receive_workspace_bytes(c, receiver));
    double errors = 0;
    link_receive(llr, &b->slot, c, receiver, LINK_DEMAP_MAXLOG, workspace);
    for (size_t i = 0; i < SLOT_SYMBOLS * row; i++)
        if (link_is_pilot_symbol(c, (int)(i / row)))
            within("pilot symbol", (double)llr[i], 0, 0);
        else
            errors += (llr[i] > 0) != b->slot.bits[i];
    free(llr);
    free(workspace);
    return errors;
}

/* A receiver that knows more errs less, by five standard errors of the difference over the same slots. */
static void more_knowledge_makes_fewer_errors(void **state) {
    (void)state;
    for (int interference = 0; interference <= 1; interference++)
        for (int pilots = 1; pilots <= 2; pilots++)
            for (double snr_db = 0; snr_db <= 16; snr_db += 8) {
                struct link_config c = laptop_config();
                struct bench_slot b;
                struct sample ls_over_lmmse = {0}, lmmse_over_genie = {0};
                c.pilots = pilots;
                c.interference = interference;
                c.doppler_max_hz = 100;
                bench_slot_open(&b, &c);
                for (uint32_t i = 0; i < 300; i++) {
                    bench_slot_make(&b, &c, i, snr_db, snr_db);
                    double lmmse = errors_of(&b, &c, LINK_RECEIVER_LMMSE);
                    sample_add(&ls_over_lmmse, errors_of(&b, &c, LINK_RECEIVER_LS) - lmmse);
                    sample_add(&lmmse_over_genie, lmmse - errors_of(&b, &c, LINK_RECEIVER_GENIE));
                }
                assert_true(sample_mean(&ls_over_lmmse) > 5 * sample_error(&ls_over_lmmse));
                assert_true(sample_mean(&lmmse_over_genie) > 5 * sample_error(&lmmse_over_genie));
                bench_slot_close(&b);
            }
}

/* The same LMMSE told that the interference is white noise errs more. */
static void rejecting_interference_pays(void **state) {
    struct link_config c = laptop_config();
    struct bench_slot b;
    struct sample gain = {0};
    (void)state;
    c.interference = true;
    c.doppler_max_hz = 100;
    bench_slot_open(&b, &c);
    for (uint32_t i = 0; i < 200; i++) {
        bench_slot_make(&b, &c, i, 20, 5);
        double rejecting = errors_of(&b, &c, LINK_RECEIVER_LMMSE);
        b.slot.draw.noise_var += b.slot.draw.interference_var;
        b.slot.draw.interference_var = 0;
        sample_add(&gain, errors_of(&b, &c, LINK_RECEIVER_LMMSE) - rejecting);
    }
    assert_true(sample_mean(&gain) > 5 * sample_error(&gain));
    bench_slot_close(&b);
}

/* Empty elements that hold g x and nothing else show g g^H, block by block and symbol by symbol. */
static void the_interferer_is_read_off_the_empty_comb(void **state) {
    struct link_config c = fixed_config(LINK_TDL_B, 2, 100e-9, 0);
    struct bench_slot b;
    float complex estimate[2 * 4 * 3];
    double mean = 0;
    (void)state;
    c.antennas = 3;
    bench_slot_open(&b, &c);
    bench_slot_make(&b, &c, 0, 20, 0);
    b.slot.draw.noise_var = 0;
    for (int p = 0; p < 2; p++)
        for (int k = 1; k < 48; k += 2)
            for (int a = 0; a < 3; a++) {
                float complex g = CMPLXF(1.0f + (float)(k / 12), (float)(a - 2 * p)),
                              x = CMPLXF(k % 4 == 1 ? 1 : -1, 0);
                b.slot.received[((p == 0 ? 2 : 11) * 48 + k) * 3 + a] = g * x;
                mean += power_of(g) / (2 * 24 * 3);
            }
    within("power", receiver_estimate_interferer(estimate, &b.slot, &c), mean, 1e-5);
    for (int p = 0; p < 2; p++)
        for (int block = 0; block < 4; block++)
            for (int i = 0; i < 3; i++)
                for (int j = 0; j < 3; j++) {
                    const float complex *g = estimate + (p * 4 + block) * 3;
                    double complex expected = CMPLX(1.0 + block, i - 2 * p) * conj(CMPLX(1.0 + block, j - 2 * p));
                    within("g g^H", cabs(wide(g[i]) * conj(wide(g[j])) - expected), 0, 1e-4);
                }
    bench_slot_close(&b);
}

static void every_code_path_gives_the_same_bytes(void **state) {
    struct link_config c = laptop_config();
    struct bench_slot b;
    (void)state;
    c.interference = true;
    c.pilots = 2;
    bench_slot_open(&b, &c);
    bench_slot_make(&b, &c, 0, 20, 5);
    size_t bytes = slot_elements(&c) * 4 * sizeof(float);
    float *expected = get_memory(bytes), *actual = get_memory(bytes);
    for (int receiver = LINK_RECEIVER_LS; receiver <= LINK_RECEIVER_GENIE; receiver++) {
        void *workspace = get_memory(link_receive_workspace_bytes(&c, (enum link_receiver)receiver));
        for (int p = 0; p < CODE_PATHS; p++) {
            if (kernels_platform_pin(code_paths[p]) != 0)
                continue;
            link_receive(actual, &b.slot, &c, (enum link_receiver)receiver, LINK_DEMAP_EXACT, workspace);
            if (p == 0)
                memcpy(expected, actual, bytes);
            assert_same("llr", actual, expected, bytes / sizeof(float));
        }
        free(workspace);
    }
    kernels_platform_pin(NULL);
    free(expected);
    free(actual);
    bench_slot_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ls_estimate_is_linear_interpolation),
        cmocka_unit_test(the_wiener_estimate_inverts_the_joint_covariance),
        cmocka_unit_test(the_wiener_estimate_is_exact_without_noise),
        cmocka_unit_test(the_wiener_estimate_errs_as_theory_says),
        cmocka_unit_test(the_genie_combines_by_the_true_covariance),
        cmocka_unit_test(more_knowledge_makes_fewer_errors),
        cmocka_unit_test(rejecting_interference_pays),
        cmocka_unit_test(the_interferer_is_read_off_the_empty_comb),
        cmocka_unit_test(every_code_path_gives_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
