/*
 * The link simulator said plainly, in double precision and straight from its definitions, for tests to compare with.
 */
#ifndef RETORT_KERNELS_REFERENCE_LINK_REFERENCE_H
#define RETORT_KERNELS_REFERENCE_LINK_REFERENCE_H

#include <complex.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/link.h"
#include "kernels/rng.h"
#include "kernels/tdl.h"

/* The written-out formulae of TS 38.211, sections 5.1.3 to 5.1.6. */
void qam_modulate_reference(double complex *x, const uint8_t *bits, size_t symbols, int bits_per_symbol);

/* By summing, or searching, all points of the constellation. */
void qam_demap_reference(double *llr, const double complex *z, const double *var, size_t symbols, int bits_per_symbol,
                         enum link_demapper demapper);

/* tdl_channel() by evaluating every sinusoid at every instant; takes the same draws from `r`. */
void tdl_channel_reference(double complex *h, const struct tdl_profile *p, double spread_s, double doppler_hz,
                           double spacing_hz, double amplitude, int subcarriers, int antennas, struct rng *r);

/* h [S,F,R]: LS at pilots, interpolated by looking for each element's neighbours. */
void receiver_ls_reference(double complex *h, const struct link_slot *slot, const struct link_config *c);
void link_features_reference(double *x, const struct link_slot *slot, const struct link_config *c, enum link_features f,
                             double complex *estimate /* [S,F,R] */);

/* receiver_estimate_wiener() by inverting the joint covariance of all pilots, summed over taps. `workspace` holds
   2 P (P + 1) values, P = 6 blocks x pilot symbols. */
void receiver_wiener_reference(double complex *h, double *error_var, const struct link_slot *slot,
                               const struct link_config *c, double noise_var, double complex *workspace);

/* z = h^H C^-1 y / h^H C^-1 h of one element, C [R,R] row by row, by Gaussian elimination. */
void receiver_combine_reference(double complex *z, double *var, const double complex *h, const double complex *y,
                                const double complex *covariance, int antennas);

#endif
