/*
 * Bit error rates over SINR: what is counted, and the CSV and JSON files that hold it.
 *
 *   curve,sinr_db,bits,errors,ber
 *   network,-4,29952,9120,0.30448717948717946
 *
 * A curve in closed form has no counts: its cells are empty in CSV and null in JSON.
 */
#ifndef RETORT_STAGES_CURVE_H
#define RETORT_STAGES_CURVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buffer.h"

struct curve_point {
    double sinr_db;
    uint64_t bits, errors; /* 0 bits: closed form */
    double ber;
};

struct curve {
    const char *name; /* "network", "ls", ... */
    struct curve_point *points;
    size_t count;
};

/* Sets ber from the counts. */
void curve_count(struct curve_point *p, uint64_t errors, uint64_t bits);

/* Mean of log10 of the bit error rate; a counted point is max(errors, 1/2) / bits. `floored`: points without an error.
   The curve has points, all of them counted or none. */
double curve_gm_ber(const struct curve *c, size_t *floored);

/* SINR at which the curve first falls to `ber`, by a straight line between points in dB and log10. False when it never
   does, and when it lies below from its first point on. */
bool curve_reaches(double *sinr_db, const struct curve *c, double ber);

/* Append curves as CSV (curve,sinr_db,bits,errors,ber) and as JSON. */
void curves_csv(struct buffer *out, const struct curve *curves, size_t count);
void curves_json(struct buffer *out, const struct curve *curves, size_t count);

#endif
