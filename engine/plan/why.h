/* Why a stage is known or must run: its key's components against those of an earlier record. Pure. */
#ifndef RETORT_ENGINE_PLAN_WHY_H
#define RETORT_ENGINE_PLAN_WHY_H

#include <cJSON.h>
#include <stddef.h>

#include "engine/base/buffer.h"

/* Of several earlier records' components the index of the nearest (fewest differing components; ties: the first). */
size_t why_nearest(const cJSON *components, const cJSON *const *earlier, size_t count);

/* Appends one line for each component that differs, "with.alpha: 500000 -> 50000", inputs by name with short
   digests; nothing when they are equal. */
void why_difference(struct buffer *out, const cJSON *components, const cJSON *earlier);

/* One short reason for `retort plan`: "with.alpha: 500000 -> 50000 (and 2 more)". */
void why_reason(struct buffer *out, const cJSON *components, const cJSON *earlier);

#endif
