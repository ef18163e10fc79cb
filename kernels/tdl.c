#include "kernels/tdl.h"

#include <math.h>
#include <string.h>

#include "kernels/code_path.h"
#include "kernels/link_vector.h"

enum {
    WAVES = TDL_TAPS * TDL_SINUSOIDS, /* [sinusoid][tap]: sums over sinusoids run along vectors of taps */
    LANES = 16,                       /* subcarriers at a time; arrays over F are padded to it */
    QUAD = 4,
    QUADS = LANES / QUAD,
};

/* Four sums that the compiler keeps in registers, and pairs up where those are wider. */
typedef float quad __attribute__((vector_size(QUAD * sizeof(float))));

static size_t padded(int subcarriers) {
    return ((size_t)subcarriers + LANES - 1) / LANES * LANES;
}

size_t tdl_fade_workspace_bytes(void) {
    return 4 * (size_t)WAVES * sizeof(float);
}

static size_t respond_workspace_bytes(int subcarriers) {
    return (size_t)2 * TDL_TAPS * padded(subcarriers) * sizeof(float);
}

static size_t taps_bytes(int antennas) {
    return (size_t)SLOT_SYMBOLS * (size_t)antennas * TDL_TAPS * sizeof(float);
}

size_t tdl_channel_workspace_bytes(int subcarriers, int antennas) {
    size_t fading = tdl_fade_workspace_bytes(), responding = respond_workspace_bytes(subcarriers);
    return 2 * taps_bytes(antennas) + (fading > responding ? fading : responding);
}

/* Uniform draws to angles of arrival, in half turns: 2 n / 20 +- 1 / 20. */
static inline PLATFORM_INLINE void arrival_angles_body(float *angle) {
    for (int n = 0; n < TDL_SINUSOIDS; n++)
        for (int l = 0; l < TDL_TAPS; l++) {
            float *a = &angle[n * TDL_TAPS + l];
            *a = (2.0f * (float)n + (2.0f * *a - 1.0f)) / TDL_SINUSOIDS;
        }
}

PLATFORM_DISPATCH(arrival_angles, (float *angle), (angle));

/* Sums the waves of one antenna by symbol, turning each by its step: re, im [S,R,taps] from the antenna's first on. */
static inline PLATFORM_INLINE void sum_waves_body(float *re, float *im, size_t stride, float *wave_re, float *wave_im,
                                                  const float *step_re, const float *step_im, const float *gain) {
    for (int s = 0; s < SLOT_SYMBOLS; s++) {
        float sum_re[TDL_TAPS] = {0}, sum_im[TDL_TAPS] = {0};
        for (int n = 0; n < TDL_SINUSOIDS; n++)
            for (int l = 0; l < TDL_TAPS; l++) {
                int w = n * TDL_TAPS + l;
                float a = wave_re[w], b = wave_im[w];
                sum_re[l] += a;
                sum_im[l] += b;
                wave_re[w] = a * step_re[w] - b * step_im[w];
                wave_im[w] = a * step_im[w] + b * step_re[w];
            }
        for (int l = 0; l < TDL_TAPS; l++) {
            re[(size_t)s * stride + (size_t)l] = gain[l] * sum_re[l];
            im[(size_t)s * stride + (size_t)l] = gain[l] * sum_im[l];
        }
    }
}

PLATFORM_DISPATCH(sum_waves,
                  (float *re, float *im, size_t stride, float *wave_re, float *wave_im, const float *step_re,
                   const float *step_im, const float *gain),
                  (re, im, stride, wave_re, wave_im, step_re, step_im, gain));

static void add_line_of_sight(float *re, float *im, size_t stride, double power, double advance, float start) {
    float turns[SLOT_SYMBOLS], sine[SLOT_SYMBOLS];
    for (int s = 0; s < SLOT_SYMBOLS; s++)
        turns[s] = (float)(advance * s) + start;
    vector_sincospi(sine, turns, turns, SLOT_SYMBOLS);
    float amplitude = (float)sqrt(power);
    for (int s = 0; s < SLOT_SYMBOLS; s++) {
        re[(size_t)s * stride] += amplitude * turns[s];
        im[(size_t)s * stride] += amplitude * sine[s];
    }
}

