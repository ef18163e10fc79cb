/*
 * Counter-based random numbers (Philox 4x32-10 of Random123). A draw is a function of (seed, stream, index, counter).
 * So any slot can be made again alone, in any order, on any thread, after any restart. Source: Salmon et al., "Parallel
 * random numbers: as easy as 1, 2, 3", SC'11.
 */
#ifndef RETORT_KERNELS_RNG_H
#define RETORT_KERNELS_RNG_H

#include <stddef.h>
#include <stdint.h>

/* Streams, one for each use of draws: two streams never share a number. */
enum rng_stream {
    RNG_WEIGHTS = 1,    /* initial weights */
    RNG_TRAINING = 2,   /* training slots */
    RNG_VALIDATION = 3, /* validation and evaluation slots */
    RNG_BASELINE = 4,   /* link/baseline's flat channels */
    RNG_TEST = 5
};

struct rng {
    uint32_t key[2];     /* seed */
    uint32_t counter[4]; /* counter, substream, index, stream */
    uint32_t block[4];
    unsigned used; /* words of `block` given out */
};

/* A generator for one (seed, stream, index, substream): e.g. index = slot number, substream = what within the slot. */
void rng_init(struct rng *r, uint64_t seed, enum rng_stream stream, uint32_t index, uint32_t substream);

/* The next numbers of the generator. */
uint32_t rng_u32(struct rng *r);
double rng_uniform(struct rng *r); /* (0,1): 53 bits of two words, never 0 or 1 */

/* Fills n values. Normals by Box-Muller, in pairs; vectorised; the values depend on the position alone. */
void rng_fill_u32(struct rng *r, uint32_t *out, size_t n);
void rng_fill_uniform(struct rng *r, float *out, size_t n);
void rng_fill_normal(struct rng *r, float *out, size_t n, float deviation);

#endif
