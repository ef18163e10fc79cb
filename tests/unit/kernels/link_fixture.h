/* Configurations, a slot with its memory, and a loop over code paths, for the tests of the link simulator. */
#ifndef RETORT_TESTS_UNIT_KERNELS_LINK_FIXTURE_H
#define RETORT_TESTS_UNIT_KERNELS_LINK_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/code_path.h"
#include "kernels/link.h"
#include "tests/unit/kernels/link_laptop.h"
#include "tests/unit/kernels/trial.h"

static const char *const code_paths[] = {"portable", "x86-64-avx2", "x86-64-avx512"};
enum { CODE_PATHS = sizeof code_paths / sizeof code_paths[0] };

/* The same channel statistics in every slot. */
static inline struct link_config fixed_config(enum link_profile profile, int pilots, double spread_s,
                                              double doppler_hz) {
    struct link_config c = laptop_config();
    c.profiles = profile;
    c.pilots = pilots;
    c.spread_min_s = c.spread_max_s = spread_s;
    c.doppler_min_hz = c.doppler_max_hz = doppler_hz;
    return c;
}

static inline void *get_memory(size_t bytes) {
    void *p = malloc(bytes);
    if (p == NULL)
        abort();
    return p;
}

struct bench_slot {
    struct link_slot slot;
    void *memory, *workspace;
    size_t workspace_bytes;
};

static inline void bench_slot_open(struct bench_slot *b, const struct link_config *c) {
    trial_begin("link, %d symbols, %d subcarriers, %d antennas, %d pilots, %d bits, threads 1", SLOT_SYMBOLS,
                link_subcarriers(c), c->antennas, c->pilots, c->bits);
    b->memory = get_memory(link_slot_bytes(c));
    b->workspace_bytes = link_generate_workspace_bytes(c);
    b->workspace = get_memory(b->workspace_bytes);
    link_slot_place(&b->slot, c, b->memory);
}

static inline void bench_slot_close(struct bench_slot *b) {
    free(b->memory);
    free(b->workspace);
}

static inline void bench_slot_make(struct bench_slot *b, const struct link_config *c, uint32_t index, double snr_db,
                                   double sir_db) {
    link_generate(&b->slot, c, 11, RNG_TEST, index, snr_db, sir_db, b->workspace);
}

static inline size_t slot_elements(const struct link_config *c) {
    return SLOT_SYMBOLS * (size_t)link_subcarriers(c);
}

/* A mean with its standard error, from independent values. */
struct sample {
    double n, sum, squares;
};

static inline void sample_add(struct sample *s, double x) {
    s->n++;
    s->sum += x;
    s->squares += x * x;
}

static inline double sample_mean(const struct sample *s) {
    return s->sum / s->n;
}

static inline double sample_error(const struct sample *s) {
    double mean = sample_mean(s);
    return sqrt(fmax(s->squares / s->n - mean * mean, 0) / (s->n - 1));
}

/* The mean lies within five standard errors, plus what single precision costs. */
static inline void five_sigma(const char *what, const struct sample *s, double expected) {
    within(what, sample_mean(s), expected, 5 * sample_error(s) + 1e-5 * fabs(expected));
}

#endif
