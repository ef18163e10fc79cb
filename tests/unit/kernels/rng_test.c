#include "tests/unit/kernels/link_fixture.h"

#include "kernels/link_vector.h"
#include "kernels/rng.h"

/* Random123's kat_vectors, philox4x32 with 10 rounds. */
static void the_words_are_those_published_for_philox(void **state) {
    static const struct {
        uint32_t counter[4], key[2], expected[4];
    } vectors[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct rng r;
        rng_init(&r, 0, RNG_TEST, 0, 0);
        memcpy(r.counter, vectors[i].counter, sizeof r.counter);
        memcpy(r.key, vectors[i].key, sizeof r.key);
        for (int w = 0; w < 4; w++)
            assert_int_equal(rng_u32(&r), vectors[i].expected[w]);
    }
}

/* The counter's words are counter, substream, index, stream, and the key is the seed, low word first: no two draws of
   different coordinates can meet. */
static void each_coordinate_has_a_word_of_its_own(void **state) {
    struct rng r;
    (void)state;
    rng_init(&r, UINT64_C(0x1122334455667788), RNG_VALIDATION, 7, 9);
    assert_int_equal(r.key[0], 0x55667788);
    assert_int_equal(r.key[1], 0x11223344);
    assert_int_equal(r.counter[0], 0);
    assert_int_equal(r.counter[1], 9);
    assert_int_equal(r.counter[2], 7);
    assert_int_equal(r.counter[3], RNG_VALIDATION);
    rng_u32(&r);
    assert_int_equal(r.counter[0], 1);
    assert_int_equal(r.counter[1], 9);
}

enum { COUNT = 4099 /* odd, and beyond several chunks */ };

static void fills_do_not_depend_on_how_they_are_split(void **state) {
    static uint32_t one[COUNT], whole[COUNT], parts[COUNT];
    static float normal[COUNT], normal_parts[COUNT];
    struct rng a, b, c;
    (void)state;
    rng_init(&a, 3, RNG_TEST, 1, 2);
    b = c = a;
    for (int i = 0; i < COUNT; i++)
        one[i] = rng_u32(&a);
    rng_fill_u32(&b, whole, COUNT);
    for (size_t i = 0, n = 1; i < COUNT; i += n, n = n % 7 + 1) {
        n = i + n > COUNT ? COUNT - i : n;
        rng_fill_u32(&c, parts + i, n);
    }
    assert_memory_equal(one, whole, sizeof one);
    assert_memory_equal(one, parts, sizeof one);

    rng_init(&a, 3, RNG_TEST, 1, 2);
    b = a;
    rng_fill_normal(&a, normal, COUNT, 2);
    for (size_t i = 0, n = 2; i < COUNT; i += n, n = n % 10 + 2)
        rng_fill_normal(&b, normal_parts + i, i + n > COUNT ? COUNT - i : n, 2);
    assert_memory_equal(normal, normal_parts, sizeof normal);
}

static void uniform_numbers_are_uniform(void **state) {
    enum { N = 1000000, BINS = 16 };
    static float single[N];
    struct rng r;
    struct sample mean = {0}, square = {0}, mean_single = {0};
    int bin[BINS] = {0};
    (void)state;
    rng_init(&r, 5, RNG_TEST, 0, 0);
    for (int i = 0; i < N; i++) {
        double u = rng_uniform(&r);
        assert_true(u > 0 && u < 1);
        sample_add(&mean, u);
        sample_add(&square, u * u);
        bin[(int)(u * BINS)]++;
    }
    five_sigma("mean", &mean, 1.0 / 2);
    five_sigma("mean square", &square, 1.0 / 3);
    for (int i = 0; i < BINS; i++)
        within("bin", bin[i], (double)N / BINS, 5 * sqrt(N * (1.0 / BINS) * (1 - 1.0 / BINS)));
    rng_fill_uniform(&r, single, N);
    for (int i = 0; i < N; i++) {
        assert_true(single[i] > 0 && single[i] < 1);
        sample_add(&mean_single, (double)single[i]);
    }
    five_sigma("mean of floats", &mean_single, 1.0 / 2);
}

