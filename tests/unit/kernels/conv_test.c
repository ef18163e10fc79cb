/*
 * The three layer operators against the naive ones, forward and backward, on odd shapes, on every code path and with
 * one and three threads. The expected gradients are central differences in double of the naive operators.
 */
#include "tests/unit/kernels/deeprx_fixture.h"

#include "kernels/backend.h"
#include "kernels/reference/operators.h"

struct shape {
    struct grid grid;
    int in, out, multiplier, dilation_time, dilation_frequency;
};

static const struct shape shapes[] = {
    {{1, 1, 1}, 1, 1, 1, 1, 1},     {{2, 4, 5}, 3, 7, 1, 1, 1},
    {{3, 5, 7}, 8, 16, 2, 2, 3},    {{2, 3, 4}, 10, 5, 1, 4, 5}, /* dilations beyond the grid */
    {{18, 2, 3}, 16, 8, 1, 1, 2},                                /* more slots than blocks */
    {{2, 9, 60}, 3, 4, 2, 2, 3},                                 /* several tiles of symbols */
    {{1, 14, 9}, 24, 33, 2, 3, 6},  {{2, 2, 11}, 40, 72, 1, 2, 1},
    {{1, 2, 5}, 256, 259, 1, 1, 1}, /* large: by BLAS, or in one piece */
    {{1, 2, 5}, 256, 259, 2, 1, 1}, /* and in two */
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* One operator with its data. The operator is linear(relu(norm(x))): `linear` is the depthwise and pointwise pair, the
   pointwise alone, or, without the norm, the stem's convolution. */
enum operator{ STEM, SEPARABLE, PROJECT };

struct trial {
    enum operator op;
    struct shape shape;
    int threads;
    size_t elements, in_stride, out_stride;
    size_t depthwise, pointwise; /* weights and biases of each in `parameters`: depthwise first; 0 without one */
    size_t depthwise_weights, pointwise_weights;
    float *x, *parameters, *gradients, *skip, *dy; /* unpadded */
    float *gamma, *beta, *running_mean, *running_variance, *gamma_gradient, *beta_gradient, *coefficients;
    double *rectified; /* relu(norm(x)), or x for the stem */
    double *normed;
};

static struct convolution convolution_at(const struct trial *t, int in, int out, size_t at, size_t weights) {
    return (struct convolution){
        in, out, t->parameters + at, t->parameters + at + weights, t->gradients + at, t->gradients + at + weights};
}

static struct separable trial_separable(const struct trial *t) {
    const struct shape *s = &t->shape;
    const int deep = s->in * s->multiplier;
    return (struct separable){
        .depthwise = convolution_at(t, s->in, deep, 0, t->depthwise_weights),
        .pointwise = convolution_at(t, deep, s->out, t->depthwise, t->pointwise_weights),
        .multiplier = s->multiplier,
        .dilation_time = s->dilation_time,
        .dilation_frequency = s->dilation_frequency,
    };
}

static struct norm trial_norm(const struct trial *t) {
    return (struct norm){t->shape.in,         t->gamma,          t->beta,          t->running_mean,
                         t->running_variance, t->gamma_gradient, t->beta_gradient, t->coefficients};
}

static struct reference_grid reference_grid_of(const struct trial *t) {
    return (struct reference_grid){t->shape.grid.slots, t->shape.grid.symbols, t->shape.grid.subcarriers};
}

static struct trial trial_create(enum operator op, const struct shape *shape, int threads) {
    const struct backend *k = backend_cpu();
    struct trial t = {.op = op, .shape = *shape, .threads = threads};
    uint64_t state = 99 + (uint64_t)op;
    const size_t in = (size_t)shape->in, out = (size_t)shape->out, m = (size_t)shape->multiplier;
    t.elements = (size_t)(shape->grid.slots * shape->grid.symbols * shape->grid.subcarriers);
    t.in_stride = op == STEM ? in : k->channel_stride(shape->in);
    t.out_stride = k->channel_stride(shape->out);
    t.depthwise_weights = op == SEPARABLE ? in * m * 9 : 0;
    t.depthwise = op == SEPARABLE ? in * m * 10 : 0;
    t.pointwise_weights = out * in * (op == STEM ? 9 : op == SEPARABLE ? m : 1);
    t.pointwise = t.pointwise_weights + out;
    t.x = random_floats(t.elements * in, 2.0, &state);
    t.parameters = random_floats(t.depthwise + t.pointwise, 0.3, &state);
    t.gradients = random_floats(t.depthwise + t.pointwise, 9.0, &state); /* to be overwritten */
    t.skip = random_floats(t.elements * out, 1.0, &state);
    t.dy = random_floats(t.elements * out, 0.3, &state);
    t.gamma = random_floats(in, 1.5, &state);
    t.beta = random_floats(in, 0.5, &state);
    t.running_mean = random_floats(in, 0.5, &state);
    t.running_variance = random_floats(in, 0.4, &state);
    t.gamma_gradient = random_floats(in, 9.0, &state);
    t.beta_gradient = random_floats(in, 9.0, &state);
    t.coefficients = random_floats(NORM_COEFFICIENTS * k->channel_stride(shape->in), 0.0, &state);
    for (size_t c = 0; c < in; c++)
        t.running_variance[c] += 1.0f;
    static const char *const names[] = {[STEM] = "stem", [SEPARABLE] = "separable", [PROJECT] = "project"};
    trial_begin("%s, grid %dx%dx%d, channels %d to %d, multiplier %d, dilation %dx%d, threads %d", names[op],
                shape->grid.slots, shape->grid.symbols, shape->grid.subcarriers, shape->in, shape->out,
                shape->multiplier, shape->dilation_time, shape->dilation_frequency, threads);
    const struct norm norm = trial_norm(&t);
    k->norm_evaluate(&norm);
    double *x = doubles_of(t.x, t.elements * in), *gamma = doubles_of(t.gamma, in), *beta = doubles_of(t.beta, in),
           *mean = doubles_of(t.running_mean, in), *variance = doubles_of(t.running_variance, in);
    t.rectified = doubles_of(t.x, t.elements * in);
    t.normed = doubles_of(t.x, t.elements * in);
    if (op != STEM) {
        norm_reference(reference_grid_of(&t), shape->in, x, gamma, beta, mean, variance, false, t.normed);
        norm_reference(reference_grid_of(&t), shape->in, x, gamma, beta, mean, variance, true, t.rectified);
    }
    free(x), free(gamma), free(beta), free(mean), free(variance);
    return t;
}

static void trial_free(struct trial *t) {
    free(t->x), free(t->parameters), free(t->gradients), free(t->skip), free(t->dy), free(t->gamma), free(t->beta);
    free(t->running_mean), free(t->running_variance), free(t->gamma_gradient), free(t->beta_gradient);
    free(t->coefficients), free(t->rectified), free(t->normed);
}

/* The naive linear part; `y` [elements, out]. */
static void reference_linear(const struct trial *t, const double *rectified, const double *parameters, double *y) {
    const struct shape *s = &t->shape;
    if (t->op == SEPARABLE) {
        const int deep = s->in * s->multiplier;
        const struct reference_convolution depthwise = {
            s->in, deep, 3, s->multiplier, s->dilation_time, s->dilation_frequency};
        const struct reference_convolution pointwise = {deep, s->out, 1, 0, 1, 1};
        double *middle = malloc(t->elements * (size_t)deep * sizeof *middle);
        assert_non_null(middle);
        convolution_reference(&depthwise, reference_grid_of(t), rectified, parameters,
                              parameters + t->depthwise_weights, middle);
        parameters += t->depthwise;
        convolution_reference(&pointwise, reference_grid_of(t), middle, parameters, parameters + t->pointwise_weights,
                              y);
        free(middle);
        return;
    }
    const struct reference_convolution c = {s->in, s->out, t->op == STEM ? 3 : 1, 0, 1, 1};
    convolution_reference(&c, reference_grid_of(t), rectified, parameters, parameters + t->pointwise_weights, y);
}

static struct run trial_run(const struct trial *t, struct parallel *p) {
    const struct backend *k = backend_cpu();
    const struct separable s = trial_separable(t);
    size_t bytes = t->op == STEM      ? k->stem_workspace_bytes(t->shape.grid, t->threads, &s.pointwise)
                   : t->op == PROJECT ? k->project_workspace_bytes(t->shape.grid, t->threads, &s.pointwise)
                                      : k->separable_workspace_bytes(t->shape.grid, t->threads, &s);
    uint64_t state = 5;
    return (struct run){t->shape.grid, p, random_floats(bytes / sizeof(float), 9.0, &state)}; /* dirty */
}

/* The convolution of the stem or the projection, whose channels_in trial_separable() multiplies. */
static struct convolution trial_convolution(const struct trial *t) {
    return convolution_at(t, t->shape.in, t->shape.out, 0, t->pointwise_weights);
}

static void forward(const struct trial *t, float *y, const float *skip) {
    const struct backend *k = backend_cpu();
    struct parallel *p = parallel_create(t->threads);
    const struct run run = trial_run(t, p);
    const struct convolution c = trial_convolution(t);
    const struct separable s = trial_separable(t);
    const struct norm norm = trial_norm(t);
    float *x = widened(t->x, t->elements, (size_t)t->shape.in, t->in_stride);
    if (t->op == STEM)
        k->stem_forward(&run, &c, x, y, NULL);
    else if (t->op == PROJECT)
        k->project_forward(&run, &c, x, &norm, y, false);
    else
        k->separable_forward(&run, &s, x, &norm, skip, y, NULL);
    free(x);
    free(run.workspace);
    parallel_free(p);
}

static void check_forward(enum operator op, const struct shape *shape, int threads) {
    struct trial t = trial_create(op, shape, threads);
    const size_t out = (size_t)shape->out;
    double *parameters = doubles_of(t.parameters, t.depthwise + t.pointwise),
           *expected = doubles_of(t.skip, t.elements * out);
    reference_linear(&t, t.rectified, parameters, expected);
    float *y = widened(t.skip, t.elements, out, t.out_stride);
    forward(&t, y, NULL);
    float *narrow = narrowed(y, t.elements, out, t.out_stride);
    assert_close("y", narrow, expected, t.elements * out, COMPARE_OPERATOR);
    free(narrow);
    if (op == SEPARABLE) { /* in place upon the skip */
        float *skip = widened(t.skip, t.elements, out, t.out_stride);
        forward(&t, skip, skip);
        for (size_t i = 0; i < t.elements * out; i++)
            expected[i] += (double)t.skip[i];
        narrow = narrowed(skip, t.elements, out, t.out_stride);
        assert_close("y with skip", narrow, expected, t.elements * out, COMPARE_OPERATOR);
        free(narrow);
        free(skip);
    }
    free(y), free(expected), free(parameters);
    trial_free(&t);
}

/* sum of dy * y, whose gradients the backward operators give. */
static double weighted(const struct trial *t, const double *rectified, const double *parameters, double *y) {
    reference_linear(t, rectified, parameters, y);
    double sum = 0.0;
    for (size_t i = 0; i < t->elements * (size_t)t->shape.out; i++)
        sum += (double)t->dy[i] * y[i];
    return sum;
}

/* The sum is linear in each parameter and in relu's output, so a central difference is exact at any step. */
static double difference(const struct trial *t, double *at, double *rectified, double *parameters, double *y) {
    const double kept = *at;
    *at = kept + 0.5;
    const double above = weighted(t, rectified, parameters, y);
    *at = kept - 0.5;
    const double below = weighted(t, rectified, parameters, y);
    *at = kept;
    return above - below;
}

static void backward(const struct trial *t, float *dx) {
    const struct backend *k = backend_cpu();
    struct parallel *p = parallel_create(t->threads);
    const struct run run = trial_run(t, p);
    const struct convolution c = trial_convolution(t);
    const struct separable s = trial_separable(t);
    const struct norm norm = trial_norm(t);
    float *x = widened(t->x, t->elements, (size_t)t->shape.in, t->in_stride);
    const struct gradient dy = {.g = widened(t->dy, t->elements, (size_t)t->shape.out, t->out_stride)};
    if (t->op == STEM)
        k->stem_backward(&run, &c, x, &dy);
    else if (t->op == PROJECT)
        k->project_backward(&run, &c, x, &norm, &dy, dx, false, true);
    else
        k->separable_backward(&run, &s, x, &norm, &dy, dx, true);
    free(x);
    free(dy.g);
    free(run.workspace);
    parallel_free(p);
}

/* dx: by norm(x)'s output; gamma's and beta's gradients follow from it by their definition, where every place is
   checked (`stride` 1). */
static void check_input_gradient(const struct trial *t, const float *dx, double *rectified, double *parameters,
                                 double *y, double already, size_t stride) {
    const size_t in = (size_t)t->shape.in;
    float *narrow = narrowed(dx, t->elements, in, t->in_stride);
    double *by_gamma = calloc(in, sizeof *by_gamma), *by_beta = calloc(in, sizeof *by_beta);
    assert_true(by_gamma != NULL && by_beta != NULL);
    for (size_t i = 0; i < t->elements * in; i += stride) {
        const size_t c = i % in;
        const bool on_the_kink = fabs(t->normed[i]) < 1e-5; /* single and double precision may differ */
        double expected = difference(t, &rectified[i], rectified, parameters, y) + already;
        if (on_the_kink || t->normed[i] < 0.0)
            expected = 0.0;
        if (!on_the_kink)
            assert_close("dx", &narrow[i], &expected, 1, COMPARE_GRADIENT);
        by_beta[c] += expected;
        by_gamma[c] +=
            expected * ((double)t->x[i] - (double)t->running_mean[c]) / sqrt((double)t->running_variance[c] + 1e-5);
    }
    if (stride == 1) {
        assert_close("gamma gradient", t->gamma_gradient, by_gamma, in, COMPARE_GRADIENT);
        assert_close("beta gradient", t->beta_gradient, by_beta, in, COMPARE_GRADIENT);
    }
    free(narrow), free(by_gamma), free(by_beta);
}

/* A central difference takes two naive evaluations. A check takes as many differences as fit into the budget of
   multiplications, spread over the `count` places that there are. */
enum { BUDGET = 12000000 };
static size_t affordable_stride(const struct trial *t, size_t count) {
    const double each = 2.0 * (double)t->elements * (double)(t->depthwise_weights + t->pointwise_weights);
    return 1 + (size_t)((double)count * each / BUDGET);
}

static void check_backward(enum operator op, const struct shape *shape, int threads) {
    struct trial t = trial_create(op, shape, threads);
    const size_t in = (size_t)shape->in, out = (size_t)shape->out, parameter_count = t.depthwise + t.pointwise;
    const double already = op == SEPARABLE ? 0.25 : 0.0; /* the skip left it in dx */
    float *dx = random_floats(t.elements * t.in_stride, 0.0, &(uint64_t){1});
    for (size_t i = 0; i < t.elements * t.in_stride; i++)
        dx[i] = i % t.in_stride < in ? (float)already : 0.0f;
    backward(&t, dx);
    double *parameters = doubles_of(t.parameters, parameter_count), *rectified = doubles_of(t.x, t.elements * in);
    memcpy(rectified, t.rectified, t.elements * in * sizeof *rectified);
    double *y = doubles_of(t.skip, t.elements * out);
    const size_t stride = affordable_stride(&t, parameter_count);
    for (size_t i = 0; i < parameter_count; i += stride) {
        const double expected = difference(&t, &parameters[i], rectified, parameters, y);
        assert_close("parameter gradient", &t.gradients[i], &expected, 1, COMPARE_GRADIENT);
    }
    if (op != STEM)
        check_input_gradient(&t, dx, rectified, parameters, y, already, affordable_stride(&t, t.elements * in));
    free(parameters), free(rectified), free(y), free(dx);
    trial_free(&t);
}

static void all_shapes(enum operator op) {
    for (size_t i = 0; i < SHAPES; i++) {
        struct shape shape = shapes[i];
        const int threads = i % 2 == 0 ? 3 : 1;
        if (op != SEPARABLE)
            shape.multiplier = 1;
        check_forward(op, &shape, threads);
        check_backward(op, &shape, threads);
    }
}

static void stem(void) {
    all_shapes(STEM);
}

static void separable(void) {
    all_shapes(SEPARABLE);
}

static void project(void) {
    all_shapes(PROJECT);
}

static void the_stem_agrees_with_its_reference(void **state) {
    (void)state;
    on_each_path(stem);
}

static void the_separable_layer_agrees_with_its_reference(void **state) {
    (void)state;
    on_each_path(separable);
}

static void the_projection_agrees_with_its_reference(void **state) {
    (void)state;
    on_each_path(project);
}

/* A comparer that passes anything would make all of this worthless. */
static void the_comparer_sees_corruption(void **state) {
    (void)state;
    const struct tolerance t = tolerance_for(COMPARE_OPERATOR);
    const double reference[4] = {1.0, -200.0, 0.0, 3.0};
    float actual[4] = {1.0f, -200.0f, 0.0f, 3.0f};
    assert_true(compare_floats(actual, reference, 4, t).worst <= 1.0);
    actual[3] = 3.001f;
    assert_true(compare_floats(actual, reference, 4, t).worst > 1.0);
    assert_int_equal(compare_floats(actual, reference, 4, t).at, 3);
    actual[3] = 3.0f;
    actual[2] = 1e-4f; /* beyond the absolute part where the reference is 0 */
    assert_true(compare_floats(actual, reference, 4, t).worst > 1.0);
    actual[2] = NAN;
    assert_true(compare_floats(actual, reference, 4, t).worst > 1.0);
    actual[2] = INFINITY;
    assert_true(compare_floats(actual, reference, 4, t).worst > 1.0);
    const double broken[1] = {(double)NAN};
    assert_true(compare_floats(actual, broken, 1, t).worst > 1.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_comparer_sees_corruption),
        cmocka_unit_test(the_stem_agrees_with_its_reference),
        cmocka_unit_test(the_projection_agrees_with_its_reference),
        cmocka_unit_test(the_separable_layer_agrees_with_its_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
