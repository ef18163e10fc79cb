#include "kernels/reference/link_reference.h"

#include <math.h>

static double complex cis(double x) {
    return CMPLX(cos(x), sin(x));
}

static double complex wide(float complex x) {
    return CMPLX((double)crealf(x), (double)cimagf(x));
}

void qam_modulate_reference(double complex *x, const uint8_t *bits, size_t symbols, int bits_per_symbol) {
    for (size_t n = 0; n < symbols; n++) {
        double part[2], s[4] = {0}, scale = 0;
        for (int d = 0; d < 2; d++) {
            for (int j = 0; j < bits_per_symbol / 2; j++)
                s[j] = 1 - 2 * bits[n * (size_t)bits_per_symbol + (size_t)(2 * j + d)];
            switch (bits_per_symbol) {
            case 2:
                part[d] = s[0];
                scale = sqrt(2);
                break;
            case 4:
                part[d] = s[0] * (2 - s[1]);
                scale = sqrt(10);
                break;
            case 6:
                part[d] = s[0] * (4 - s[1] * (2 - s[2]));
                scale = sqrt(42);
                break;
            default:
                part[d] = s[0] * (8 - s[1] * (4 - s[2] * (2 - s[3])));
                scale = sqrt(170);
                break;
            }
        }
        x[n] = CMPLX(part[0] / scale, part[1] / scale);
    }
}

/* ln of the sum of exp(-|z - x|^2 / var), or its largest term, over the points with `value` at bit j. */
static double side_metric(double complex z, double var, int bits_per_symbol, int j, unsigned value, bool sum) {
    double best = -INFINITY, total = 0;
    for (int pass = 0; pass < 2; pass++)
        for (unsigned point = 0; point < 1U << bits_per_symbol; point++) {
            uint8_t bits[MAX_BITS] = {0};
            double complex x;
            for (int b = 0; b < bits_per_symbol; b++)
                bits[b] = point >> b & 1;
            if (bits[j] != value)
                continue;
            qam_modulate_reference(&x, bits, 1, bits_per_symbol);
            double metric = -(creal(z - x) * creal(z - x) + cimag(z - x) * cimag(z - x)) / var;
            if (pass == 0)
                best = fmax(best, metric);
            else
                total += exp(metric - best);
        }
    return sum ? best + log(total) : best;
}

void qam_demap_reference(double *llr, const double complex *z, const double *var, size_t symbols, int bits_per_symbol,
                         enum link_demapper demapper) {
    bool sum = demapper == LINK_DEMAP_EXACT;
    for (size_t n = 0; n < symbols; n++)
        for (int j = 0; j < bits_per_symbol; j++)
            llr[n * (size_t)bits_per_symbol + (size_t)j] = side_metric(z[n], var[n], bits_per_symbol, j, 1, sum) -
                                                           side_metric(z[n], var[n], bits_per_symbol, j, 0, sum);
}

static double symbol_time(double spacing_hz, int symbol) {
    return symbol / 14.0 * 1e-3 * (15e3 / spacing_hz);
}

void tdl_channel_reference(double complex *h, const struct tdl_profile *p, double spread_s, double doppler_hz,
                           double spacing_hz, double amplitude, int subcarriers, int antennas, struct rng *r) {
    float theta[TDL_SINUSOIDS][TDL_TAPS], phi[TDL_SINUSOIDS][TDL_TAPS], phi0;
    rng_fill_uniform(r, &theta[0][0], sizeof theta / sizeof theta[0][0]);
    for (int a = 0; a < antennas; a++) {
        rng_fill_uniform(r, &phi[0][0], sizeof phi / sizeof phi[0][0]);
        rng_fill_uniform(r, &phi0, 1);
        for (int s = 0; s < SLOT_SYMBOLS; s++) {
            double wt = 2 * M_PI * doppler_hz * symbol_time(spacing_hz, s);
            double complex tap[TDL_TAPS] = {0};
            for (int l = 0; l < p->taps; l++)
                for (int n = 0; n < TDL_SINUSOIDS; n++) {
                    double alpha = 2 * M_PI * n / 20 + (2 * (double)theta[n][l] - 1) * M_PI / 20;
                    tap[l] += sqrt(p->power[l] / 20) * cis(wt * cos(alpha) + (2 * (double)phi[n][l] - 1) * M_PI);
                }
            tap[0] += sqrt(p->los_power) * cis(0.7 * wt + (2 * (double)phi0 - 1) * M_PI);
            for (int k = 0; k < subcarriers; k++) {
                double complex sum = 0;
                for (int l = 0; l < p->taps; l++)
                    sum += tap[l] * cis(-2 * M_PI * k * spacing_hz * p->delay[l] * spread_s);
                h[(s * subcarriers + k) * antennas + a] = amplitude * sum;
            }
        }
    }
}

/* LS at a pilot symbol, any subcarrier: between the pilots on its sides. */
static double complex ls_over_frequency(const struct link_slot *slot, const struct link_config *c, int s, int k,
                                        int a) {
    int f = link_subcarriers(c), below = k - k % 2, above = k % 2 == 0 ? k : k + 1 < f ? k + 1 : k - 1;
    int at[2] = {s * f + below, s * f + above};
    double complex sum = 0;
    for (int i = 0; i < 2; i++)
        sum += wide(slot->received[at[i] * c->antennas + a]) * conj(wide(slot->pilots[at[i]])) / 2;
    return sum;
}

void receiver_ls_reference(double complex *h, const struct link_slot *slot, const struct link_config *c) {
    int f = link_subcarriers(c);
    for (int s = 0; s < SLOT_SYMBOLS; s++)
        for (int k = 0; k < f; k++)
            for (int a = 0; a < c->antennas; a++) {
                double complex first = ls_over_frequency(slot, c, 2, k, a), value = first;
                if (c->pilots == 2 && s > 2) {
                    double complex second = ls_over_frequency(slot, c, 11, k, a);
                    value = s >= 11 ? second : first * (11 - s) / 9 + second * (s - 2) / 9;
                }
                h[(s * f + k) * c->antennas + a] = value;
            }
}

