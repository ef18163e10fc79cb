#include "kernels/link.h"

#include <math.h>

#include "kernels/code_path.h"
#include "kernels/link_vector.h"

/* Both dimensions of a Gray QAM symbol are the same PAM: even bits give I, odd bits give Q. */
enum { MAX_LEVELS = 1 << (MAX_BITS / 2), CHUNK = 128 /* symbols at a time */ };

/* Keeps LLRs finite where a variance underflows: -120 dB is beyond any link. */
static const float least_variance = 1e-12f;

/* The amplitude of PAM bits, bit j of `index` being the dimension's bit j: TS 38.211's nested product. */
static int pam_amplitude(unsigned index, int bits) {
    int amplitude = 0;
    for (int j = bits - 1; j >= 0; j--) {
        int sign = (index >> j & 1) ? -1 : 1;
        amplitude = sign * ((1 << (bits - 1 - j)) - amplitude);
    }
    return amplitude;
}

static void pam_levels(float *level, int bits_per_symbol) {
    int bits = bits_per_symbol / 2;
    double scale = sqrt(2.0 * ((1 << bits_per_symbol) - 1) / 3.0);
    for (unsigned i = 0; i < 1U << bits; i++)
        level[i] = (float)(pam_amplitude(i, bits) / scale);
}

void qam_modulate(float complex *x, const uint8_t *bits, size_t symbols, int bits_per_symbol) {
    float level[MAX_LEVELS];
    pam_levels(level, bits_per_symbol);
    float *out = (float *)x;
    for (size_t n = 0; n < symbols; n++, bits += bits_per_symbol) {
        unsigned re = 0, im = 0;
        for (int j = 0; j < bits_per_symbol / 2; j++) {
            re |= (unsigned)bits[2 * (size_t)j] << j;
            im |= (unsigned)bits[2 * (size_t)j + 1] << j;
        }
        out[2 * n] = level[re];
        out[2 * n + 1] = level[im];
    }
}

/* metric [levels, CHUNK]: log-likelihood of each level, -(x - level)^2 / var. best [bits, 2, CHUNK]: raised to the
   largest among the levels with bit 0, and with bit 1. */
static inline PLATFORM_INLINE void level_metrics_body(float (*metric)[CHUNK], float (*best)[CHUNK], const float *x,
                                                      const float *inverse_var, const float *level, int bits) {
    for (unsigned i = 0; i < 1U << bits; i++) {
        for (int n = 0; n < CHUNK; n++) {
            float d = x[n] - level[i];
            metric[i][n] = -d * d * inverse_var[n];
        }
        for (int j = 0; j < bits; j++) {
            float *side = best[2 * j + (int)(i >> j & 1)];
            for (int n = 0; n < CHUNK; n++)
                side[n] = metric[i][n] > side[n] ? metric[i][n] : side[n];
        }
    }
}

PLATFORM_DISPATCH(level_metrics,
                  (float (*metric)[CHUNK], float (*best)[CHUNK], const float *x, const float *inverse_var,
                   const float *level, int bits),
                  (metric, best, x, inverse_var, level, bits));

/* best <- best + ln of the sum over that side's levels of exp(metric - best): from the largest term to all of them. */
static void sum_sides(float (*best)[CHUNK], float (*metric)[CHUNK], int bits) {
    for (int side = 0; side < 2 * bits; side++) {
        float sum[CHUNK] = {0}, term[CHUNK];
        for (unsigned i = 0; i < 1U << bits; i++) {
            if ((int)(i >> (side / 2) & 1) != side % 2)
                continue;
            for (int n = 0; n < CHUNK; n++)
                term[n] = metric[i][n] - best[side][n];
            vector_exp(term, term, CHUNK);
            for (int n = 0; n < CHUNK; n++)
                sum[n] += term[n];
        }
        vector_log(sum, sum, CHUNK);
        for (int n = 0; n < CHUNK; n++)
            best[side][n] += sum[n];
    }
}

/* One dimension of up to CHUNK symbols; z and llr point at its first component and bit. */
static void demap_dimension(float *llr, const float *z, const float *var, size_t count, const float *level, int bits,
                            enum link_demapper demapper) {
    float x[CHUNK] = {0}, inverse_var[CHUNK] = {0}, metric[MAX_LEVELS][CHUNK], best[MAX_BITS][CHUNK];
    for (size_t n = 0; n < count; n++) {
        x[n] = z[2 * n];
        inverse_var[n] = 1.0f / fmaxf(var[n], least_variance);
    }
    for (int side = 0; side < MAX_BITS; side++)
        for (int n = 0; n < CHUNK; n++)
            best[side][n] = -INFINITY;
    level_metrics(metric, best, x, inverse_var, level, bits);
    if (demapper == LINK_DEMAP_EXACT)
        sum_sides(best, metric, bits);
    for (size_t n = 0; n < count; n++)
        for (int j = 0; j < bits; j++)
            llr[n * 2 * (size_t)bits + 2 * (size_t)j] = best[2 * (size_t)j + 1][n] - best[2 * (size_t)j][n];
}

void qam_demap(float *llr, const float complex *z, const float *var, size_t symbols, int bits_per_symbol,
               enum link_demapper demapper) {
    float level[MAX_LEVELS];
    pam_levels(level, bits_per_symbol);
    for (size_t first = 0; first < symbols; first += CHUNK) {
        size_t count = symbols - first < CHUNK ? symbols - first : CHUNK;
        const float *at = (const float *)(z + first);
        float *out = llr + first * (size_t)bits_per_symbol;
        demap_dimension(out, at, var + first, count, level, bits_per_symbol / 2, demapper);
        demap_dimension(out + 1, at + 1, var + first, count, level, bits_per_symbol / 2, demapper);
    }
}
