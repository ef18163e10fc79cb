#include "tests/unit/kernels/link_fixture.h"

#include "kernels/rng.h"

static double from_db(double db) {
    return pow(10, db / 10);
}

/* Es/N0 per antenna against bit error rate; branches 0: AWGN. Zeros: not given. */
static const struct row {
    int bits, branches;
    double at_10, at_20, at_30, crossing_db;
} rows[] = {
    {4, 0, 5.899e-2, 2.90e-6, 0, 16.54},        {4, 1, .12024, 1.858e-2, 1.975e-3, 32.97},
    {4, 2, 4.444e-2, 1.210e-3, 1.39e-5, 20.45}, {8, 0, .23667, 6.542e-2, 1.415e-4, 28.41},
    {8, 1, .27310, .11022, 1.977e-2, 43.41},    {8, 2, .20093, 4.902e-2, 1.982e-3, 31.65},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static double closed_form(int bits, int branches, double db) {
    return branches == 0 ? ber_awgn(bits, from_db(db)) : ber_rayleigh(bits, from_db(db), branches);
}

/* To half a unit of the last printed digit: of three where the rate is below 1e-4, else of four or five. */
static void closed_forms_give_the_values_of_the_table(void **state) {
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        const struct row *r = &rows[i];
        const double values[] = {r->at_10, r->at_20, r->at_30};
        for (int v = 0; v < 3; v++)
            if (values[v] > 0)
                within("ber", closed_form(r->bits, r->branches, 10 * (v + 1)), values[v],
                       values[v] * (values[v] < 1e-4 ? 5e-3 / 1.39 : 5e-4 / 1.21));
        within("crossing", ber_inverse_db(r->bits, r->branches, 1e-3), r->crossing_db, .0051);
        within("inverse", closed_form(r->bits, r->branches, ber_inverse_db(r->bits, r->branches, 1e-3)), 1e-3, 1e-9);
    }
    assert_true(isnan(ber_inverse_db(4, 0, .7)));
    assert_true(isnan(ber_inverse_db(4, 0, 0)));
}

/* Cho and Yoon's double sum over bits and distances, for any square QAM. */
static double cho_yoon(int bits, double es_n0) {
    int m = bits / 2, side = 1 << m;
    double sum = 0;
    for (int k = 1; k <= m; k++)
        for (int i = 0; i < side - (side >> k); i++) {
            int sign = (i << (k - 1)) / side % 2 == 0 ? 1 : -1;
            double weight = (1 << (k - 1)) - floor((double)(i << (k - 1)) / side + .5);
            sum += sign * weight * erfc((2 * i + 1) * sqrt(3 * es_n0 / (2.0 * ((1 << bits) - 1))));
        }
    return sum / (m * side);
}

static void closed_forms_agree_with_the_general_expression(void **state) {
    (void)state;
    for (int bits = 2; bits <= MAX_BITS; bits += 2)
        for (double db = -10; db <= 25; db += 2.5)
            within("awgn", ber_awgn(bits, from_db(db)), cho_yoon(bits, from_db(db)), 1e-12);
}

/* Averages the AWGN rate over the density of es_n0, the sum of `branches` exponentials, by the trapezoid on ln g. */
static void fading_averages_the_awgn_form(void **state) {
    (void)state;
    for (int bits = 2; bits <= MAX_BITS; bits += 2)
        for (int branches = 1; branches <= 4; branches++) {
            double mean = from_db(15), sum = 0, step = .01, factorial = tgamma(branches);
            for (double u = -30; u < 5; u += step) {
                double x = exp(u); /* es_n0 / mean; density x^(L-1) e^-x / (L-1)!, dx = x du */
                sum += ber_awgn(bits, mean * x) * pow(x, branches) * exp(-x) / factorial * step;
            }
            within("rayleigh", ber_rayleigh(bits, mean, branches), sum, 1e-7);
        }
}

enum { CHUNK = 1000 };

struct point {
    int bits, branches;
    double db;
};

