/*
 * Gains of curves over a baseline.
 *
 *   rows --by their labels--> curves --first crossing--> pairs (curve, its baseline) --average_over--> comparisons
 */
#ifndef RETORT_STAGES_RUN_CURVE_GAIN_H
#define RETORT_STAGES_RUN_CURVE_GAIN_H

#include "stages/run/group.h"
#include "stages/run/rows.h"
#include "stages/stage.h"

/* One row of the result: pairs of curves that differ in average_over alone. */
struct comparison {
    const struct group *pairs;   /* rows of `gains.pairs` */
    size_t reached;              /* pairs in which both curves reach the rate */
    struct mean gain;            /* count 0: not every pair reaches it */
    struct mean at, baseline_at; /* SINR in dB, of the curves that reach it */
    char *note;                  /* on single curves; may be "" */
};

struct gains {
    const struct stage *stage;
    double ber;
    const char *average_over;
    enum spread spread;
    cJSON *names;       /* of the labels that tell comparisons apart */
    struct rows pairs;  /* a row for each pair: its labels; gain_db, sinr_db, baseline_sinr_db where reached; note */
    cJSON *pair_labels; /* their memory */
    struct groups groups;
    struct comparison *comparisons; /* groups.count */
};

/* Append the result: with all digits, for programs, for people. */
void gains_csv(struct buffer *out, const struct gains *g);
void gains_json(struct buffer *out, const struct gains *g);
void gains_markdown(struct buffer *out, const struct gains *g);

#endif
