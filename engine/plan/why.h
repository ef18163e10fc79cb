/* Why a stage is known or must run: its key's components against those of an earlier record. Pure. */
#ifndef RETORT_ENGINE_PLAN_WHY_H
#define RETORT_ENGINE_PLAN_WHY_H

#include <cJSON.h>
#include <stddef.h>

#include "engine/base/buffer.h"

/* Of several earlier records' components the index of the nearest (fewest differing components; ties: the first). */
size_t why_nearest(const cJSON *components, const cJSON *const *earlier, size_t count);

/* A component that two keys do not share; NULL on the side that has none. */
struct why_change {
    const char *name;
    const cJSON *before, *after;
};

/* The components that differ, the most telling first; returns their number. The caller frees the array. */
size_t why_changes(struct why_change **out, const cJSON *components, const cJSON *earlier);

/* Appends one change, "with.alpha: 500000 -> 50000", inputs by name with short digests. */
void why_put_change(struct buffer *out, const struct why_change *change);

/* Appends one line for each component that differs; nothing when they are equal. */
void why_difference(struct buffer *out, const cJSON *components, const cJSON *earlier);

/* One short reason for `retort plan`: "with.alpha: 500000 -> 50000 (and 2 more)". */
void why_reason(struct buffer *out, const cJSON *components, const cJSON *earlier);

#endif
