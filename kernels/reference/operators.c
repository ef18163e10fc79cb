#include "kernels/reference/operators.h"

#include <math.h>
#include <stddef.h>

static double tap(struct reference_grid g, int channels, const double *x, int n, int s, int f, int c) {
    if (s < 0 || s >= g.symbols || f < 0 || f >= g.subcarriers)
        return 0.0;
    return x[((size_t)(n * g.symbols + s) * (size_t)g.subcarriers + (size_t)f) * (size_t)channels + (size_t)c];
}

static double window_sum(const struct reference_convolution *c, struct reference_grid g, const double *x,
                         const double *weight, int n, int s, int f, int channel) {
    const int half = c->window / 2;
    double sum = 0.0;
    for (int ds = -half; ds <= half; ds++)
        for (int df = -half; df <= half; df++)
            sum += weight[(ds + half) * c->window + df + half] *
                   tap(g, c->in, x, n, s + ds * c->dilation_time, f + df * c->dilation_frequency, channel);
    return sum;
}

void convolution_reference(const struct reference_convolution *c, struct reference_grid grid, const double *x,
                           const double *weight, const double *bias, double *y) {
    const int size = c->window * c->window;
    for (int n = 0; n < grid.slots; n++)
        for (int s = 0; s < grid.symbols; s++)
            for (int f = 0; f < grid.subcarriers; f++)
                for (int o = 0; o < c->out; o++) {
                    double sum = bias[o];
                    if (c->multiplier > 0)
                        sum += window_sum(c, grid, x, weight + (size_t)(o * size), n, s, f, o / c->multiplier);
                    for (int i = 0; c->multiplier == 0 && i < c->in; i++)
                        sum += window_sum(c, grid, x, weight + (size_t)((o * c->in + i) * size), n, s, f, i);
                    *y++ = sum;
                }
}

void moments_reference(struct reference_grid grid, int channels, const double *x, double *mean, double *variance) {
    const int count = grid.slots * grid.symbols * grid.subcarriers;
    for (int c = 0; c < channels; c++) {
        mean[c] = 0.0;
        for (int i = 0; i < count; i++)
            mean[c] += x[i * channels + c] / count;
        variance[c] = 0.0;
        for (int i = 0; i < count; i++)
            variance[c] += pow(x[i * channels + c] - mean[c], 2.0) / count;
    }
}

void norm_reference(struct reference_grid grid, int channels, const double *x, const double *gamma, const double *beta,
                    const double *mean, const double *variance, bool rectify, double *y) {
    const int count = grid.slots * grid.symbols * grid.subcarriers;
    for (int i = 0; i < count; i++)
        for (int c = 0; c < channels; c++) {
            const double v = gamma[c] * (x[i * channels + c] - mean[c]) / sqrt(variance[c] + 1e-5) + beta[c];
            y[i * channels + c] = rectify && v < 0.0 ? 0.0 : v;
        }
}

static double softplus(double z) {
    return fmax(z, 0.0) + log1p(exp(-fabs(z)));
}

/* p (ln p - ln q) with 0 ln 0 = 0. */
static double term(double log_p, double log_q) {
    return exp(log_p) > 0.0 ? exp(log_p) * (log_p - log_q) : 0.0;
}

static double clipped(double z, double limit) {
    return fmin(fmax(z, -limit), limit);
}

static double bernoulli_divergence(const double *student, const double *teacher, int bits,
                                   const struct loss_config *config) {
    double sum = 0.0;
    for (int b = 0; b < bits; b++) {
        const double t = clipped(teacher[b], config->logit_clip) / config->temperature;
        const double s = student[b] / config->temperature;
        sum += term(-softplus(-t), -softplus(-s)) + term(-softplus(t), -softplus(s));
    }
    return sum;
}

static double log_sum_exp(const double *z, int n) {
    double most = z[0], sum = 0.0;
    for (int i = 1; i < n; i++)
        most = fmax(most, z[i]);
    for (int i = 0; i < n; i++)
        sum += exp(z[i] - most);
    return most + log(fmax(sum, 1.0)); /* the largest alone adds 1 */
}

static double softmax_divergence(const double *student, const double *teacher, int bits,
                                 const struct loss_config *config) {
    double s[64], t[64], sum = 0.0;
    for (int b = 0; b < bits; b++) {
        s[b] = student[b] / config->temperature;
        t[b] = clipped(teacher[b], config->logit_clip) / config->temperature;
    }
    for (int b = 0; b < bits; b++)
        sum += term(t[b] - log_sum_exp(t, bits), s[b] - log_sum_exp(s, bits));
    return sum;
}

struct loss_value loss_reference(struct reference_grid grid, int bits, const double *logits, const double *label,
                                 const double *mask, const double *teacher, const struct loss_config *config) {
    const int elements = grid.symbols * grid.subcarriers;
    struct loss_value v = {0};
    double bce = 0.0, kd = 0.0, count = 0.0;
    for (int i = 0; i < grid.slots * elements; i++) {
        if (mask[i % elements] == 0.0)
            continue;
        const size_t at = (size_t)i * (size_t)bits;
        const double *z = logits + at, *y = label + at;
        for (int b = 0; b < bits; b++) {
            bce += -y[b] * -softplus(-z[b]) - (1.0 - y[b]) * -softplus(z[b]);
            v.bit_errors += (z[b] > 0.0 ? 1.0 : 0.0) != y[b];
            v.bit_count++;
        }
        if (config->kd == KD_BERNOULLI)
            kd += bernoulli_divergence(z, teacher + at, bits, config);
        if (config->kd == KD_SOFTMAX)
            kd += softmax_divergence(z, teacher + at, bits, config);
        count += config->kd == KD_SOFTMAX ? 1.0 : bits;
    }
    v.bce = bce / (double)v.bit_count;
    v.kd = config->reduction == KD_MEAN ? kd / count : kd;
    v.kd *= config->t_squared ? config->temperature * config->temperature : 1.0;
    v.total = config->kd == KD_NONE ? v.bce : config->alpha * v.bce + v.kd;
    v.kd_weight = config->kd == KD_NONE ? 1.0 : config->reduction == KD_SUM ? config->alpha / count : config->alpha;
    return v;
}

void optimizer_reference(const struct optimizer_config *config, double *parameter, const double *gradient,
                         double *first, double *second, int size, bool matrix, uint64_t step, double rate_factor) {
    const double rate = config->learning_rate * rate_factor, decay = matrix ? config->weight_decay : 0.0;
    double weight_norm = 0.0, update_norm = 0.0;
    for (int pass = 0; pass < 2; pass++) /* first the moments and the norms, then the step */
        for (int i = 0; i < size; i++) {
            if (pass == 0) {
                first[i] = config->beta1 * first[i] + (1.0 - config->beta1) * gradient[i];
                second[i] = config->beta2 * second[i] + (1.0 - config->beta2) * gradient[i] * gradient[i];
            }
            const double m = first[i] / (1.0 - pow(config->beta1, (double)step));
            const double v = second[i] / (1.0 - pow(config->beta2, (double)step));
            const double update = m / (sqrt(v) + config->epsilon) + decay * parameter[i];
            if (pass == 0) {
                weight_norm += parameter[i] * parameter[i];
                update_norm += update * update;
                continue;
            }
            const bool trusts = config->type == OPTIMIZER_LAMB && matrix && weight_norm > 0.0 && update_norm > 0.0;
            parameter[i] -= rate * (trusts ? sqrt(weight_norm / update_norm) : 1.0) * update;
        }
}
