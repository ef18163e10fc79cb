/*
 * Known results that came from another Python, or other packages, than their stages would get now. Their keys are the
 * same, because neither is part of a key without "pin". So a user is told, in one line for each such change.
 */
#ifndef RETORT_ENGINE_LOOKUP_DRIFT_H
#define RETORT_ENGINE_LOOKUP_DRIFT_H

#include "engine/lookup/interpreter.h"
#include "store/record_format.h"

struct drift;

struct drift *drift_create(struct facts *f);
void drift_free(struct drift *d); /* NULL is fine */

/* Notes a known instance; `python`: of its record (struct known_record). */
void drift_note(struct drift *d, const struct instance *i, const struct digest *python);

/* Calls `say` for each change, with the number of its stages. Reads one record for each. */
void drift_report(const struct drift *d, struct store *store, const char *platform,
                  void (*say)(void *context, const char *line), void *context);

/* Appends what differs, "torch 2.1 -> 2.2, numpy 1.26 -> none and 3 more". */
void drift_difference(struct buffer *out, const struct record_python *recorded, const struct interpreter *now);

#endif
