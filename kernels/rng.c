#include "kernels/rng.h"

#include <Random123/philox.h>
#include <math.h>
#include <string.h>

#include "kernels/code_path.h"
#include "kernels/link_vector.h"

enum { WORDS = 4, CHUNK = 1024 /* words at a time in the fills; even */ };

void rng_init(struct rng *r, uint64_t seed, enum rng_stream stream, uint32_t index, uint32_t substream) {
    *r = (struct rng){
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
        .counter = {0, substream, index, (uint32_t)stream},
        .used = WORDS,
    };
}

static void next_block(struct rng *r, uint32_t *out) {
    philox4x32_ctr_t counter = {{r->counter[0], r->counter[1], r->counter[2], r->counter[3]}};
    philox4x32_key_t key = {{r->key[0], r->key[1]}};
    philox4x32_ctr_t block = philox4x32_R(10, counter, key);
    memcpy(out, block.v, sizeof block.v);
    r->counter[0]++;
}

uint32_t rng_u32(struct rng *r) {
    if (r->used == WORDS) {
        next_block(r, r->block);
        r->used = 0;
    }
    return r->block[r->used++];
}

double rng_uniform(struct rng *r) {
    uint64_t high = rng_u32(r);
    uint64_t bits = (high << 32 | rng_u32(r)) >> 12;
    return ((double)bits + 0.5) * 0x1p-52; /* odd multiples of 2^-53: exact, so neither end is reached */
}

/* Blocks that follow one another: independent of each other, so a loop over them is made of vectors. */
static inline PLATFORM_INLINE void make_blocks_body(uint32_t *out, const uint32_t *counter, const uint32_t *key,
                                                    size_t blocks) {
    const uint32_t first = counter[0], second = counter[1], third = counter[2], fourth = counter[3];
    const philox4x32_key_t k = {{key[0], key[1]}};
    for (size_t i = 0; i < blocks; i++) {
        const philox4x32_ctr_t at = {{first + (uint32_t)i, second, third, fourth}};
        const philox4x32_ctr_t block = philox4x32_R(10, at, k);
        out[WORDS * i] = block.v[0];
        out[WORDS * i + 1] = block.v[1];
        out[WORDS * i + 2] = block.v[2];
        out[WORDS * i + 3] = block.v[3];
    }
}

PLATFORM_DISPATCH(make_blocks, (uint32_t * out, const uint32_t *counter, const uint32_t *key, size_t blocks),
                  (out, counter, key, blocks));

void rng_fill_u32(struct rng *r, uint32_t *out, size_t n) {
    size_t i = 0;
    for (; i < n && r->used < WORDS; i++)
        out[i] = r->block[r->used++];
    const size_t blocks = (n - i) / WORDS;
    make_blocks(out + i, r->counter, r->key, blocks);
    r->counter[0] += (uint32_t)blocks;
    for (i += WORDS * blocks; i < n; i++)
        out[i] = rng_u32(r);
}

static inline PLATFORM_INLINE void to_uniform_body(float *out, const uint32_t *word, size_t n) {
    for (size_t i = 0; i < n; i++)
        out[i] = ((float)(int32_t)(word[i] >> 9) + 0.5f) * 0x1p-23f;
}

PLATFORM_DISPATCH(to_uniform, (float *out, const uint32_t *word, size_t n), (out, word, n));

void rng_fill_uniform(struct rng *r, float *out, size_t n) {
    uint32_t word[CHUNK];
    for (size_t i = 0; i < n; i += CHUNK) {
        size_t count = n - i < CHUNK ? n - i : CHUNK;
        rng_fill_u32(r, word, count);
        to_uniform(out + i, word, count);
    }
}

/* Word pairs to a Box-Muller magnitude's argument, in (0,1], and an angle in half turns, in [-1,1]. */
static inline PLATFORM_INLINE void to_polar_body(float *uniform, float *angle, const uint32_t *word, size_t pairs) {
    for (size_t i = 0; i < pairs; i++) {
        uniform[i] = ((float)(int32_t)(word[2 * i] >> 1) + 0.5f) * 0x1p-31f;
        angle[i] = (float)(int32_t)word[2 * i + 1] * 0x1p-31f;
    }
}

PLATFORM_DISPATCH(to_polar, (float *uniform, float *angle, const uint32_t *word, size_t pairs),
                  (uniform, angle, word, pairs));

static inline PLATFORM_INLINE void to_normal_body(float *out, const float *log_uniform, const float *sine,
                                                  const float *cosine, size_t pairs, float deviation) {
    for (size_t i = 0; i < pairs; i++) {
        float magnitude = deviation * sqrtf(-2.0f * log_uniform[i]);
        out[2 * i] = magnitude * cosine[i];
        out[2 * i + 1] = magnitude * sine[i];
    }
}

PLATFORM_DISPATCH(to_normal,
                  (float *out, const float *log_uniform, const float *sine, const float *cosine, size_t pairs,
                   float deviation),
                  (out, log_uniform, sine, cosine, pairs, deviation));

static void fill_pairs(struct rng *r, float *out, size_t pairs, float deviation) {
    uint32_t word[CHUNK];
    float uniform[CHUNK / 2], angle[CHUNK / 2], sine[CHUNK / 2];
    rng_fill_u32(r, word, 2 * pairs);
    to_polar(uniform, angle, word, pairs);
    vector_log(uniform, uniform, pairs);
    vector_sincospi(sine, angle, angle, pairs);
    to_normal(out, uniform, sine, angle, pairs, deviation);
}

void rng_fill_normal(struct rng *r, float *out, size_t n, float deviation) {
    size_t even = n - n % 2;
    for (size_t i = 0; i < even; i += CHUNK)
        fill_pairs(r, out + i, (even - i < CHUNK ? even - i : CHUNK) / 2, deviation);
    if (n != even) {
        float last[2];
        fill_pairs(r, last, 1, deviation);
        out[even] = last[0];
    }
}
