/*
 * Tapped delay lines A to E of TR 38.901 section 7.7.2, as channels of one slot.
 *
 * Tap l fades as a sum of 20 sinusoids: h_l(t) = sqrt(P_l/20) sum_n exp j(w_d t cos a_n + phi_n). Here a_n = 2 pi n/20
 * + theta_n; the antennas share theta_n ~ U(+-pi/20) of each tap and sinusoid. Each antenna has its own phi_n ~
 * U(+-pi). D and E add sqrt(P_LOS) exp j(0.7 w_d t + phi_0) to the first tap, phi_0 for each antenna. The channel of
 * element (k, t) is sum_l h_l(t) exp(-j 2 pi k spacing delay_l), t = symbol x slot / 14. A slot is 1 ms at 15 kHz and
 * scales inversely with the spacing.
 */
#ifndef RETORT_KERNELS_TDL_H
#define RETORT_KERNELS_TDL_H

#include <complex.h>
#include <stddef.h>

#include "kernels/link.h"
#include "kernels/rng.h"

enum { TDL_TAPS = 24, TDL_SINUSOIDS = 20 };

/* Delays and scattered powers of the taps (the rest is zero), and the line of sight; all powers sum to 1. */
struct tdl_profile {
    int taps;
    double delay[TDL_TAPS]; /* in RMS delay spreads */
    double power[TDL_TAPS]; /* linear */
    double los_power;       /* linear, at delay 0; zero for A, B and C */
};

/* A profile of TR 38.901 section 7.7.2. */
void tdl_profile_get(struct tdl_profile *out, enum link_profile profile);

/* Seconds between OFDM symbols. */
double tdl_symbol_period(double spacing_hz);

/* The taps of one slot: re, im [S,R,TDL_TAPS] f32; unused taps are zero. Every profile draws the same amount. */
size_t tdl_fade_workspace_bytes(void);
void tdl_fade(float *re, float *im, const struct tdl_profile *p, double doppler_hz, double spacing_hz, int antennas,
              struct rng *r, void *workspace);

/* The channel of one slot, h [S,F,R]: the frequency response of such taps, times `amplitude`. */
size_t tdl_channel_workspace_bytes(int subcarriers, int antennas);
void tdl_channel(float complex *h, const struct tdl_profile *p, double spread_s, double doppler_hz, double spacing_hz,
                 float amplitude, int subcarriers, int antennas, struct rng *r, void *workspace);

/* Long-term correlation E[h(k + df, t + dt) conj h(k, t)] = time(dt) x frequency(df) + line of sight(dt).
   time: J0(w_d dt). frequency: sum_l P_l exp(-j 2 pi df spacing delay_l). line of sight: P_LOS exp(j 0.7 w_d dt).
   Lags are in symbols and subcarriers. */
double tdl_time_correlation(double doppler_hz, double spacing_hz, int time_lag);
double complex tdl_frequency_correlation(const struct tdl_profile *p, double spread_s, double spacing_hz,
                                         int frequency_lag);
double complex tdl_los_correlation(const struct tdl_profile *p, double doppler_hz, double spacing_hz, int time_lag);

#endif
