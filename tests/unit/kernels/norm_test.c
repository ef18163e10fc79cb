/* Batch normalisation: statistics of a batch, running statistics, evaluation mode, and the way back. */
#include "tests/unit/kernels/deeprx_fixture.h"

#include "kernels/cpu/layer.h"
#include "kernels/reference/operators.h"

enum { CHANNELS = 11, COUNT = 4 * 3 * 5 };
static const struct grid grid = {4, 3, 5};
static const struct reference_grid reference_grid = {4, 3, 5};

struct trial {
    size_t stride;
    float gamma[CHANNELS], beta[CHANNELS], running_mean[CHANNELS], running_variance[CHANNELS];
    float gamma_gradient[CHANNELS], beta_gradient[CHANNELS];
    float coefficients[NORM_COEFFICIENTS * 16];
    float x[COUNT * CHANNELS];
    double x_d[COUNT * CHANNELS], gamma_d[CHANNELS], beta_d[CHANNELS], mean[CHANNELS], variance[CHANNELS];
};

static struct norm trial_norm(struct trial *t) {
    return (struct norm){CHANNELS,          t->gamma,         t->beta,        t->running_mean, t->running_variance,
                         t->gamma_gradient, t->beta_gradient, t->coefficients};
}

static struct trial *trial_create(double offset) {
    struct trial *t = calloc(1, sizeof *t);
    assert_non_null(t);
    trial_begin("norm, grid %dx%dx%d, channels %d, threads 1", grid.slots, grid.symbols, grid.subcarriers, CHANNELS);
    uint64_t state = 3;
    t->stride = padded(CHANNELS);
    assert_true(t->stride <= 16);
    for (size_t c = 0; c < CHANNELS; c++) {
        t->gamma[c] = (float)random_value(&state);
        t->beta[c] = (float)random_value(&state);
        t->gamma_d[c] = (double)t->gamma[c];
        t->beta_d[c] = (double)t->beta[c];
        t->running_variance[c] = 1.0f;
    }
    for (size_t i = 0; i < COUNT * CHANNELS; i++) {
        t->x[i] = (float)(offset + (1.0 + (double)(i % CHANNELS)) * random_value(&state));
        t->x_d[i] = (double)t->x[i];
    }
    moments_reference(reference_grid, CHANNELS, t->x_d, t->mean, t->variance);
    return t;
}

/* The batch's statistics as the forward operators take them: slot by slot, in two pieces each. */
static void take_statistics(struct trial *t) {
    float moments[4 * MOMENTS * 16] = {0};
    float *wide = widened(t->x, COUNT, CHANNELS, t->stride);
    for (size_t slot = 0; slot < 4; slot++) {
        const float *y = wide + slot * 15 * t->stride;
        slot_moments(moments + slot * MOMENTS * t->stride, y, 10, t->stride, true);
        slot_moments(moments + slot * MOMENTS * t->stride, y + 10 * t->stride, 5, t->stride, false);
    }
    const struct norm norm = trial_norm(t);
    norm_from_moments(&norm, grid, moments);
    free(wide);
}

static void normalised(struct trial *t, float *y) {
    const struct norm norm = trial_norm(t);
    const struct coefficients k = norm_coefficients(&norm);
    for (size_t i = 0; i < COUNT * CHANNELS; i++)
        y[i] = t->x[i] * k.scale[i % CHANNELS] + k.shift[i % CHANNELS];
}

static void training(void) {
    struct trial *t = trial_create(0.5);
    take_statistics(t);
    double expected[COUNT * CHANNELS], running_mean[CHANNELS], running_variance[CHANNELS];
    float y[COUNT * CHANNELS];
    normalised(t, y);
    norm_reference(reference_grid, CHANNELS, t->x_d, t->gamma_d, t->beta_d, t->mean, t->variance, false, expected);
    assert_close("norm(x)", y, expected, COUNT * CHANNELS, COMPARE_OPERATOR);
    for (size_t c = 0; c < CHANNELS; c++) {
        running_mean[c] = 0.9 * 0.0 + 0.1 * t->mean[c];
        running_variance[c] = 0.9 * 1.0 + 0.1 * t->variance[c] * COUNT / (COUNT - 1.0);
    }
    assert_close("running mean", t->running_mean, running_mean, CHANNELS, COMPARE_OPERATOR);
    assert_close("running variance", t->running_variance, running_variance, CHANNELS, COMPARE_OPERATOR);
    free(t);
}

