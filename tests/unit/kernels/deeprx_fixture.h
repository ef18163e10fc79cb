/* Random data, small networks and every code path of this processor, for the tests of the network. */
#ifndef RETORT_TESTS_KERNELS_DEEPRX_FIXTURE_H
#define RETORT_TESTS_KERNELS_DEEPRX_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/code_path.h"
#include "kernels/deeprx.h"
#include "tests/unit/kernels/trial.h"

/* Uniform in [-1,1); a generator of its own, so that these tests do not rest on kernels/rng. */
static inline double random_value(uint64_t *state) {
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(int64_t)(*state >> 11) / (double)(1ULL << 52) - 1.0;
}

/* n random floats on a cache line, times `scale`; the caller frees. */
static inline float *random_floats(size_t n, double scale, uint64_t *state) {
    float *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(scale * random_value(state));
    return x;
}

static inline float *random_labels(size_t n, uint64_t *state) {
    float *x = random_floats(n, 1.0, state);
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] > 0.0f ? 1.0f : 0.0f;
    return x;
}

static inline double *doubles_of(const float *x, size_t n) {
    double *d = malloc((n + 1) * sizeof *d);
    assert_non_null(d);
    for (size_t i = 0; i < n; i++)
        d[i] = (double)x[i];
    return d;
}

static const char *const all_paths[] = {"portable", "x86-64-avx2", "x86-64-avx512"};
enum { PATHS = 3 };

/* Runs `body` on each path that this processor has. */
static inline void on_each_path(void (*body)(void)) {
    for (int i = 0; i < PATHS; i++)
        if (kernels_platform_pin(all_paths[i]) == 0)
            body();
    kernels_platform_pin(NULL);
}

/* Rows of `channels` floats to rows of `stride` with zeros behind, and back. The caller frees. */
static inline float *widened(const float *x, size_t rows, size_t channels, size_t stride) {
    float *y = aligned_alloc(64, (rows * stride * sizeof *y + 63) / 64 * 64);
    assert_non_null(y);
    memset(y, 0, rows * stride * sizeof *y);
    for (size_t i = 0; i < rows; i++)
        memcpy(y + i * stride, x + i * channels, channels * sizeof *y);
    return y;
}

static inline float *narrowed(const float *x, size_t rows, size_t channels, size_t stride) {
    float *y = malloc((rows * channels + 1) * sizeof *y);
    assert_non_null(y);
    for (size_t i = 0; i < rows; i++)
        memcpy(y + i * channels, x + i * stride, channels * sizeof *y);
    return y;
}

/* Widths that are no multiple of a vector, a skip by convolution each way, dilations beyond the small grid. */
static inline struct deeprx_config tiny_config(int multiplier) {
    return (struct deeprx_config){
        .channels_in = 3,
        .bits = 2,
        .symbols = 5,
        .subcarriers = 7,
        .depth_multiplier = multiplier,
        .block_count = 4,
        .blocks = {{5, 1, 1}, {12, 2, 3}, {12, 6, 9}, {7, 1, 2}},
    };
}

/* Says that the comparisons that follow are of a whole network. */
static inline void trial_begin_network(const struct deeprx_config *c, int batch, int threads) {
    trial_begin("network, batch %d, grid %dx%d, channels %d to %d, %d blocks, multiplier %d, threads %d", batch,
                c->symbols, c->subcarriers, c->channels_in, c->bits, (int)c->block_count, c->depth_multiplier, threads);
}

#endif
