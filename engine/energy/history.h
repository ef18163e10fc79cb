/*
 * Predicts the time and joules of a stage from earlier stages of its kind. Pure.
 *
 * The prediction is the median of the five nearest samples, with their least and greatest as the spread. Each sample is
 * first multiplied by the ratio of the work:
 *
 *   ratio = product of (parameter / earlier parameter)             for parameters that the kind calls proportional
 *         x product of (parameter / earlier parameter)^exponent    for the others, if the metric of the work shows one
 *
 * An exponent comes from two samples that differ in that parameter alone (and in proportional ones). Of all such pairs,
 * the nearest to the predicted value is used. The exponent is exact for a power law, and a local approximation for
 * any other dependence. A parameter without such a pair, like a seed, is assumed to change nothing.
 *
 * The distance is a sum over the components of the key. Two numbers, also in words of a command, are as far apart as
 * the logarithm of their ratio, but at most one. Other components that differ add one. Joules of different labels are
 * never mixed: only those with the nearest sample's label count.
 */
#ifndef RETORT_ENGINE_ENERGY_HISTORY_H
#define RETORT_ENGINE_ENERGY_HISTORY_H

#include "stages/kinds/kind.h"
#include "store/record_format.h"

/* NaN and "" when no sample has joules. */
struct prediction {
    double wall_s, low_s, high_s;
    double joules, low_j, high_j;
    char label[16];
    size_t records; /* 0: no sample; the other members mean nothing */
};

/* The parameters of a kind. NULL, a command, has none: all its ratios are 1. */
struct scale;
struct scale *scale_create(const struct kind *kind);
void scale_free(struct scale *s);

/* A finished stage. */
struct sample;

/* Reads stage, attempt, components, metrics, energy and wall_s of a record. */
struct sample *sample_create(const struct scale *scale, const struct record_view *record);
void sample_free(struct sample *s);
bool sample_is_used(const struct sample *s); /* a prediction has used it */
const char *sample_attempt(const struct sample *s);
bool sample_is_of(const struct sample *s, const char *stage); /* an instance of this stage */

enum { HISTORY_MOST = 64 };
struct history;

/* The scale must outlive the history. */
struct history *history_create(const struct scale *scale);
void history_free(struct history *h);

/* Adds a sample, which must be newer than the others. Beyond HISTORY_MOST the oldest is dropped. The caller keeps
   the sample and frees it. */
void history_add(struct history *h, struct sample *s);

/* The number of samples. */
size_t history_count(const struct history *h);

/* Predicts a stage by its name and its components; `components` NULL: by its name alone. */
struct prediction history_predict(struct history *h, const char *stage, const cJSON *components);

#endif
