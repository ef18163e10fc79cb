#include "kernels/reference/deeprx_reference.h"

#include <stdlib.h>

#include "kernels/reference/operators.h"

/* Walks the parameters in the order in which they are listed. */
struct walk {
    const struct deeprx_config *c;
    struct reference_grid grid;
    const double *parameter;
    double *statistic;
    bool training;
    double *mean, *variance; /* scratch, a value a channel */
};

static void convolve(struct walk *w, const double *x, int in, int out, int window, int multiplier,
                     const struct deeprx_block *block, double *y) {
    const struct reference_convolution c = {
        .in = in,
        .out = out,
        .window = window,
        .multiplier = multiplier,
        .dilation_time = block == NULL ? 1 : block->dilation_time,
        .dilation_frequency = block == NULL ? 1 : block->dilation_frequency,
    };
    const int weights = out * (multiplier > 0 ? 1 : in) * window * window;
    convolution_reference(&c, w->grid, x, w->parameter, w->parameter + weights, y);
    w->parameter += weights + out;
}

static void normalise_rectify(struct walk *w, const double *x, int channels, double *y) {
    const double *gamma = w->parameter, *beta = gamma + channels;
    double *running_mean = w->statistic, *running_variance = running_mean + channels;
    if (w->training) {
        double *mean = w->mean, *variance = w->variance;
        const double count = (double)w->grid.slots * w->grid.symbols * w->grid.subcarriers;
        moments_reference(w->grid, channels, x, mean, variance);
        norm_reference(w->grid, channels, x, gamma, beta, mean, variance, true, y);
        for (int c = 0; c < channels; c++) {
            running_mean[c] = 0.9 * running_mean[c] + 0.1 * mean[c];
            running_variance[c] = 0.9 * running_variance[c] + 0.1 * variance[c] * count / (count - 1.0);
        }
    } else {
        norm_reference(w->grid, channels, x, gamma, beta, running_mean, running_variance, true, y);
    }
    w->parameter += 2 * (size_t)channels;
    w->statistic += 2 * (size_t)channels;
}

/* y = half a block of x; a: relu(norm(x)), deep: the depthwise output. */
static void half_block(struct walk *w, const double *x, int in, int out, const struct deeprx_block *block, double *a,
                       double *deep, double *y) {
    const int multiplier = w->c->depth_multiplier;
    normalise_rectify(w, x, in, a);
    convolve(w, a, in, in * multiplier, 3, multiplier, block, deep);
    convolve(w, deep, in * multiplier, out, 1, 0, NULL, y);
}

int deeprx_reference(const struct deeprx_config *c, const double *parameters, double *statistics, const double *x,
                     int n, bool training, double *logits) {
    size_t widest = (size_t)c->blocks[0].width, elements = (size_t)n * (size_t)c->symbols * (size_t)c->subcarriers;
    for (int i = 0; i < c->block_count; i++)
        widest = (size_t)c->blocks[i].width > widest ? (size_t)c->blocks[i].width : widest;
    const size_t size = elements * widest;
    double *memory = malloc(((5 + (size_t)c->depth_multiplier) * size + 2 * widest) * sizeof *memory);
    if (memory == NULL)
        return -1;
    double *state = memory, *h = state + size, *y = h + size, *a1 = y + size, *a2 = a1 + size, *mean = a2 + size,
           *deep = mean + 2 * widest;
    struct walk w = {c, {n, c->symbols, c->subcarriers}, parameters, statistics, training, mean, mean + widest};

    int width = c->blocks[0].width;
    convolve(&w, x, c->channels_in, width, 3, 0, NULL, state);
    for (int i = 0; i < c->block_count; i++) {
        const struct deeprx_block *block = &c->blocks[i];
        half_block(&w, state, width, block->width, block, a1, deep, h);
        half_block(&w, h, block->width, block->width, block, a2, deep, y);
        if (width != block->width)
            convolve(&w, a1, width, block->width, 1, 0, NULL, state);
        width = block->width;
        for (size_t k = 0; k < elements * (size_t)width; k++)
            state[k] += y[k];
    }
    normalise_rectify(&w, state, width, a1);
    convolve(&w, a1, width, c->bits, 1, 0, NULL, logits);
    free(memory);
    return 0;
}
