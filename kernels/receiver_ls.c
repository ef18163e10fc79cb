#include "kernels/receiver.h"

/* One pilot symbol: rows of [F,R]. Pilots stand on even subcarriers; the last, odd one takes its neighbour's value. */
static void estimate_symbol(float complex *h, const float complex *y, const float complex *x, size_t subcarriers,
                            size_t antennas) {
    float *out = (float *)h;
    const float *in = (const float *)y, *pilot = (const float *)x;
    size_t row = 2 * antennas;
    for (size_t k = 0; k < subcarriers; k += 2)
        for (size_t a = 0; a < row; a += 2) {
            float yr = in[k * row + a], yi = in[k * row + a + 1], xr = pilot[2 * k], xi = pilot[2 * k + 1];
            out[k * row + a] = yr * xr + yi * xi;
            out[k * row + a + 1] = yi * xr - yr * xi;
        }
    for (size_t k = 1; k < subcarriers; k += 2)
        for (size_t a = 0; a < row; a++) {
            float before = out[(k - 1) * row + a];
            out[k * row + a] = k + 1 < subcarriers ? 0.5f * (before + out[(k + 1) * row + a]) : before;
        }
}

void receiver_estimate_ls(float complex *h, const struct link_slot *slot, const struct link_config *c) {
    int symbols[2], count = link_pilot_symbols(symbols, c);
    size_t f = (size_t)link_subcarriers(c), antennas = (size_t)c->antennas, row = 2 * f * antennas;
    float *out = (float *)h;
    for (int p = 0; p < count; p++) {
        size_t s = (size_t)symbols[p];
        estimate_symbol(h + s * row / 2, slot->received + s * row / 2, slot->pilots + s * f, f, antennas);
    }
    const float *first = out + (size_t)symbols[0] * row, *second = out + (size_t)symbols[count - 1] * row;
    for (int s = 0; s < SLOT_SYMBOLS; s++) {
        if (link_is_pilot_symbol(c, s))
            continue;
        float weight = (float)(s - symbols[0]) / (float)(symbols[1] - symbols[0]);
        weight = weight < 0 ? 0 : weight > 1 ? 1 : weight;
        for (size_t i = 0; i < row; i++)
            out[(size_t)s * row + i] = first[i] + weight * (second[i] - first[i]);
    }
}
