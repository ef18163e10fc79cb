#include "kernels/optimizer.h"

#include <math.h>

struct update {
    const struct optimizer_tensor *tensors;
    enum optimizer type;
    float rate, decay, beta1, beta2, epsilon;
    float correction1, correction2; /* 1/(1-b^step) */
};

/* Adam's direction for one element; moves the moments. */
static inline float direction(const struct update *u, const struct optimizer_tensor *t, size_t i) {
    const float g = t->gradient[i];
    const float first = u->beta1 * t->first[i] + (1.0f - u->beta1) * g;
    const float second = u->beta2 * t->second[i] + (1.0f - u->beta2) * (g * g);
    t->first[i] = first;
    t->second[i] = second;
    return first * u->correction1 / (sqrtf(second * u->correction2) + u->epsilon);
}

/* The same direction from moments that have moved already. */
static inline float direction_again(const struct update *u, const struct optimizer_tensor *t, size_t i) {
    return t->first[i] * u->correction1 / (sqrtf(t->second[i] * u->correction2) + u->epsilon);
}

static void step_adamw(const struct update *u, const struct optimizer_tensor *t) {
    const float decay = t->matrix ? u->decay : 0.0f;
    for (size_t i = 0; i < t->size; i++) {
        const float d = direction(u, t, i);
        t->parameter[i] -= u->rate * (d + decay * t->parameter[i]);
    }
}

/* Two passes: the norms first. Doubles in eight lanes, summed in order, whatever the vector width. */
static void step_lamb_matrix(const struct update *u, const struct optimizer_tensor *t) {
    enum { LANES = 8 };
    double weight_square[LANES] = {0}, update_square[LANES] = {0};
    for (size_t i = 0; i < t->size; i++) {
        const float w = t->parameter[i], d = direction(u, t, i) + u->decay * w;
        weight_square[i % LANES] += (double)w * (double)w;
        update_square[i % LANES] += (double)d * (double)d;
    }
    for (int lane = 1; lane < LANES; lane++) {
        weight_square[0] += weight_square[lane];
        update_square[0] += update_square[lane];
    }
    const double weight_norm = sqrt(weight_square[0]), update_norm = sqrt(update_square[0]);
    const double ratio = weight_norm > 0.0 && update_norm > 0.0 ? weight_norm / update_norm : 1.0;
    const float rate = (float)((double)u->rate * ratio);
    for (size_t i = 0; i < t->size; i++)
        t->parameter[i] -= rate * (direction_again(u, t, i) + u->decay * t->parameter[i]);
}

static void step_tensor(void *context, size_t block, int thread) {
    (void)thread;
    const struct update *u = context;
    const struct optimizer_tensor *t = &u->tensors[block];
    if (u->type == OPTIMIZER_LAMB && t->matrix)
        step_lamb_matrix(u, t);
    else
        step_adamw(u, t); /* LAMB with ratio 1 and no decay is the same step */
}

void optimizer_step(struct parallel *p, const struct optimizer_tensor *tensors, size_t count,
                    const struct optimizer_config *config, uint64_t step, double rate_factor) {
    struct update u = {
        .tensors = tensors,
        .type = config->type,
        .rate = (float)(config->learning_rate * rate_factor),
        .decay = (float)config->weight_decay,
        .beta1 = (float)config->beta1,
        .beta2 = (float)config->beta2,
        .epsilon = (float)config->epsilon,
        .correction1 = (float)(1.0 / (1.0 - pow(config->beta1, (double)step))),
        .correction2 = (float)(1.0 / (1.0 - pow(config->beta2, (double)step))),
    };
    parallel_for(p, count, step_tensor, &u);
}