void link_features_reference(double *x, const struct link_slot *slot, const struct link_config *c, enum link_features f,
                             double complex *estimate) {
    size_t elements = SLOT_SYMBOLS * (size_t)link_subcarriers(c), antennas = (size_t)c->antennas;
    receiver_ls_reference(estimate, slot, c);
    for (size_t i = 0; i < elements; i++) {
        double complex pilot = wide(slot->pilots[i]), matched = 0;
        double gain = 0, *own = x + i * (size_t)link_feature_channels(c, f);
        for (size_t a = 0; a < antennas; a++) {
            double complex y = wide(slot->received[i * antennas + a]), e = estimate[i * antennas + a];
            if (f == LINK_FEATURES_RAW)
                e = y * conj(pilot);
            own[2 * a] = creal(y);
            own[2 * a + 1] = cimag(y);
            own[2 * antennas + 2 + 2 * a] = creal(e);
            own[2 * antennas + 2 + 2 * a + 1] = cimag(e);
            matched += conj(e) * y;
            gain += creal(e * conj(e));
        }
        own[2 * antennas] = creal(pilot);
        own[2 * antennas + 1] = cimag(pilot);
        if (f == LINK_FEATURES_MRC) {
            own[4 * antennas + 2] = creal(matched);
            own[4 * antennas + 3] = cimag(matched);
            own[4 * antennas + 4] = gain;
        }
    }
}

/* E[h(k1, s1) conj h(k2, s2)], summed over taps. */
static double complex correlation(const struct tdl_profile *p, const struct link_draw *draw, double spacing_hz, int k1,
                                  int s1, int k2, int s2) {
    double wt = 2 * M_PI * draw->doppler_hz * (symbol_time(spacing_hz, s1) - symbol_time(spacing_hz, s2));
    double complex sum = p->los_power * cis(0.7 * wt);
    for (int l = 0; l < p->taps; l++)
        sum += p->power[l] * j0(wt) * cis(-2 * M_PI * (k1 - k2) * spacing_hz * p->delay[l] * draw->spread_s);
    return sum;
}

/* m [n, columns], columns > n: makes the first n columns the unit matrix by row operations (no pivoting: m is positive
   definite there). */
static void eliminate(double complex *m, int n, int columns) {
    for (int i = 0; i < n; i++) {
        double complex pivot = m[i * columns + i];
        for (int j = 0; j < columns; j++)
            m[i * columns + j] /= pivot;
        for (int r = 0; r < n; r++) {
            double complex factor = m[r * columns + i];
            for (int j = 0; r != i && j < columns; j++)
                m[r * columns + j] -= factor * m[i * columns + j];
        }
    }
}

void receiver_wiener_reference(double complex *h, double *error_var, const struct link_slot *slot,
                               const struct link_config *c, double noise_var, double complex *workspace) {
    int f = link_subcarriers(c), comb = f / 2, pilots = comb * c->pilots, columns = 2 * pilots, antennas = c->antennas;
    double complex *inverse = workspace, *b = workspace + (size_t)pilots * (size_t)columns, *weight = b + pilots;
    struct tdl_profile p;
    tdl_profile_get(&p, slot->draw.profile);
    for (int i = 0; i < pilots; i++)
        for (int j = 0; j < pilots; j++) {
            inverse[i * columns + j] = correlation(&p, &slot->draw, c->spacing_hz, i % comb * 2, i < comb ? 2 : 11,
                                                   j % comb * 2, j < comb ? 2 : 11);
            inverse[i * columns + j] += i == j ? noise_var : 0;
            inverse[i * columns + pilots + j] = i == j;
        }
    eliminate(inverse, pilots, columns);
    for (int e = 0; e < SLOT_SYMBOLS * f; e++) {
        for (int i = 0; i < pilots; i++)
            b[i] = correlation(&p, &slot->draw, c->spacing_hz, i % comb * 2, i < comb ? 2 : 11, e % f, e / f);
        error_var[e] = 1;
        for (int a = 0; a < antennas; a++)
            h[e * antennas + a] = 0;
        for (int i = 0; i < pilots; i++) { /* weight = b^H C^-1 */
            weight[i] = 0;
            for (int j = 0; j < pilots; j++)
                weight[i] += conj(b[j]) * inverse[j * columns + pilots + i];
            int at = (i < comb ? 2 : 11) * f + i % comb * 2;
            for (int a = 0; a < antennas; a++)
                h[e * antennas + a] +=
                    weight[i] * wide(slot->received[at * antennas + a]) * conj(wide(slot->pilots[at]));
            error_var[e] -= creal(weight[i] * b[i]);
        }
    }
}

void receiver_combine_reference(double complex *z, double *var, const double complex *h, const double complex *y,
                                const double complex *covariance, int antennas) {
    double complex m[MAX_ANTENNAS * (MAX_ANTENNAS + 1)], gain = 0, sum = 0;
    int columns = antennas + 1;
    for (int i = 0; i < antennas; i++) {
        for (int j = 0; j < antennas; j++)
            m[i * columns + j] = covariance[i * antennas + j];
        m[i * columns + antennas] = h[i];
    }
    eliminate(m, antennas, columns); /* the last column is C^-1 h */
    for (int i = 0; i < antennas; i++) {
        gain += conj(h[i]) * m[i * columns + antennas];
        sum += conj(m[i * columns + antennas]) * y[i];
    }
    *z = sum / creal(gain);
    *var = 1 / creal(gain);
}
