#include "kernels/link.h"

#include <string.h>

#include "kernels/link_workspace.h"
#include "kernels/receiver.h"

int link_feature_channels(const struct link_config *c, enum link_features f) {
    return 4 * c->antennas + (f == LINK_FEATURES_MRC ? 5 : 2);
}

static size_t elements(const struct link_config *c) {
    return SLOT_SYMBOLS * (size_t)link_subcarriers(c);
}

size_t link_features_workspace_bytes(const struct link_config *c) {
    return workspace_piece(elements(c) * (size_t)c->antennas, sizeof(float complex)) + WORKSPACE_LINE;
}

/* h [S,F,R] = y conj(pilot): the raw LS estimate at pilots, zero elsewhere. */
static void raw_estimate(float complex *h, const struct link_slot *slot, const struct link_config *c) {
    size_t n = elements(c), antennas = (size_t)c->antennas;
    const float *y = (const float *)slot->received, *pilot = (const float *)slot->pilots;
    float *out = (float *)h;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 2 * i * antennas; j < 2 * (i + 1) * antennas; j += 2) {
            out[j] = y[j] * pilot[2 * i] + y[j + 1] * pilot[2 * i + 1];
            out[j + 1] = y[j + 1] * pilot[2 * i] - y[j] * pilot[2 * i + 1];
        }
}

/* out [3]: Re and Im of sum conj(h) y, and sum |h|^2, over the antennas of one element. */
static void match(float *out, const float *h, const float *y, size_t antennas) {
    float re = 0, im = 0, gain = 0;
    for (size_t j = 0; j < 2 * antennas; j += 2) {
        re += h[j] * y[j] + h[j + 1] * y[j + 1];
        im += h[j] * y[j + 1] - h[j + 1] * y[j];
        gain += h[j] * h[j] + h[j + 1] * h[j + 1];
    }
    out[0] = re;
    out[1] = im;
    out[2] = gain;
}

void link_features(float *x, const struct link_slot *slot, const struct link_config *c, enum link_features f,
                   void *workspace) {
    size_t n = elements(c), antennas = (size_t)c->antennas, channels = (size_t)link_feature_channels(c, f);
    float complex *estimate = workspace_next(&workspace, n * antennas, sizeof *estimate);
    if (f == LINK_FEATURES_RAW)
        raw_estimate(estimate, slot, c);
    else
        receiver_estimate_ls(estimate, slot, c);
    for (size_t i = 0; i < n; i++, x += channels) {
        const float *y = (const float *)(slot->received + i * antennas), *h = (const float *)(estimate + i * antennas);
        memcpy(x, y, 2 * antennas * sizeof *x);
        memcpy(x + 2 * antennas, slot->pilots + i, 2 * sizeof *x);
        memcpy(x + 2 * antennas + 2, h, 2 * antennas * sizeof *x);
        if (f == LINK_FEATURES_MRC)
            match(x + 4 * antennas + 2, h, y, antennas);
    }
}

void link_labels(float *label, const struct link_slot *slot, const struct link_config *c) {
    size_t n = elements(c) * (size_t)c->bits;
    for (size_t i = 0; i < n; i++)
        label[i] = slot->bits[i];
}

void link_mask(float *mask, const struct link_config *c) {
    int f = link_subcarriers(c);
    for (int s = 0; s < SLOT_SYMBOLS; s++)
        for (int k = 0; k < f; k++)
            mask[s * f + k] = link_is_pilot_symbol(c, s) ? 0 : 1;
}
