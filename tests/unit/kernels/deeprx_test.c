/*
 * The network as stages see it: its sizes against the publication's, its tensors and its initial values. It learns, and
 * gives the same bytes at any number of threads and any alignment.
 */
#include "tests/unit/kernels/deeprx_fixture.h"

/* DeepRx on 14 x 312 with its middle (blocks 3 to 9) scaled to s, 2s, s; s = 128 is the published network. */
static struct deeprx_config deeprx_config(int s, int bits) {
    return (struct deeprx_config){
        .channels_in = 10,
        .bits = bits,
        .symbols = 14,
        .subcarriers = 312,
        .depth_multiplier = 2,
        .block_count = 11,
        .blocks = {{64, 1, 1},
                   {64, 1, 1},
                   {s, 2, 3},
                   {s, 2, 3},
                   {2 * s, 2, 3},
                   {2 * s, 3, 6},
                   {2 * s, 2, 3},
                   {s, 2, 3},
                   {s, 2, 3},
                   {64, 1, 1},
                   {64, 1, 1}},
    };
}

static struct deeprx_config laptop_config(int s, int channels_in) {
    return (struct deeprx_config){
        .channels_in = channels_in,
        .bits = 4,
        .symbols = 14,
        .subcarriers = 48,
        .depth_multiplier = 1,
        .block_count = 5,
        .blocks = {{16, 1, 1}, {s, 2, 3}, {2 * s, 3, 6}, {s, 2, 3}, {16, 1, 1}},
    };
}

static void the_published_networks_have_their_sizes(void **state) {
    (void)state;
    struct deeprx_config c = deeprx_config(128, 4);
    assert_int_equal(deeprx_parameter_count(&c), 1232516);
    assert_int_equal(deeprx_macs_element(&c), 1216384);
    assert_int_equal(deeprx_flops_slot(&c), 10626330624);
    c.bits = 8;
    assert_int_equal(deeprx_parameter_count(&c), 1232776);
    assert_int_equal(deeprx_macs_element(&c), 1216640);
    assert_int_equal(deeprx_flops_slot(&c), 10628567040);
}

static void the_ladder_has_the_published_sizes(void **state) {
    (void)state;
    static const struct {
        int s;
        uint64_t macs;
    } ladder[] = {{52, 284576}, {72, 458176}, {100, 787232}, {128, 1216640}, {272, 5010176}, {316, 6698720}};
    for (size_t i = 0; i < sizeof ladder / sizeof *ladder; i++) {
        const struct deeprx_config c = deeprx_config(ladder[i].s, 8);
        assert_int_equal(deeprx_macs_element(&c), ladder[i].macs);
    }
}

/* `tenths`: how far the ratios below 100 may be off, in their last digit. */
static void check_laptop_ratios(int channels_in, const double *ratios, double tenths) {
    static const int sizes[] = {8, 16, 24, 32, 72, 88};
    const struct deeprx_config reference = laptop_config(32, channels_in);
    for (size_t i = 0; i < 6; i++) {
        const struct deeprx_config c = laptop_config(sizes[i], channels_in);
        const double ratio = 30.0 * (double)deeprx_macs_element(&c) / (double)deeprx_macs_element(&reference);
        within("ratio", ratio, ratios[i], i < 4 ? 0.1 * tenths : 0.5);
    }
}

static void the_laptop_networks_have_the_ratios_of_the_paper(void **state) {
    (void)state;
    const struct deeprx_config smallest = laptop_config(8, 10), largest = laptop_config(88, 10);
    assert_int_equal(deeprx_parameter_count(&smallest), 5444);
    assert_int_equal(deeprx_parameter_count(&largest), 126724);
    check_laptop_ratios(10, (const double[]){6.7, 11.3, 19.7, 30.0, 119.0, 172.0}, 0.5);
    check_laptop_ratios(13, (const double[]){7.2, 11.7, 20.0, 30.0, 117.0, 169.0},
                        0.6); /* 11.65, 19.95: rounded twice */
    within("MFLOP", (double)deeprx_flops_slot(&smallest) * 1e-6, 6.5, 0.05);
    within("MFLOP", (double)deeprx_flops_slot(&largest) * 1e-6, 166.0, 0.5);
}

