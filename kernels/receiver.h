/*
 * The channel estimators behind link_receive(): what a receiver believes of the channel and of what disturbs it.
 */
#ifndef RETORT_KERNELS_RECEIVER_H
#define RETORT_KERNELS_RECEIVER_H

#include "kernels/link.h"

/* LS: h [S,F,R] = y conj(x) on pilots, between them linear over frequency, then time; the nearest one outside. */
void receiver_estimate_ls(float complex *h, const struct link_slot *slot, const struct link_config *c);

/* Wiener: h [S,F,R], and error_var [S,F] = E|h - estimate|^2 for each antenna. The exact linear minimum mean square
   estimate from all pilots of the slot, from the profile, spread and Doppler of slot->draw; `noise_var`: on a pilot. */
size_t receiver_wiener_workspace_bytes(const struct link_config *c);
void receiver_estimate_wiener(float complex *h, float *error_var, const struct link_slot *slot,
                              const struct link_config *c, double noise_var, void *workspace);

/* Estimates the interferer from the empty comb elements: g [pilot symbols, blocks, R]. A block's covariance about that
   symbol is then N0 I + g g^H. That is the maximum likelihood for one interferer and a known N0: the largest eigenpair
   of the sample covariance, less N0. Returns its mean power per antenna. */
double receiver_estimate_interferer(float complex *g, const struct link_slot *slot, const struct link_config *c);

#endif
