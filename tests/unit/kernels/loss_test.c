/* Cross-entropy and every form of distillation: values by definition, gradients by central differences, extremes. */
#include "tests/unit/kernels/deeprx_fixture.h"

#include "kernels/reference/operators.h"

enum {
    SLOTS = 3,
    SYMBOLS = 2,
    SUBCARRIERS = 5,
    BITS = 4,
    ELEMENTS = SYMBOLS * SUBCARRIERS,
    LABELS = SLOTS * ELEMENTS * BITS
};
static const struct reference_grid grid = {SLOTS, SYMBOLS, SUBCARRIERS};

struct sample {
    float logits[LABELS], label[LABELS], teacher[LABELS], mask[ELEMENTS], gradient[LABELS];
    double logits_d[LABELS], label_d[LABELS], teacher_d[LABELS], mask_d[ELEMENTS];
    struct loss_value value;
};

static void as_doubles(struct sample *s) {
    for (size_t i = 0; i < LABELS; i++) {
        s->logits_d[i] = (double)s->logits[i];
        s->label_d[i] = (double)s->label[i];
        s->teacher_d[i] = (double)s->teacher[i];
    }
    for (size_t i = 0; i < ELEMENTS; i++)
        s->mask_d[i] = (double)s->mask[i];
}

static struct sample sample_create(void) {
    struct sample s = {0};
    uint64_t state = 77;
    for (size_t i = 0; i < LABELS; i++) {
        s.logits[i] = (float)(6.0 * random_value(&state));
        s.teacher[i] = (float)(6.0 * random_value(&state));
        s.label[i] = random_value(&state) > 0.0 ? 1.0f : 0.0f;
    }
    for (size_t i = 0; i < ELEMENTS; i++)
        s.mask[i] = i % 4 == 1 ? 0.0f : 1.0f;
    as_doubles(&s);
    return s;
}

static void run(struct sample *s, const struct loss_config *config, int threads) {
    trial_begin("loss, %d slots, %d elements, %d bits, form %d, threads %d", SLOTS, ELEMENTS, BITS, config->kd,
                threads);
    struct parallel *p = parallel_create(threads);
    void *workspace = malloc(loss_workspace_bytes(SLOTS, ELEMENTS, BITS, threads));
    assert_true(p != NULL && workspace != NULL);
    const struct loss_batch batch = {SLOTS, ELEMENTS, BITS, s->logits, s->label, s->mask, s->teacher};
    loss_run(p, &batch, config, workspace, s->gradient, &s->value);
    free(workspace);
    parallel_free(p);
}

static void assert_value(const char *what, double actual, double expected) {
    const float value = (float)actual;
    assert_close(what, &value, &expected, 1, COMPARE_LOSS);
}

static void check_values(const struct sample *s, const struct loss_config *config) {
    const struct loss_value r = loss_reference(grid, BITS, s->logits_d, s->label_d, s->mask_d, s->teacher_d, config);
    assert_value("bce", s->value.bce, r.bce);
    assert_value("kd", s->value.kd, r.kd);
    assert_value("total", s->value.total, r.total);
    assert_value("kd_weight", s->value.kd_weight, r.kd_weight);
    assert_int_equal(s->value.bit_errors, r.bit_errors);
    assert_int_equal(s->value.bit_count, r.bit_count);
}

static void check_gradients(struct sample *s, const struct loss_config *config) {
    for (size_t i = 0; i < LABELS; i++) {
        const double kept = s->logits_d[i], h = 1e-4;
        s->logits_d[i] = kept + h;
        const double above = loss_reference(grid, BITS, s->logits_d, s->label_d, s->mask_d, s->teacher_d, config).total;
        s->logits_d[i] = kept - h;
        const double below = loss_reference(grid, BITS, s->logits_d, s->label_d, s->mask_d, s->teacher_d, config).total;
        s->logits_d[i] = kept;
        const double expected = (above - below) / (2.0 * h);
        assert_close("gradient", &s->gradient[i], &expected, 1, COMPARE_LOSS);
    }
}

static void each_form(void (*check)(const struct loss_config *config)) {
    static const enum kd_form forms[] = {KD_NONE, KD_BERNOULLI, KD_SOFTMAX};
    for (size_t form = 0; form < 3; form++)
        for (int reduction = KD_SUM; reduction <= KD_MEAN; reduction++)
            for (int squared = 0; squared <= 1; squared++) {
                const struct loss_config config = {forms[form], (enum kd_reduction)reduction, 0.7, 2.5, squared == 1,
                                                   4.0};
                check(&config);
            }
}

static void check_form(const struct loss_config *config) {
    struct sample s = sample_create();
    run(&s, config, 1);
    check_values(&s, config);
    check_gradients(&s, config);
    struct sample threaded = sample_create();
    run(&threaded, config, 3);
    assert_same("gradient", threaded.gradient, s.gradient, LABELS);
    assert_memory_equal(&s.value, &threaded.value, sizeof s.value);
}

static void each_form_checked(void) {
    each_form(check_form);
}

static void every_form_agrees_with_its_definition(void **state) {
    (void)state;
    on_each_path(each_form_checked);
}