static void the_layers_add_up_to_the_network(void **state) {
    (void)state;
    const struct deeprx_config c = deeprx_config(128, 8);
    struct deeprx_layer layers[128];
    const size_t count = deeprx_layers(&c, layers, 128);
    assert_int_equal(count, 1 + 11 * 6 + 4 + 2); /* four blocks change the width */
    uint64_t parameters = 0, macs = 0, middle = 0, bytes = 0;
    for (size_t i = 0; i < count; i++) {
        parameters += layers[i].parameters;
        macs += layers[i].macs_element;
        bytes += layers[i].weight_bytes;
        middle += layers[i].block >= 5 && layers[i].block <= 7 ? layers[i].macs_element : 0;
    }
    assert_int_equal(parameters, deeprx_parameter_count(&c));
    assert_int_equal(macs, deeprx_macs_element(&c));
    assert_int_equal(bytes, 4 * (deeprx_parameter_count(&c) + deeprx_statistic_count(&c)));
    within("share of the middle", (double)middle / (double)macs, 0.640, 0.0005);
    assert_string_equal(layers[0].name, "stem");
    assert_int_equal(layers[0].macs_element, 9 * 10 * 64);
    assert_int_equal(layers[0].activation_bytes_element, 4 * (10 + 64));
    assert_string_equal(layers[2].name, "block1.depthwise1");
    assert_int_equal(layers[2].macs_element, 9 * 128);
    assert_string_equal(layers[count - 1].name, "head");
    assert_int_equal(layers[count - 1].block, 12);
}

static void the_tensors_tile_the_arrays(void **state) {
    (void)state;
    const struct deeprx_config c = deeprx_config(128, 8);
    struct deeprx_tensor tensors[512];
    const size_t count = deeprx_tensors(&c, tensors, 512);
    size_t parameters = 0, statistics = 0;
    for (size_t i = 0; i < count; i++) {
        size_t *end = tensors[i].statistic ? &statistics : &parameters, size = 1;
        for (int d = 0; d < tensors[i].dims; d++)
            size *= tensors[i].shape[d];
        assert_int_equal(tensors[i].size, size);
        assert_int_equal(tensors[i].offset, *end);
        *end += size;
    }
    assert_int_equal(parameters, deeprx_parameter_count(&c));
    assert_int_equal(statistics, deeprx_statistic_count(&c));
    assert_int_equal(deeprx_tensors(&c, tensors, 3), count); /* writes no further than it may */
}

static void initial_values_have_the_stated_spread(void **state) {
    (void)state;
    const struct deeprx_config c = deeprx_config(128, 8);
    struct deeprx_tensor tensors[512];
    const size_t count = deeprx_tensors(&c, tensors, 512), parameter_count = deeprx_parameter_count(&c);
    float *parameters = malloc(parameter_count * sizeof *parameters), *again = malloc(parameter_count * sizeof *again);
    float *statistics = malloc(deeprx_statistic_count(&c) * sizeof *statistics);
    assert_true(parameters != NULL && again != NULL && statistics != NULL);
    deeprx_initialise(&c, 42, parameters, statistics);
    for (size_t i = 0; i < count; i++) {
        const struct deeprx_tensor *t = &tensors[i];
        const float *values = (t->statistic ? statistics : parameters) + t->offset;
        const double n = (double)t->size;
        double mean = 0.0, square = 0.0;
        for (size_t k = 0; k < t->size; k++) {
            mean += (double)values[k] / n;
            square += (double)values[k] * (double)values[k] / n;
        }
        if (t->dims > 1) { /* five standard errors of a normal sample's mean and mean square */
            const double fan_in = (double)(t->shape[1] * t->shape[2] * t->shape[3]), variance = 2.0 / fan_in;
            within(t->name, mean, 0, 5.0 * sqrt(variance / n));
            within(t->name, square, variance, 5.0 * variance * sqrt(2.0 / n));
        } else {
            const bool one = strstr(t->name, "running_var") != NULL ||
                             (strstr(t->name, "norm") != NULL && strstr(t->name, ".weight") != NULL);
            assert_true(fabs(mean - (one ? 1.0 : 0.0)) < 1e-12 && fabs(square - mean * mean) < 1e-12);
        }
    }
    deeprx_initialise(&c, 42, again, statistics);
    assert_same("parameters", again, parameters, parameter_count);
    deeprx_initialise(&c, 43, again, statistics);
    assert_true(memcmp(parameters, again, parameter_count * sizeof *parameters) != 0);
    free(parameters), free(again), free(statistics);
}

