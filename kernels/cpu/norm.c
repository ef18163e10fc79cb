#include <math.h>

#include "kernels/cpu/layer.h"

static const double norm_epsilon = 1e-5, running_keep = 0.9;

struct coefficients norm_coefficients(const struct norm *norm) {
    const size_t stride = padded(norm->channels);
    float *k = norm->coefficients;
    return (struct coefficients){
        k, k + stride, k + 2 * stride, k + 3 * stride, k + 4 * stride, k + 5 * stride, k + 6 * stride};
}

/* The padding's coefficients stay zero: padded channels are 0 forward and backward. */
static void set_forward(const struct norm *norm, size_t c, double mean, double variance) {
    const struct coefficients k = norm_coefficients(norm);
    const double inverse = 1.0 / sqrt(variance + norm_epsilon), scale = (double)norm->gamma[c] * inverse;
    k.mean[c] = (float)mean;
    k.inverse_deviation[c] = (float)inverse;
    k.scale[c] = (float)scale;
    k.shift[c] = (float)((double)norm->beta[c] - mean * scale);
}

void norm_evaluate(const struct norm *norm) {
    for (size_t c = 0; c < (size_t)norm->channels; c++)
        set_forward(norm, c, (double)norm->running_mean[c], (double)norm->running_variance[c]);
}

/* Slots have equally many elements, so the batch's mean is the mean of the slots' means. */
void norm_from_moments(const struct norm *norm, struct grid grid, const float *moments) {
    const size_t stride = padded(norm->channels), slots = (size_t)grid.slots;
    const double elements = (double)grid.symbols * (double)grid.subcarriers, count = elements * (double)slots;
    for (size_t c = 0; c < (size_t)norm->channels; c++) {
        double mean = 0.0, within = 0.0, between = 0.0;
        for (size_t n = 0; n < slots; n++) {
            const float *m = moments + n * MOMENTS * stride + c;
            const double sum = (double)m[stride];
            mean += (double)m[0] + sum / elements;
            within += (double)m[2 * stride] - sum * sum / elements;
        }
        mean /= (double)slots;
        for (size_t n = 0; n < slots; n++) {
            const float *m = moments + n * MOMENTS * stride + c;
            const double off = (double)m[0] + (double)m[stride] / elements - mean;
            between += off * off;
        }
        const double square_sum = fmax(within, 0.0) + elements * between;
        set_forward(norm, c, mean, square_sum / count);
        const double unbiased = square_sum / (count > 1.0 ? count - 1.0 : 1.0);
        norm->running_mean[c] = (float)(running_keep * (double)norm->running_mean[c] + (1.0 - running_keep) * mean);
        norm->running_variance[c] =
            (float)(running_keep * (double)norm->running_variance[c] + (1.0 - running_keep) * unbiased);
    }
}

void norm_from_gradient(const struct norm *norm, struct grid grid, const float *sum, const float *sum_centred) {
    const struct coefficients k = norm_coefficients(norm);
    const double count = (double)grid.slots * (double)grid.symbols * (double)grid.subcarriers;
    for (size_t c = 0; c < (size_t)norm->channels; c++) {
        const double inverse = (double)k.inverse_deviation[c], scale = (double)norm->gamma[c] * inverse;
        const double by_gamma = (double)sum_centred[c] * inverse;
        const double by_x = -scale * inverse * by_gamma / count;
        norm->gamma_gradient[c] = (float)by_gamma;
        norm->beta_gradient[c] = sum[c];
        k.by_gradient[c] = (float)scale;
        k.by_x[c] = (float)by_x;
        k.constant[c] = (float)(-scale * (double)sum[c] / count - by_x * (double)k.mean[c]);
    }
}
