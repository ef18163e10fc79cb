#include "kernels/loss.h"

#include <math.h>
#include <string.h>

#include "kernels/code_path.h"
#include "kernels/link_vector.h"

/* One slot's part of the batch's value. */
struct share {
    double bce, kd;
    uint64_t bit_errors;
};

/* Scratch of one thread: arrays of a slot's labels. */
enum { SCRATCH_ARRAYS = 6 };

struct job {
    const struct loss_batch *batch;
    const struct loss_config *config;
    float *gradient;
    float *mask; /* [elements,bits] */
    struct share *shares;
    float *scratch;
    size_t labels;      /* of a slot, masked ones too */
    float bce_gradient; /* factor of a label's cross-entropy gradient */
    float kd_gradient;
};

static size_t round64(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

size_t loss_workspace_bytes(size_t slots, size_t elements, size_t bits, int threads) {
    const size_t array = round64(elements * bits * sizeof(float));
    return round64(slots * sizeof(struct share)) + array * (1 + SCRATCH_ARRAYS * (size_t)threads);
}

/* The last step of sigmoid_softplus: sigma holds exp(-|z/T|), softplus its ln(1 + .). */
static inline PLATFORM_INLINE void sigma_from_power_body(float *sigma, float *softplus, const float *z, float inverse_t,
                                                         size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float v = z[i] * inverse_t, high = 1.0f / (1.0f + sigma[i]), low = sigma[i] * high;
        sigma[i] = v >= 0.0f ? high : low;
        softplus[i] += v >= 0.0f ? v : 0.0f;
    }
}
PLATFORM_DISPATCH(sigma_from_power, (float *sigma, float *softplus, const float *z, float inverse_t, size_t n),
                  (sigma, softplus, z, inverse_t, n));

/* sigma = sigmoid(z/T), softplus = ln(1 + exp(z/T)), both from exp(-|z/T|), since that cannot overflow. Neither may
   be z. */
static void sigmoid_softplus(float *sigma, float *softplus, const float *z, float inverse_t, size_t n) {
    for (size_t i = 0; i < n; i++)
        sigma[i] = -fabsf(z[i] * inverse_t);
    vector_exp(sigma, sigma, n);
    for (size_t i = 0; i < n; i++)
        softplus[i] = 1.0f + sigma[i];
    vector_log(softplus, softplus, n);
    sigma_from_power(sigma, softplus, z, inverse_t, n);
}

static void cross_entropy(const struct job *j, float *scratch, size_t slot) {
    const size_t n = j->labels;
    const float *z = j->batch->logits + slot * n, *y = j->batch->label + slot * n;
    float *sigma = scratch, *softplus = scratch + n, *gradient = j->gradient + slot * n;
    struct share *share = &j->shares[slot];
    sigmoid_softplus(sigma, softplus, z, 1.0f, n);
    for (size_t i = 0; i < n; i++) {
        const bool counts = j->mask[i] != 0.0f;
        gradient[i] = counts ? j->bce_gradient * (sigma[i] - y[i]) : 0.0f;
        share->bce += counts ? (double)(softplus[i] - y[i] * z[i]) : 0.0;
        share->bit_errors += counts && (z[i] > 0.0f) != (y[i] > 0.5f);
    }
}

static void clip(float *out, const float *z, float limit, size_t n) {
    for (size_t i = 0; i < n; i++)
        out[i] = z[i] > limit ? limit : z[i] < -limit ? -limit : z[i];
}

static void distil_bernoulli(const struct job *j, float *scratch, size_t slot) {
    const size_t n = j->labels;
    const float inverse_t = (float)(1.0 / j->config->temperature);
    const float *student = j->batch->logits + slot * n;
    float *teacher = scratch, *p = scratch + n, *softplus_t = scratch + 2 * n, *q = scratch + 3 * n,
          *softplus_s = scratch + 4 * n, *gradient = j->gradient + slot * n;
    clip(teacher, j->batch->teacher + slot * n, (float)j->config->logit_clip, n);
    sigmoid_softplus(p, softplus_t, teacher, inverse_t, n);
    sigmoid_softplus(q, softplus_s, student, inverse_t, n);
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (j->mask[i] == 0.0f)
            continue;
        const float kl = softplus_s[i] - softplus_t[i] - p[i] * (student[i] - teacher[i]) * inverse_t;
        sum += kl > 0.0f || kl != kl ? (double)kl : 0.0; /* rounding alone can make it negative */
        gradient[i] += j->kd_gradient * inverse_t * (q[i] - p[i]);
    }
    j->shares[slot].kd = sum;
}

