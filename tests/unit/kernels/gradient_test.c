/*
 * The whole network against the naive one in double: logits in both modes and running statistics. Every tensor's
 * gradient is compared with central differences of the reference's loss.
 */
#include "tests/unit/kernels/deeprx_fixture.h"

#include "kernels/reference/deeprx_reference.h"
#include "kernels/reference/operators.h"

enum { BATCH = 3 };

struct sample {
    struct deeprx_config config;
    size_t parameters, statistics, labels;
    float *x, *label, *teacher, *mask;
    double *x_d, *label_d, *teacher_d, *mask_d, *statistics_d, *parameters_d, *logits_d;
    struct deeprx *net;
};

static const struct optimizer_config standing_still = {OPTIMIZER_ADAMW, 0.0, 0.0, 0.9, 0.999, 1e-6};

static struct sample sample_create(const struct deeprx_config *config) {
    struct sample s = {.config = *config};
    trial_begin_network(config, BATCH, 1);
    uint64_t state = 7 + (uint64_t)config->depth_multiplier;
    const size_t grid = (size_t)(s.config.symbols * s.config.subcarriers), elements = BATCH * grid;
    s.parameters = deeprx_parameter_count(&s.config);
    s.statistics = deeprx_statistic_count(&s.config);
    s.labels = elements * (size_t)s.config.bits;
    s.x = random_floats(elements * (size_t)s.config.channels_in, 1.5, &state);
    s.label = random_labels(s.labels, &state);
    s.teacher = random_floats(s.labels, 4.0, &state);
    s.mask = random_labels(grid, &state);
    s.net = deeprx_create(&s.config, BATCH, true, NULL);
    assert_non_null(s.net);
    float *parameters = deeprx_parameters(s.net), *statistics = deeprx_statistics(s.net);
    deeprx_initialise(&s.config, 11, parameters, statistics);
    for (size_t i = 0; i < s.parameters; i++)
        parameters[i] += (float)(0.2 * random_value(&state)); /* biases, gammas and betas are to matter */
    for (size_t i = 0; i < s.statistics; i++)
        statistics[i] += (float)(0.2 * random_value(&state));
    s.x_d = doubles_of(s.x, elements * (size_t)s.config.channels_in);
    s.label_d = doubles_of(s.label, s.labels);
    s.teacher_d = doubles_of(s.teacher, s.labels);
    s.mask_d = doubles_of(s.mask, grid);
    s.parameters_d = doubles_of(parameters, s.parameters);
    s.statistics_d = doubles_of(statistics, s.statistics);
    s.logits_d = doubles_of(s.teacher, s.labels);
    return s;
}

static void sample_free(struct sample *s) {
    void *all[] = {s->x,         s->label,  s->teacher,      s->mask,         s->x_d,     s->label_d,
                   s->teacher_d, s->mask_d, s->statistics_d, s->parameters_d, s->logits_d};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    deeprx_free(s->net);
}

static double reference_loss(struct sample *s, const struct loss_config *loss) {
    double *statistics = malloc(s->statistics * sizeof *statistics);
    assert_non_null(statistics);
    memcpy(statistics, s->statistics_d, s->statistics * sizeof *statistics);
    assert_int_equal(deeprx_reference(&s->config, s->parameters_d, statistics, s->x_d, BATCH, true, s->logits_d), 0);
    free(statistics);
    const struct reference_grid grid = {BATCH, s->config.symbols, s->config.subcarriers};
    return loss_reference(grid, s->config.bits, s->logits_d, s->label_d, s->mask_d, s->teacher_d, loss).total;
}

/* Every parameter of the smaller tensors, and a spread of the larger ones'. */
static void check_gradients(struct sample *s, const struct loss_config *loss) {
    struct deeprx_tensor tensors[512];
    const size_t count = deeprx_tensors(&s->config, tensors, 512);
    const float *gradient = deeprx_gradients(s->net);
    for (size_t t = 0; t < count; t++) {
        const size_t stride = 1 + tensors[t].size / 4;
        for (size_t i = 0; i < tensors[t].size && !tensors[t].statistic; i += stride) {
            const size_t at = tensors[t].offset + i;
            const double kept = s->parameters_d[at], h = 1e-6;
            s->parameters_d[at] = kept + h;
            const double above = reference_loss(s, loss);
            s->parameters_d[at] = kept - h;
            const double expected = (above - reference_loss(s, loss)) / (2.0 * h);
            s->parameters_d[at] = kept;
            assert_close(tensors[t].name, &gradient[at], &expected, 1, COMPARE_NETWORK_STEP);
        }
    }
}