void tdl_fade(float *re, float *im, const struct tdl_profile *p, double doppler_hz, double spacing_hz, int antennas,
              struct rng *r, void *workspace) {
    float *step_re = workspace, *step_im = step_re + WAVES, *wave_re = step_im + WAVES, *wave_im = wave_re + WAVES;
    double turns = 2 * doppler_hz * tdl_symbol_period(spacing_hz);
    rng_fill_uniform(r, step_re, WAVES);
    arrival_angles(step_re);
    vector_sincospi(step_im, step_re, step_re, WAVES);
    for (int w = 0; w < WAVES; w++)
        step_re[w] *= (float)turns;
    vector_sincospi(step_im, step_re, step_re, WAVES);

    float gain[TDL_TAPS];
    for (int l = 0; l < TDL_TAPS; l++)
        gain[l] = (float)sqrt(p->power[l] / TDL_SINUSOIDS);
    size_t stride = (size_t)antennas * TDL_TAPS;
    for (int a = 0; a < antennas; a++) {
        float start;
        rng_fill_uniform(r, wave_re, WAVES);
        rng_fill_uniform(r, &start, 1);
        for (int w = 0; w < WAVES; w++)
            wave_re[w] = 2.0f * wave_re[w] - 1.0f;
        vector_sincospi(wave_im, wave_re, wave_re, WAVES);
        float *antenna_re = re + (size_t)a * TDL_TAPS, *antenna_im = im + (size_t)a * TDL_TAPS;
        sum_waves(antenna_re, antenna_im, stride, wave_re, wave_im, step_re, step_im, gain);
        if (p->los_power > 0)
            add_line_of_sight(antenna_re, antenna_im, stride, p->los_power, 0.7 * turns, 2.0f * start - 1.0f);
    }
}

/* One symbol and antenna: h [F], R apart, = sum over taps of tap x phasor [taps, padded F]. */
static inline PLATFORM_INLINE void combine_taps_body(float *h, size_t stride, const float *tap_re, const float *tap_im,
                                                     int taps, const float *phasor_re, const float *phasor_im,
                                                     size_t subcarriers, float amplitude) {
    size_t row = (subcarriers + LANES - 1) / LANES * LANES;
    for (size_t first = 0; first < subcarriers; first += LANES) {
        quad sum_re[QUADS] = {{0}}, sum_im[QUADS] = {{0}}, c[QUADS], d[QUADS];
        for (int l = 0; l < taps; l++) {
            memcpy(c, phasor_re + (size_t)l * row + first, sizeof c);
            memcpy(d, phasor_im + (size_t)l * row + first, sizeof d);
#pragma GCC unroll 4
            for (int i = 0; i < QUADS; i++) {
                sum_re[i] += tap_re[l] * c[i] - tap_im[l] * d[i];
                sum_im[i] += tap_re[l] * d[i] + tap_im[l] * c[i];
            }
        }
        for (size_t i = 0; i < LANES && first + i < subcarriers; i++) {
            h[2 * (first + i) * stride] = amplitude * sum_re[i / QUAD][i % QUAD];
            h[2 * (first + i) * stride + 1] = amplitude * sum_im[i / QUAD][i % QUAD];
        }
    }
}

PLATFORM_DISPATCH(combine_taps,
                  (float *h, size_t stride, const float *tap_re, const float *tap_im, int taps, const float *phasor_re,
                   const float *phasor_im, size_t subcarriers, float amplitude),
                  (h, stride, tap_re, tap_im, taps, phasor_re, phasor_im, subcarriers, amplitude));

/* h [S,F,R]: the frequency response of faded taps, times `amplitude`. */
static void respond(float complex *h, const float *re, const float *im, const struct tdl_profile *p, double spread_s,
                    double spacing_hz, float amplitude, int subcarriers, int antennas, void *workspace) {
    size_t row = padded(subcarriers), count = (size_t)p->taps * row;
    float *phasor_re = workspace, *phasor_im = phasor_re + TDL_TAPS * row;
    for (int l = 0; l < p->taps; l++) {
        double turns = -2 * spacing_hz * spread_s * p->delay[l];
        for (size_t k = 0; k < row; k++)
            phasor_re[(size_t)l * row + k] = (float)(turns * (double)k);
    }
    vector_sincospi(phasor_im, phasor_re, phasor_re, count);
    for (size_t s = 0; s < SLOT_SYMBOLS; s++)
        for (size_t a = 0; a < (size_t)antennas; a++) {
            size_t tap = (s * (size_t)antennas + a) * TDL_TAPS;
            float *out = (float *)(h + s * (size_t)subcarriers * (size_t)antennas + a);
            combine_taps(out, (size_t)antennas, re + tap, im + tap, p->taps, phasor_re, phasor_im, (size_t)subcarriers,
                         amplitude);
        }
}

void tdl_channel(float complex *h, const struct tdl_profile *p, double spread_s, double doppler_hz, double spacing_hz,
                 float amplitude, int subcarriers, int antennas, struct rng *r, void *workspace) {
    float *re = workspace, *im = re + taps_bytes(antennas) / sizeof(float);
    void *rest = im + taps_bytes(antennas) / sizeof(float);
    tdl_fade(re, im, p, doppler_hz, spacing_hz, antennas, r, rest);
    respond(h, re, im, p, spread_s, spacing_hz, amplitude, subcarriers, antennas, rest);
}