/* u = z/T - max over the bits of an element; e = exp(u). */
static void softmax_powers(float *u, float *e, const float *z, float inverse_t, size_t elements, size_t bits) {
    for (size_t k = 0; k < elements; k++) {
        float most = z[k * bits];
        for (size_t b = 1; b < bits; b++)
            most = z[k * bits + b] > most ? z[k * bits + b] : most;
        for (size_t b = 0; b < bits; b++)
            u[k * bits + b] = (z[k * bits + b] - most) * inverse_t;
    }
    vector_exp(e, u, elements * bits);
}

static void distil_softmax(const struct job *j, float *scratch, size_t slot) {
    const size_t n = j->labels, bits = j->batch->bits;
    const float inverse_t = (float)(1.0 / j->config->temperature);
    float *teacher = scratch, *ut = scratch + n, *et = scratch + 2 * n, *us = scratch + 3 * n, *es = scratch + 4 * n,
          *gradient = j->gradient + slot * n;
    clip(teacher, j->batch->teacher + slot * n, (float)j->config->logit_clip, n);
    softmax_powers(ut, et, teacher, inverse_t, j->batch->elements, bits);
    softmax_powers(us, es, j->batch->logits + slot * n, inverse_t, j->batch->elements, bits);
    double sum = 0.0;
    for (size_t k = 0; k < j->batch->elements; k++) {
        if (j->mask[k * bits] == 0.0f)
            continue;
        float total_t = 0.0f, total_s = 0.0f;
        for (size_t b = k * bits; b < (k + 1) * bits; b++) {
            total_t += et[b];
            total_s += es[b];
        }
        double kl = log((double)total_s / (double)total_t);
        for (size_t b = k * bits; b < (k + 1) * bits; b++) {
            const float p = et[b] / total_t, q = es[b] / total_s;
            kl += (double)p * ((double)ut[b] - (double)us[b]);
            gradient[b] += j->kd_gradient * inverse_t * (q - p);
        }
        sum += kl;
    }
    j->shares[slot].kd = sum;
}

static void loss_slot(void *context, size_t slot, int thread) {
    const struct job *j = context;
    float *scratch =
        j->scratch + (size_t)thread * SCRATCH_ARRAYS * (round64(j->labels * sizeof(float)) / sizeof(float));
    j->shares[slot] = (struct share){0};
    cross_entropy(j, scratch, slot);
    if (j->config->kd == KD_BERNOULLI)
        distil_bernoulli(j, scratch, slot);
    else if (j->config->kd == KD_SOFTMAX)
        distil_softmax(j, scratch, slot);
}

static void job_begin(struct job *j, void *workspace) {
    char *at = workspace;
    j->labels = j->batch->elements * j->batch->bits;
    j->shares = (struct share *)(void *)at;
    at += round64(j->batch->slots * sizeof *j->shares);
    j->mask = (float *)(void *)at;
    at += round64(j->labels * sizeof *j->mask);
    j->scratch = (float *)(void *)at;
    for (size_t i = 0; i < j->labels; i++)
        j->mask[i] = j->batch->mask[i / j->batch->bits];
}

void loss_run(struct parallel *p, const struct loss_batch *batch, const struct loss_config *config, void *workspace,
              float *gradient, struct loss_value *value) {
    struct job j = {.batch = batch, .config = config, .gradient = gradient};
    job_begin(&j, workspace);
    uint64_t unmasked = 0;
    for (size_t i = 0; i < batch->elements; i++)
        unmasked += batch->mask[i] != 0.0f;
    unmasked *= batch->slots;

    const bool distils = config->kd != KD_NONE;
    const uint64_t labels = unmasked * batch->bits, terms = config->kd == KD_SOFTMAX ? unmasked : labels;
    const double per_label = labels > 0 ? 1.0 / (double)labels : 0.0, per_term = terms > 0 ? 1.0 / (double)terms : 0.0;
    const double alpha = distils ? config->alpha : 1.0;
    const double kd_factor = (config->t_squared ? config->temperature * config->temperature : 1.0) *
                             (config->reduction == KD_MEAN ? per_term : 1.0);
    j.bce_gradient = (float)(alpha * per_label);
    j.kd_gradient = (float)kd_factor;
    parallel_for(p, batch->slots, loss_slot, &j);

    *value = (struct loss_value){.bit_count = labels};
    for (size_t slot = 0; slot < batch->slots; slot++) {
        value->bce += j.shares[slot].bce * per_label;
        value->kd += j.shares[slot].kd * kd_factor;
        value->bit_errors += j.shares[slot].bit_errors;
    }
    value->total = alpha * value->bce + (distils ? value->kd : 0.0);
    value->kd_weight = distils && config->reduction == KD_SUM ? alpha * per_term : alpha;
}
