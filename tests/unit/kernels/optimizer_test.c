/* LAMB and AdamW against the formulae in double: several tensors, several steps, a schedule, more than one thread. */
#include "tests/unit/kernels/deeprx_fixture.h"

#include "kernels/reference/operators.h"

enum { TENSORS = 5, LARGEST = 1000, STEPS = 6 };

struct tensor {
    size_t size;
    bool matrix;
    float parameter[LARGEST], gradient[LARGEST], first[LARGEST], second[LARGEST];
    double parameter_d[LARGEST], gradient_d[LARGEST], first_d[LARGEST], second_d[LARGEST];
};

static void start(struct tensor *tensors) {
    static const size_t sizes[TENSORS] = {LARGEST, 7, 33, 64, 8};
    uint64_t state = 21;
    for (size_t t = 0; t < TENSORS; t++) {
        tensors[t].size = sizes[t];
        tensors[t].matrix = t != 1 && t != 2;
        for (size_t i = 0; i < sizes[t]; i++) {
            /* the last: a matrix of zeros, whose ratio is 1 by its rule */
            tensors[t].parameter[i] = t == TENSORS - 1 ? 0.0f : (float)random_value(&state);
            tensors[t].parameter_d[i] = (double)tensors[t].parameter[i];
        }
    }
}

static void draw_gradients(struct tensor *tensors, uint64_t *state) {
    for (size_t t = 0; t < TENSORS; t++)
        for (size_t i = 0; i < tensors[t].size; i++) {
            tensors[t].gradient[i] = (float)(0.1 * random_value(state) + 0.02);
            tensors[t].gradient_d[i] = (double)tensors[t].gradient[i];
        }
}

static void check(const struct optimizer_config *config) {
    struct tensor *tensors = calloc(TENSORS, sizeof *tensors);
    struct parallel *p = parallel_create(2);
    trial_begin("optimizer %d, %d tensors of up to %d, threads 2", config->type, TENSORS, LARGEST);
    assert_true(tensors != NULL && p != NULL);
    start(tensors);
    uint64_t state = 5;
    for (uint64_t step = 1; step <= STEPS; step++) {
        struct optimizer_tensor list[TENSORS];
        const double factor = schedule_factor(step, 2 * STEPS);
        draw_gradients(tensors, &state);
        for (size_t t = 0; t < TENSORS; t++) {
            struct tensor *tensor = &tensors[t];
            list[t] = (struct optimizer_tensor){tensor->parameter, tensor->gradient, tensor->first,
                                                tensor->second,    tensor->size,     tensor->matrix};
            optimizer_reference(config, tensor->parameter_d, tensor->gradient_d, tensor->first_d, tensor->second_d,
                                (int)tensor->size, tensor->matrix, step, factor);
        }
        optimizer_step(p, list, TENSORS, config, step, factor);
        for (size_t t = 0; t < TENSORS; t++) {
            assert_close("parameter", tensors[t].parameter, tensors[t].parameter_d, tensors[t].size, COMPARE_OPTIMIZER);
            assert_close("first", tensors[t].first, tensors[t].first_d, tensors[t].size, COMPARE_OPTIMIZER);
            assert_close("second", tensors[t].second, tensors[t].second_d, tensors[t].size, COMPARE_OPTIMIZER);
        }
    }
    parallel_free(p);
    free(tensors);
}

static void lamb_agrees_with_its_formulae(void **state) {
    (void)state;
    check(&(struct optimizer_config){OPTIMIZER_LAMB, 1e-2, 1e-4, 0.9, 0.999, 1e-6});
    check(&(struct optimizer_config){OPTIMIZER_LAMB, 3e-2, 0.3, 0.8, 0.99, 1e-3});
}

static void adamw_agrees_with_its_formulae(void **state) {
    (void)state;
    check(&(struct optimizer_config){OPTIMIZER_ADAMW, 1e-3, 1e-2, 0.9, 0.999, 1e-8});
    check(&(struct optimizer_config){OPTIMIZER_ADAMW, 3e-2, 0.3, 0.8, 0.99, 1e-3});
}

/* By hand: one weight 3, gradient 2, first step. m^ = 2, v^ = 4, so u = 2/(2 + epsilon). */
static void first_step(enum optimizer type, bool matrix, double decay, double expected) {
    float w = 3.0f, g = 2.0f, m = 0.0f, v = 0.0f;
    const struct optimizer_tensor tensor = {&w, &g, &m, &v, 1, matrix};
    const struct optimizer_config config = {type, 0.1, decay, 0.9, 0.999, 0.5};
    optimizer_step(NULL, &tensor, 1, &config, 1, 1.0);
    trial_begin("optimizer %d, one weight, threads 1", type);
    within("weight", (double)w, expected, 1e-6);
}

static void the_first_step_is_the_one_worked_out_by_hand(void **state) {
    (void)state;
    first_step(OPTIMIZER_ADAMW, true, 0.0, 3.0 - 0.1 * 0.8);
    first_step(OPTIMIZER_ADAMW, true, 0.2, 3.0 - 0.1 * (0.8 + 0.6));
    first_step(OPTIMIZER_ADAMW, false, 0.2, 3.0 - 0.1 * 0.8);
    first_step(OPTIMIZER_LAMB, false, 0.2, 3.0 - 0.1 * 0.8);
    first_step(OPTIMIZER_LAMB, true, 0.2, 3.0 - 0.1 * 3.0); /* |w|/|u| u = 3 whatever u is */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_step_is_the_one_worked_out_by_hand),
        cmocka_unit_test(lamb_agrees_with_its_formulae),
        cmocka_unit_test(adamw_agrees_with_its_formulae),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