/* A batch of data for a configuration, `shift` floats off a cache line. */
struct data {
    float *x, *label, *teacher, *mask;
    size_t shift;
};

static struct data data_create(const struct deeprx_config *c, int batch, size_t shift) {
    uint64_t state = 31;
    const size_t grid = (size_t)(c->symbols * c->subcarriers), elements = (size_t)batch * grid;
    struct data d = {.shift = shift};
    d.x = random_floats(elements * (size_t)c->channels_in + 16, 1.0, &state);
    memmove(d.x + shift, d.x, elements * (size_t)c->channels_in * sizeof *d.x);
    d.label = random_labels(elements * (size_t)c->bits, &state);
    d.teacher = random_floats(elements * (size_t)c->bits, 3.0, &state);
    d.mask = random_labels(grid, &state);
    return d;
}

static void data_free(struct data *d) {
    free(d->x), free(d->label), free(d->teacher), free(d->mask);
}

enum { STEPS = 3 };

/* Three steps of distillation; every byte that a checkpoint would hold, and the losses. */
struct outcome {
    float *parameters, *statistics, *moments, *logits;
    struct loss_value values[STEPS];
};

static float *copy_of(const float *x, size_t n) {
    float *copy = malloc(n * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, x, n * sizeof *copy);
    return copy;
}

static struct outcome train(const struct deeprx_config *c, int batch, int threads, size_t shift) {
    struct data d = data_create(c, batch, shift);
    struct parallel *p = parallel_create(threads);
    struct deeprx *net = deeprx_create(c, batch, true, p);
    assert_true(p != NULL && net != NULL);
    deeprx_initialise(c, 1, deeprx_parameters(net), deeprx_statistics(net));
    const struct loss_config loss = {KD_BERNOULLI, KD_MEAN, 1.0, 2.0, false, 20.0};
    const struct optimizer_config optimizer = {OPTIMIZER_LAMB, 1e-2, 1e-4, 0.9, 0.999, 1e-6};
    struct outcome o = {0};
    for (uint64_t step = 1; step <= STEPS; step++)
        deeprx_train_step(net, d.x + shift, d.label, d.mask, d.teacher, &loss, &optimizer, step, 1.0,
                          &o.values[step - 1]);
    const size_t parameters = deeprx_parameter_count(c);
    o.parameters = copy_of(deeprx_parameters(net), parameters);
    o.statistics = copy_of(deeprx_statistics(net), deeprx_statistic_count(c));
    o.moments = copy_of(deeprx_moments(net), 2 * parameters);
    const size_t labels = (size_t)batch * (size_t)(c->symbols * c->subcarriers * c->bits);
    o.logits = malloc(labels * sizeof *o.logits);
    assert_non_null(o.logits);
    deeprx_infer(net, d.x + shift, batch, o.logits);
    deeprx_free(net);
    parallel_free(p);
    data_free(&d);
    return o;
}

static void outcome_free(struct outcome *o) {
    free(o->parameters), free(o->statistics), free(o->moments), free(o->logits);
}

static void assert_same_bytes(const struct deeprx_config *c, int batch) {
    struct outcome one = train(c, batch, 1, 0);
    const size_t parameters = deeprx_parameter_count(c), statistics = deeprx_statistic_count(c);
    const size_t labels = (size_t)batch * (size_t)(c->symbols * c->subcarriers * c->bits);
    assert_true(isfinite(one.values[STEPS - 1].total));
    for (int threads = 1; threads <= 3; threads++) {
        struct outcome other = train(c, batch, threads, (size_t)threads * 3); /* and another alignment */
        trial_begin_network(c, batch, threads);
        assert_same("parameters", other.parameters, one.parameters, parameters);
        assert_same("statistics", other.statistics, one.statistics, statistics);
        assert_same("moments", other.moments, one.moments, 2 * parameters);
        assert_same("logits", other.logits, one.logits, labels);
        assert_memory_equal(one.values, other.values, sizeof one.values);
        outcome_free(&other);
    }
    outcome_free(&one);
}