/* Moments, the distribution function at five points, and no correlation between the two of a pair or between pairs. */
static void normal_numbers_are_normal(void **state) {
    enum { N = 2000000 };
    static const double points[] = {-3, -1, 0, 0.5, 2.5};
    float *x = get_memory(N * sizeof *x);
    struct sample moment[4] = {{0}}, lag[2] = {{0}}, below[5] = {{0}};
    struct rng r;
    (void)state;
    rng_init(&r, 6, RNG_TEST, 0, 0);
    rng_fill_normal(&r, x, N, 1);
    for (int i = 0; i < N; i++) {
        double v = (double)x[i];
        sample_add(&moment[0], v);
        sample_add(&moment[1], v * v);
        sample_add(&moment[2], v * v * v);
        sample_add(&moment[3], v * v * v * v);
        for (int p = 0; p < 5; p++)
            sample_add(&below[p], v < points[p]);
        for (int l = 1; l <= 2 && i + l < N; l++)
            sample_add(&lag[l - 1], v * (double)x[i + l]);
    }
    five_sigma("mean", &moment[0], 0);
    five_sigma("variance", &moment[1], 1);
    five_sigma("third moment", &moment[2], 0);
    five_sigma("fourth moment", &moment[3], 3);
    five_sigma("lag 1", &lag[0], 0);
    five_sigma("lag 2", &lag[1], 0);
    for (int p = 0; p < 5; p++)
        five_sigma("distribution", &below[p], erfc(-points[p] / sqrt(2)) / 2);
    free(x);
}

static void every_code_path_gives_the_same_bytes(void **state) {
    static float expected[2 * COUNT], actual[2 * COUNT];
    (void)state;
    for (int p = 0; p < CODE_PATHS; p++) {
        struct rng r;
        if (kernels_platform_pin(code_paths[p]) != 0)
            continue;
        assert_string_equal(kernels_platform(), code_paths[p]);
        rng_init(&r, 8, RNG_TEST, 0, 0);
        rng_fill_normal(&r, actual, COUNT, 0.7f);
        rng_fill_uniform(&r, actual + COUNT, COUNT);
        if (p == 0)
            memcpy(expected, actual, sizeof actual);
        assert_same("numbers", actual, expected, 2 * COUNT);
    }
    assert_int_equal(kernels_platform_pin("x86-64-avx1024"), -1);
    assert_int_equal(kernels_platform_pin(NULL), 0);
}

/* Against the C library in double precision; bounds in units of the single precision's last place. */
static void vector_functions_are_as_exact_as_they_say(void **state) {
    static float x[COUNT], y[COUNT], sine[COUNT], cosine[COUNT];
    const double ulp = 0x1p-23;
    (void)state;
    for (int p = 0; p < CODE_PATHS; p++) {
        if (kernels_platform_pin(code_paths[p]) != 0)
            continue;
        for (int i = 0; i < COUNT; i++)
            x[i] = (float)(i - COUNT / 2) * 0.0137f;
        vector_exp(y, x, COUNT);
        vector_sincospi(sine, cosine, x, COUNT);
        for (int i = 0; i < COUNT; i++) {
            within("exp", (double)y[i], exp((double)x[i]), ulp * exp((double)x[i]));
            within("sin", (double)sine[i], sin(M_PI * (double)x[i]), 3.5 * ulp);
            within("cos", (double)cosine[i], cos(M_PI * (double)x[i]), 3.5 * ulp);
        }
        for (int i = 0; i < COUNT; i++)
            x[i] = ldexpf(1.0f + (float)i / COUNT, i % 40 - 20);
        vector_log(y, x, COUNT);
        for (int i = 0; i < COUNT; i++)
            within("log", (double)y[i], log((double)x[i]), ulp * fabs(log((double)x[i])));
    }
    kernels_platform_pin(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_are_those_published_for_philox),
        cmocka_unit_test(each_coordinate_has_a_word_of_its_own),
        cmocka_unit_test(fills_do_not_depend_on_how_they_are_split),
        cmocka_unit_test(uniform_numbers_are_uniform),
        cmocka_unit_test(normal_numbers_are_normal),
        cmocka_unit_test(every_code_path_gives_the_same_bytes),
        cmocka_unit_test(vector_functions_are_as_exact_as_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
