/*
 * A slot's tensor with a zeroed margin at both ends of each symbol's row. So the taps of a convolution need no bounds
 * in frequency. Its shape is [S, margin + F + margin], with elements `stride` floats apart. Rows outside the slot are
 * left out of the window instead. Only `kept` rows are in memory, a ring: what is walked over once stays in a smaller
 * cache.
 */
#ifndef RETORT_KERNELS_CPU_MARGIN_H
#define RETORT_KERNELS_CPU_MARGIN_H

#include <stddef.h>
#include <string.h>

#include "kernels/cpu/layer.h"

struct margin_slot {
    float *data;
    size_t symbols, subcarriers, margin, stride;
    size_t kept; /* rows in memory: symbol s lies in row s % kept */
};

/* How far apart elements of `channels` floats are kept. A multiple of a large power of two would map a whole window,
   and its outputs, to the same few sets of the first cache. */
static inline size_t margin_stride(size_t channels) {
    enum { CONFLICT = 128, APART = 16 };
    return channels % CONFLICT == 0 ? channels + APART : channels;
}

static inline size_t margin_floats(struct grid grid, size_t kept, size_t margin, size_t stride) {
    return kept * ((size_t)grid.subcarriers + 2 * margin) * stride;
}

static inline float *margin_row(const struct margin_slot *m, size_t symbol) {
    return m->data + (symbol % m->kept * (m->subcarriers + 2 * m->margin) + m->margin) * m->stride;
}

static inline void margin_clear(const struct margin_slot *m) {
    for (size_t s = 0; s < m->kept; s++) {
        float *row = margin_row(m, s);
        memset(row - m->margin * m->stride, 0, m->margin * m->stride * sizeof *row);
        memset(row + m->subcarriers * m->stride, 0, m->margin * m->stride * sizeof *row);
    }
}

/* The window about `symbol` over the channels from `channel` on; weight (and gradient, may be NULL): [3,3,channels]. */
static inline struct window margin_window(const struct margin_slot *m, size_t symbol, size_t dilation, size_t channel,
                                          const float *weight, float *gradient, size_t channels) {
    struct window w = {.stride = m->stride, .step = m->margin * m->stride};
    for (size_t tap = 0; tap < 3; tap++) {
        const size_t at = symbol + tap * dilation;
        if (at < dilation || at - dilation >= m->symbols)
            continue;
        w.row[w.count] = margin_row(m, at - dilation) + channel;
        w.weight[w.count] = weight + tap * 3 * channels;
        w.gradient[w.count] = gradient == NULL ? NULL : gradient + tap * 3 * channels;
        w.count++;
    }
    return w;
}

#endif