static void same_bytes(void) {
    const struct deeprx_config tiny = tiny_config(2);
    assert_same_bytes(&tiny, 7);
    const struct deeprx_config laptop = laptop_config(8, 10);
    assert_same_bytes(&laptop, 3);
    const struct deeprx_config wide = {.channels_in = 4,
                                       .bits = 2,
                                       .symbols = 2,
                                       .subcarriers = 20,
                                       .depth_multiplier = 2,
                                       .block_count = 2,
                                       .blocks = {{72, 1, 1}, {260, 1, 2}}}; /* reaches BLAS */
    assert_same_bytes(&wide, 4);
}

static void any_number_of_threads_gives_the_same_bytes(void **state) {
    (void)state;
    on_each_path(same_bytes);
}

/* Eight slots whose labels are signs of the input: 60 steps bring the loss to a tenth. */
static void overfits(void) {
    const struct deeprx_config c = {.channels_in = 4,
                                    .bits = 2,
                                    .symbols = 4,
                                    .subcarriers = 6,
                                    .depth_multiplier = 1,
                                    .block_count = 2,
                                    .blocks = {{16, 1, 1}, {24, 1, 2}}};
    enum { SLOTS = 8 };
    struct data d = data_create(&c, SLOTS, 0);
    for (size_t e = 0; e < SLOTS * 24; e++)
        for (size_t b = 0; b < 2; b++)
            d.label[e * 2 + b] = d.x[e * 4 + b] > 0.0f ? 1.0f : 0.0f;
    for (size_t e = 0; e < 24; e++)
        d.mask[e] = 1.0f;
    struct deeprx *net = deeprx_create(&c, SLOTS, true, NULL);
    assert_non_null(net);
    deeprx_initialise(&c, 1, deeprx_parameters(net), deeprx_statistics(net));
    const struct loss_config loss = {.kd = KD_NONE};
    const struct optimizer_config optimizer = {OPTIMIZER_LAMB, 3e-2, 1e-4, 0.9, 0.999, 1e-6};
    struct loss_value first, last;
    deeprx_train_step(net, d.x, d.label, d.mask, NULL, &loss, &optimizer, 1, 1.0, &first);
    for (uint64_t step = 2; step <= 60; step++)
        deeprx_train_step(net, d.x, d.label, d.mask, NULL, &loss, &optimizer, step, 1.0, &last);
    assert_true(last.total < 0.1 * first.total);
    assert_true(last.bit_errors < first.bit_errors / 10);
    deeprx_free(net);
    data_free(&d);
}

static void training_overfits_a_small_set(void **state) {
    (void)state;
    on_each_path(overfits);
}

static void the_workspace_grows_with_the_batch(void **state) {
    (void)state;
    const struct deeprx_config c = laptop_config(16, 10);
    const size_t inference = deeprx_workspace_bytes(&c, 4, false), training = deeprx_workspace_bytes(&c, 4, true);
    assert_true(inference > 4 * deeprx_parameter_count(&c));
    assert_true(training > inference);
    assert_true(deeprx_workspace_bytes(&c, 8, true) > training);
    struct deeprx *net = deeprx_create(&c, 4, false, NULL);
    assert_non_null(net);
    assert_null(deeprx_moments(net));
    assert_null(deeprx_gradients(net));
    deeprx_free(net);
    deeprx_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_networks_have_their_sizes),
        cmocka_unit_test(the_ladder_has_the_published_sizes),
        cmocka_unit_test(the_laptop_networks_have_the_ratios_of_the_paper),
        cmocka_unit_test(the_layers_add_up_to_the_network),
        cmocka_unit_test(the_tensors_tile_the_arrays),
        cmocka_unit_test(initial_values_have_the_stated_spread),
        cmocka_unit_test(the_workspace_grows_with_the_batch),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bytes),
        cmocka_unit_test(training_overfits_a_small_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
