/*
 * How much more a stage computes than an earlier one of its kind, from what the kind says of its work and what the
 * records of earlier stages hold.
 *
 *   ratio = product of (parameter / earlier parameter)             those that the kind says the work is proportional to
 *         x product of (parameter / earlier parameter)^exponent    the others, as far as the metric of the work shows one
 *
 * An exponent comes from two records that differ in that parameter alone (and in proportional ones), those nearest to the
 * value asked for: exact for a power, local for everything else. A parameter that no two such records show is taken to
 * change nothing: so a seed does. Pure.
 */
#ifndef RETORT_ENGINE_ENERGY_WORK_H
#define RETORT_ENGINE_ENERGY_WORK_H

#include <cJSON.h>

#include "stages/kinds/kind.h"

struct work;

/* `kind` NULL, a command: all ratios are 1. */
struct work *work_create(const struct kind *kind);
void work_free(struct work *w);

/* Adds what an earlier stage was ("components") and showed ("metrics"). Returns its number, from 0. */
size_t work_add(struct work *w, const cJSON *components, const cJSON *metrics);

/* Asks for a stage by its components; of it, work_ratio tells how much more it computes than earlier one `number`. */
void work_ask(struct work *w, const cJSON *components);
double work_ratio(const struct work *w, size_t number);

#endif
