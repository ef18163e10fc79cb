/*
 * The time and joules that earlier stages of one kind took, and those expected of another one. Pure.
 *
 * The prediction is the median of the five nearest samples, with their least and greatest as the spread. Each sample counts
 * as many times over as the new stage computes more:
 *
 *   ratio = product of (parameter / earlier parameter)             those that the kind says the work is proportional to
 *         x product of (parameter / earlier parameter)^exponent    the others, as far as the metric of the work shows one
 *
 * An exponent comes from two samples that differ in that parameter alone (and in proportional ones), those nearest to the
 * value asked for: exact for a power, local for everything else. A parameter that no two such samples show is taken to
 * change nothing: so a seed does.
 *
 * The distance is a sum over the components of the key. Two numbers, in words of a command too, are as far apart as the
 * logarithm of their ratio, at most one; other components that differ are one apart. Joules of different labels are never
 * mixed: those of the nearest sample's label count.
 */
#ifndef RETORT_ENGINE_ENERGY_HISTORY_H
#define RETORT_ENGINE_ENERGY_HISTORY_H

#include "stages/kinds/kind.h"
#include "store/record_format.h"

/* NaN and "" where no sample has joules. */
struct prediction {
    double wall_s, low_s, high_s;
    double joules, low_j, high_j;
    char label[16];
    size_t records; /* 0: there is no sample, and nothing else means anything */
};

/* The parameters of a kind; none for NULL, a command, so that all ratios are 1. */
struct scale;
struct scale *scale_create(const struct kind *kind);
void scale_free(struct scale *s);

/* A stage that finished. */
struct sample;

/* Reads stage, attempt, components, metrics, energy and wall_s of a record. */
struct sample *sample_create(const struct scale *scale, const struct record_view *record);
void sample_free(struct sample *s);
bool sample_is_used(const struct sample *s); /* a prediction stands on it */
const char *sample_attempt(const struct sample *s);
bool sample_is_of(const struct sample *s, const char *stage); /* an instance of this stage */

enum { HISTORY_MOST = 64 };
struct history;

/* The scale lives as long. */
struct history *history_create(const struct scale *scale);
void history_free(struct history *h);

/* Adds a sample, newer than those that are there; beyond HISTORY_MOST the oldest goes. The sample stays the caller's. */
void history_add(struct history *h, struct sample *s);

size_t history_count(const struct history *h);

/* Predicts a stage by its name and its components; `components` NULL: by its name alone. */
struct prediction history_predict(struct history *h, const char *stage, const cJSON *components);

#endif