static void check_training(int multiplier, const struct loss_config *loss) {
    const struct deeprx_config config = tiny_config(multiplier);
    struct sample s = sample_create(&config);
    struct loss_value value;
    deeprx_train_step(s.net, s.x, s.label, s.mask, s.teacher, loss, &standing_still, 1, 1.0, &value);
    const double expected = reference_loss(&s, loss);
    const float total = (float)value.total;
    assert_close("loss", &total, &expected, 1, COMPARE_NETWORK);
    check_gradients(&s, loss);
    deeprx_reference(&s.config, s.parameters_d, s.statistics_d, s.x_d, BATCH, true, s.logits_d);
    assert_close("statistics", deeprx_statistics(s.net), s.statistics_d, s.statistics, COMPARE_NETWORK);
    sample_free(&s);
}

static void gradients_of_cross_entropy(void) {
    const struct loss_config loss = {.kd = KD_NONE};
    check_training(1, &loss);
    check_training(2, &loss);
}

static void gradients_of_distillation(void) {
    const struct loss_config bernoulli = {KD_BERNOULLI, KD_MEAN, 0.5, 3.0, true, 20.0};
    const struct loss_config softmax = {KD_SOFTMAX, KD_SUM, 5.0, 2.0, false, 20.0};
    check_training(1, &bernoulli);
    check_training(2, &softmax);
}

/* Slots of several tiles of symbols, whose statistics come together piece by piece. */
static void statistics_of_large_slots(void) {
    struct deeprx_config config = tiny_config(1);
    config.symbols = 9;
    config.subcarriers = 60;
    struct sample s = sample_create(&config);
    const struct loss_config loss = {.kd = KD_NONE};
    struct loss_value value;
    deeprx_train_step(s.net, s.x, s.label, s.mask, NULL, &loss, &standing_still, 1, 1.0, &value);
    deeprx_reference(&s.config, s.parameters_d, s.statistics_d, s.x_d, BATCH, true, s.logits_d);
    assert_close("statistics", deeprx_statistics(s.net), s.statistics_d, s.statistics, COMPARE_NETWORK);
    sample_free(&s);
}

static void logits_of_inference(void) {
    for (int multiplier = 1; multiplier <= 2; multiplier++) {
        const struct deeprx_config config = tiny_config(multiplier);
        struct sample s = sample_create(&config);
        struct deeprx *net = deeprx_create(&s.config, BATCH + 1, false, NULL);
        assert_non_null(net);
        memcpy(deeprx_parameters(net), deeprx_parameters(s.net), s.parameters * sizeof(float));
        memcpy(deeprx_statistics(net), deeprx_statistics(s.net), s.statistics * sizeof(float));
        float *logits = malloc(s.labels * sizeof *logits), *other = malloc(s.labels * sizeof *other);
        assert_true(logits != NULL && other != NULL);
        deeprx_infer(net, s.x, BATCH, logits);
        deeprx_reference(&s.config, s.parameters_d, s.statistics_d, s.x_d, BATCH, false, s.logits_d);
        assert_close("logits", logits, s.logits_d, s.labels, COMPARE_NETWORK);
        deeprx_infer(s.net, s.x, BATCH, other); /* a training network gives the same bytes */
        assert_same("logits of a training network", other, logits, s.labels);
        deeprx_infer(net, s.x, 1, other); /* and so does a slot alone */
        assert_same("logits of one slot", other, logits, s.labels / BATCH);
        free(logits);
        free(other);
        deeprx_free(net);
        sample_free(&s);
    }
}

static void gradients_of_the_cross_entropy_are_differences(void **state) {
    (void)state;
    on_each_path(gradients_of_cross_entropy);
}

static void gradients_of_distillation_are_differences(void **state) {
    (void)state;
    on_each_path(gradients_of_distillation);
}

static void statistics_of_large_slots_agree_with_the_reference(void **state) {
    (void)state;
    on_each_path(statistics_of_large_slots);
}

static void logits_agree_with_the_reference(void **state) {
    (void)state;
    on_each_path(logits_of_inference);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_agree_with_the_reference),
        cmocka_unit_test(statistics_of_large_slots_agree_with_the_reference),
        cmocka_unit_test(gradients_of_the_cross_entropy_are_differences),
        cmocka_unit_test(gradients_of_distillation_are_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
