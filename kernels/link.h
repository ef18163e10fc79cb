/*
 * The link: one user's OFDM slots through a tapped delay line, as a receiver sees them.
 *
 *   bits --QAM--> grid + DMRS --TDL, Doppler--> sum over users --noise--> Y [S,F,R] --> features [S,F,C] --> network
 *                                                                          \--> LS, LMMSE, genie --> LLR [S,F,B]
 *
 * Frequency-domain per slot: ICI and ISI beyond the cyclic prefix are not modelled (LINK.md gives their size).
 * SNR is per resource element and antenna, long-term: E|x|^2 = 1, noise_var = 10^(-SNR/10), no normalisation per slot.
 * Sources: TR 38.901 section 7.7.2 (TDL), TS 38.211 sections 5.1 and 6.4.1.1 (QAM, DMRS).
 */
#ifndef RETORT_KERNELS_LINK_H
#define RETORT_KERNELS_LINK_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/rng.h"
#include "kernels/tensor.h"

enum link_profile { LINK_TDL_A = 1, LINK_TDL_B = 2, LINK_TDL_C = 4, LINK_TDL_D = 8, LINK_TDL_E = 16 };

enum link_features { LINK_FEATURES_RAW, LINK_FEATURES_LS, LINK_FEATURES_MRC };

struct link_config {
    int blocks;                        /* resource blocks of 12 subcarriers */
    int antennas;                      /* R */
    int bits;                          /* B: 2, 4, 6, 8 bits a QAM symbol */
    int pilots;                        /* DMRS symbols: 1 = {2}, 2 = {2, 11} */
    unsigned profiles;                 /* set of link_profile, drawn evenly */
    double spread_min_s, spread_max_s; /* RMS delay spread */
    double doppler_min_hz, doppler_max_hz;
    double spacing_hz; /* subcarrier spacing: 15e3 */
    double snr_min_db, snr_max_db;
    bool interference;
    double sir_min_db, sir_max_db;
};

/* The values drawn for a slot, for a receiver that knows the statistics (LMMSE). */
struct link_draw {
    enum link_profile profile;
    double spread_s, doppler_hz;
    double snr_db, sir_db;  /* sir_db is infinite without interference */
    float noise_var;        /* N0, linear, per element and antenna */
    float interference_var; /* I0 */
};

/* One slot; memory is the caller's. f32 complex as pairs (re, im). */
struct link_slot {
    struct link_draw draw;
    uint8_t *bits;             /* [S,F,B] 0 or 1; pilot symbols hold 0 */
    float complex *received;   /* [S,F,R] */
    float complex *channel;    /* [S,F,R] true channel of the user */
    float complex *interferer; /* [S,F,R] true channel of the interferer, with its amplitude; NULL when not wanted */
    float complex *pilots;     /* [S,F] known pilots, zero elsewhere */
};

/* Sizes of a slot: F, C and the elements that carry data. */
int link_subcarriers(const struct link_config *c);
int link_feature_channels(const struct link_config *c, enum link_features f); /* 4R+2, 4R+2, 4R+5 */
size_t link_data_elements(const struct link_config *c);                       /* 12*blocks*13 or *12 */

/* The places of both pilot symbols in a slot; returns how many of them carry pilots, 1 or 2. */
int link_pilot_symbols(int symbols[2], const struct link_config *c);
bool link_is_pilot_symbol(const struct link_config *c, int symbol);

/* Bytes of one slot's arrays (with interferer), and a layout of them in the caller's memory (64-byte aligned). */
size_t link_slot_bytes(const struct link_config *c);
void link_slot_place(struct link_slot *slot, const struct link_config *c, void *memory);

/* Makes slot `index` of (seed, stream). `snr_db` and `sir_db` may be given (NAN: drawn from the config). */
size_t link_generate_workspace_bytes(const struct link_config *c);
void link_generate(struct link_slot *slot, const struct link_config *c, uint64_t seed, enum rng_stream stream,
                   uint32_t index, double snr_db, double sir_db, void *workspace);

/* Network input of a slot: x [S,F,C] f32. RAW: Re, Im of Y (2R), of the pilots (2), of Y*conj(pilot) at pilots (2R).
   LS: the interpolated LS estimate in place of the raw one. MRC: LS and Re, Im of sum conj(h)*y, and sum |h|^2. */
size_t link_features_workspace_bytes(const struct link_config *c);
void link_features(float *x, const struct link_slot *slot, const struct link_config *c, enum link_features f,
                   void *workspace);

/* label [S,F,B] f32 0/1 and mask [S,F] f32: 1 on data elements. The mask is the same for every slot of a config. */
void link_labels(float *label, const struct link_slot *slot, const struct link_config *c);
void link_mask(float *mask, const struct link_config *c);

/* Receivers beside the network: llr [S,F,B] f32, zero on pilot symbols. Interference is what slot->draw says; a genie
   without slot->interferer takes it as noise. */
enum link_receiver { LINK_RECEIVER_LS, LINK_RECEIVER_LMMSE, LINK_RECEIVER_GENIE };
enum link_demapper { LINK_DEMAP_EXACT, LINK_DEMAP_MAXLOG };
size_t link_receive_workspace_bytes(const struct link_config *c, enum link_receiver receiver);
void link_receive(float *llr, const struct link_slot *slot, const struct link_config *c, enum link_receiver receiver,
                  enum link_demapper demapper, void *workspace);

/* QAM (TS 38.211 section 5.1), unit mean energy. */
void qam_modulate(float complex *x, const uint8_t *bits, size_t symbols, int bits_per_symbol);
/* LLRs of symbols after equalisation: z = x + noise of variance `var` each (linear, per complex symbol), taken as 1e-12
   at least; infinite: LLRs of 0. llr [symbols,B]. */
void qam_demap(float *llr, const float complex *z, const float *var, size_t symbols, int bits_per_symbol,
               enum link_demapper demapper);

/* Closed forms: bit error rate of Gray QAM with nearest-point decisions. es_n0 linear, per antenna. */
double ber_awgn(int bits_per_symbol, double es_n0);
double ber_rayleigh(int bits_per_symbol, double es_n0, int branches);
/* Es/N0 in dB at which a closed form reaches `ber`; branches 0: AWGN. NAN when it lies beyond -100 to 300 dB. */
double ber_inverse_db(int bits_per_symbol, int branches, double ber);

/* The logarithm of the geometric mean: the mean of log10(max(errors, 1/2) / bits) over points; `floored` counts those
   without errors. */
double ber_geometric_mean(const uint64_t *errors, const uint64_t *bits, size_t points, size_t *floored);

#endif