/* Bit errors of CHUNK symbols under h ~ CN(0,1), maximum ratio combining: one entry a symbol. */
static void simulate_chunk(uint8_t *errors, const struct point *p, uint32_t index, enum link_demapper demapper) {
    static uint8_t bits[CHUNK * MAX_BITS];
    static float complex x[CHUNK], z[CHUNK];
    static float noise[2 * CHUNK], fade[2 * CHUNK], gain[CHUNK], llr[CHUNK * MAX_BITS];
    struct rng r;
    const float n0 = (float)from_db(-p->db);
    const int branches = p->branches == 0 ? 1 : p->branches;
    rng_init(&r, 31, RNG_BASELINE, index, (uint32_t)(p->bits * 8 + p->branches));
    for (int i = 0; i < CHUNK * p->bits; i++)
        bits[i] = rng_u32(&r) & 1;
    qam_modulate(x, bits, CHUNK, p->bits);
    memset(z, 0, sizeof z);
    memset(gain, 0, sizeof gain);
    for (int b = 0; b < branches; b++) {
        rng_fill_normal(&r, fade, 2 * CHUNK, (float)M_SQRT1_2);
        rng_fill_normal(&r, noise, 2 * CHUNK, sqrtf(n0 / 2));
        for (int n = 0; n < CHUNK; n++) {
            float complex h = p->branches == 0 ? 1 : CMPLXF(fade[2 * n], fade[2 * n + 1]);
            z[n] += conjf(h) * (h * x[n] + CMPLXF(noise[2 * n], noise[2 * n + 1]));
            gain[n] += crealf(h) * crealf(h) + cimagf(h) * cimagf(h);
        }
    }
    for (int n = 0; n < CHUNK; n++) {
        z[n] /= gain[n];
        gain[n] = n0 / gain[n];
    }
    qam_demap(llr, z, gain, CHUNK, p->bits, demapper);
    for (int n = 0; n < CHUNK; n++) {
        errors[n] = 0;
        for (int j = 0; j < p->bits; j++)
            errors[n] += (llr[n * p->bits + j] > 0) != bits[n * p->bits + j];
    }
}

static struct sample simulate(const struct point *p, int symbols, enum link_demapper demapper) {
    struct sample s = {0};
    for (int i = 0; i < symbols / CHUNK; i++) {
        uint8_t errors[CHUNK];
        simulate_chunk(errors, p, (uint32_t)i, demapper);
        for (int n = 0; n < CHUNK; n++)
            sample_add(&s, errors[n] / (double)p->bits);
    }
    return s;
}

/* Symbols are independent, so the bound is 5 sigma of their mean. A sample with few errors does not show its own
   spread. The expected spread is at most ber x (1 - ber) / symbols x bits, as if all bits of a symbol failed
   together. */
static void simulation_agrees(const struct point *p, double expected, int symbols) {
    struct sample s = simulate(p, symbols, LINK_DEMAP_MAXLOG);
    double known = sqrt(expected / symbols), bound = 5 * fmax(sample_error(&s), expected * symbols < 100 ? known : 0);
    char what[64];
    snprintf(what, sizeof what, "%d bits, %d branches, %g dB", p->bits, p->branches, p->db);
    within(what, sample_mean(&s), expected, bound);
}

static void the_maxlog_simulation_gives_the_closed_forms(void **state) {
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        const double expected[] = {rows[i].at_10, rows[i].at_20, rows[i].at_30};
        for (int v = 0; v < 3; v++) {
            struct point p = {rows[i].bits, rows[i].branches, 10 * (v + 1)};
            if (expected[v] > 0)
                simulation_agrees(&p, expected[v], 300 * CHUNK);
        }
        struct point crossing = {rows[i].bits, rows[i].branches, rows[i].crossing_db};
        simulation_agrees(&crossing, 1e-3, 300 * CHUNK);
    }
}

/* The exact LLR decides each bit at its own most likely value, so no receiver errs less; same noise for both. */
static void the_exact_demapper_errs_no_more_than_maxlog(void **state) {
    (void)state;
    for (int bits = 4; bits <= MAX_BITS; bits += 4)
        for (double db = 0; db <= 10; db += 5) {
            struct point p = {bits, 1, db};
            struct sample exact = simulate(&p, 500 * CHUNK, LINK_DEMAP_EXACT);
            struct sample maxlog = simulate(&p, 500 * CHUNK, LINK_DEMAP_MAXLOG);
            assert_true(exact.sum < maxlog.sum);
            assert_true(exact.sum > .97 * maxlog.sum); /* the loss is a percent or two */
        }
}

static void the_geometric_mean_is_taken_of_error_rates(void **state) {
    const uint64_t errors[] = {1000, 10, 0}, bits[] = {10000, 10000, 5000};
    size_t floored;
    (void)state;
    /* log10 of .1, .001 and .5/5000 = 1e-4 */
    within("mean", ber_geometric_mean(errors, bits, 3, &floored), (-1 - 3 - 4) / 3.0, 1e-12);
    assert_int_equal(floored, 1);
    within("mean", ber_geometric_mean(errors, bits, 2, NULL), -2, 1e-12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_forms_give_the_values_of_the_table),
        cmocka_unit_test(closed_forms_agree_with_the_general_expression),
        cmocka_unit_test(fading_averages_the_awgn_form),
        cmocka_unit_test(the_maxlog_simulation_gives_the_closed_forms),
        cmocka_unit_test(the_exact_demapper_errs_no_more_than_maxlog),
        cmocka_unit_test(the_geometric_mean_is_taken_of_error_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