/* Logits of 1e4 either way, for and against label and teacher, and a teacher that is not clipped. */
static void check_extremes(const struct loss_config *config) {
    static const float extremes[] = {1e4f, -1e4f, 0.0f, 90.0f, -90.0f};
    struct sample s = sample_create();
    for (size_t i = 0; i < LABELS; i++) {
        s.logits[i] = extremes[i % 5];
        s.teacher[i] = extremes[(i / 5 + i) % 5];
    }
    as_doubles(&s);
    struct loss_config unclipped = *config;
    unclipped.logit_clip = 1e9;
    run(&s, &unclipped, 1);
    check_values(&s, &unclipped);
    for (size_t i = 0; i < LABELS; i++)
        assert_true(isfinite(s.gradient[i]));
}

static void each_form_at_extremes(void) {
    each_form(check_extremes);
}

static void extreme_logits_give_finite_values(void **state) {
    (void)state;
    on_each_path(each_form_at_extremes);
}

/* The softmax over an element's bits cannot see an offset that all of them share; the per-bit form can. */
static void the_softmax_is_blind_to_a_common_offset(void **state) {
    (void)state;
    struct loss_config config = {KD_SOFTMAX, KD_MEAN, 0.0, 2.0, false, 50.0};
    struct sample s = sample_create(), shifted = sample_create();
    for (size_t i = 0; i < LABELS; i++)
        shifted.logits[i] += (float)(i / BITS % 3) * 8.0f - 4.0f;
    run(&s, &config, 1);
    run(&shifted, &config, 1);
    within("kd", shifted.value.kd, s.value.kd, 1e-6);
    for (size_t element = 0; element < LABELS / BITS; element++) {
        float sum = 0.0f;
        for (size_t b = element * BITS; b < (element + 1) * BITS; b++) {
            within("gradient", (double)shifted.gradient[b], (double)s.gradient[b], 1e-7);
            sum += s.gradient[b];
        }
        within("sum", (double)sum, 0, 1e-7);
    }
    config.kd = KD_BERNOULLI;
    run(&s, &config, 1);
    run(&shifted, &config, 1);
    assert_true(fabs(s.value.kd - shifted.value.kd) > 0.1);
}

/* A student equal to its teacher diverges by nothing, and has no gradient but the cross-entropy's. */
static void a_student_equal_to_its_teacher_has_no_gradient(void **state) {
    (void)state;
    for (int form = KD_BERNOULLI; form <= KD_SOFTMAX; form++) {
        const struct loss_config config = {(enum kd_form)form, KD_SUM, 0.0, 3.0, false, 100.0};
        struct sample s = sample_create();
        memcpy(s.teacher, s.logits, sizeof s.teacher);
        run(&s, &config, 1);
        within("kd", s.value.kd, 0, 1e-5);
        for (size_t i = 0; i < LABELS; i++)
            within("gradient", (double)s.gradient[i], 0, 0);
    }
}

static void masked_elements_count_nowhere(void **state) {
    (void)state;
    const struct loss_config config = {KD_BERNOULLI, KD_SUM, 1.0, 1.0, false, 20.0};
    struct sample s = sample_create(), other = sample_create();
    for (size_t i = 0; i < LABELS; i++)
        if (s.mask[i / BITS % ELEMENTS] == 0.0f) {
            other.logits[i] = -3.0f * other.logits[i];
            other.label[i] = 1.0f - other.label[i];
            other.teacher[i] += 2.0f;
        }
    run(&s, &config, 1);
    run(&other, &config, 1);
    assert_memory_equal(&s.value, &other.value, sizeof s.value);
    assert_same("gradient", other.gradient, s.gradient, LABELS);
    memset(s.mask, 0, sizeof s.mask); /* nothing left: nothing to minimise */
    run(&s, &config, 1);
    assert_true(s.value.total == 0.0 && s.value.bit_count == 0);
}

/* alpha = 5e5 over one slot's unmasked labels is the weight that the sum reduction gives the cross-entropy. */
static void alpha_has_the_stated_effective_weight(void **state) {
    (void)state;
    struct sample s = sample_create();
    const double unmasked = 7.0 * SLOTS; /* three of the ten elements are masked */
    struct loss_config config = {KD_BERNOULLI, KD_SUM, 5e5, 3.0, false, 20.0};
    run(&s, &config, 1);
    assert_value("sum over labels", s.value.kd_weight, 5e5 / (unmasked * BITS));
    config.kd = KD_SOFTMAX;
    run(&s, &config, 1);
    assert_value("sum over elements", s.value.kd_weight, 5e5 / unmasked);
    config.reduction = KD_MEAN;
    run(&s, &config, 1);
    assert_value("mean", s.value.kd_weight, 5e5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_agrees_with_its_definition),
        cmocka_unit_test(extreme_logits_give_finite_values),
        cmocka_unit_test(the_softmax_is_blind_to_a_common_offset),
        cmocka_unit_test(a_student_equal_to_its_teacher_has_no_gradient),
        cmocka_unit_test(masked_elements_count_nowhere),
        cmocka_unit_test(alpha_has_the_stated_effective_weight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