static void statistics_of_a_batch_agree_with_the_reference(void **state) {
    (void)state;
    on_each_path(training);
}

/* A mean a thousand times the deviation: E[x^2] - E[x]^2 in single precision would have no digit left. */
static void a_mean_far_from_zero_costs_no_digits(void **state) {
    (void)state;
    struct trial *t = trial_create(3000.0);
    take_statistics(t);
    for (size_t c = 0; c < CHANNELS; c++) {
        const double got = ((double)t->running_variance[c] - 0.9) / 0.1,
                     expected = t->variance[c] * COUNT / (COUNT - 1.0);
        within("variance", got, expected, 1e-4 * expected + 1e-5);
    }
    free(t);
}

static void evaluation_uses_the_running_statistics(void **state) {
    (void)state;
    struct trial *t = trial_create(0.5);
    double mean[CHANNELS], variance[CHANNELS], expected[COUNT * CHANNELS];
    float y[COUNT * CHANNELS];
    for (size_t c = 0; c < CHANNELS; c++) {
        t->running_mean[c] = 0.25f * (float)c;
        t->running_variance[c] = 0.5f + (float)c;
        mean[c] = (double)t->running_mean[c];
        variance[c] = (double)t->running_variance[c];
    }
    const struct norm norm = trial_norm(t);
    norm_evaluate(&norm);
    normalised(t, y);
    norm_reference(reference_grid, CHANNELS, t->x_d, t->gamma_d, t->beta_d, mean, variance, false, expected);
    assert_close("norm(x)", y, expected, COUNT * CHANNELS, COMPARE_OPERATOR);
    free(t);
}

/* sum of g * norm(x) + add * x, norm by x's own moments. */
static double weighted(const struct trial *t, const double *x, const float *g, const float *add) {
    double mean[CHANNELS], variance[CHANNELS], y[COUNT * CHANNELS], sum = 0.0;
    moments_reference(reference_grid, CHANNELS, x, mean, variance);
    norm_reference(reference_grid, CHANNELS, x, t->gamma_d, t->beta_d, mean, variance, false, y);
    for (size_t i = 0; i < COUNT * CHANNELS; i++)
        sum += (double)g[i] * y[i] + (double)add[i] * x[i];
    return sum;
}

static void way_back(void) {
    struct trial *t = trial_create(0.5);
    take_statistics(t);
    uint64_t random = 17;
    float *g = random_floats(COUNT * CHANNELS, 1.0, &random), *add = random_floats(COUNT * CHANNELS, 1.0, &random);
    const struct norm norm = trial_norm(t);
    const struct coefficients k = norm_coefficients(&norm);
    float sum[16] = {0}, centred[16] = {0};
    for (size_t i = 0; i < COUNT * CHANNELS; i++) {
        sum[i % CHANNELS] += g[i];
        centred[i % CHANNELS] += g[i] * (t->x[i] - k.mean[i % CHANNELS]);
    }
    norm_from_gradient(&norm, grid, sum, centred);
    float *wide_x = widened(t->x, COUNT, CHANNELS, t->stride), *wide_add = widened(add, COUNT, CHANNELS, t->stride);
    struct gradient by_x = {widened(g, COUNT, CHANNELS, t->stride), &norm, wide_x, wide_add};
    gradient_complete(&by_x, 0, 20, t->stride);
    gradient_complete(&by_x, 20, COUNT - 20, t->stride);
    float *got = narrowed(by_x.g, COUNT, CHANNELS, t->stride);
    for (size_t i = 0; i < COUNT * CHANNELS; i += 7) {
        const double kept = t->x_d[i], h = 1e-5;
        t->x_d[i] = kept + h;
        const double above = weighted(t, t->x_d, g, add);
        t->x_d[i] = kept - h;
        const double expected = (above - weighted(t, t->x_d, g, add)) / (2.0 * h);
        t->x_d[i] = kept;
        assert_close("gradient by x", &got[i], &expected, 1, COMPARE_GRADIENT);
    }
    free(got), free(by_x.g), free(wide_x), free(wide_add), free(g), free(add), free(t);
}

static void gradients_by_the_input_are_differences(void **state) {
    (void)state;
    on_each_path(way_back);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistics_of_a_batch_agree_with_the_reference),
        cmocka_unit_test(a_mean_far_from_zero_costs_no_digits),
        cmocka_unit_test(evaluation_uses_the_running_statistics),
        cmocka_unit_test(gradients_by_the_input_are_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
