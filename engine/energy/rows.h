/* The energy of attempts as JSON: the rows of runs/<id>.json, and what several attempts at one stage took together. */
#ifndef RETORT_ENGINE_ENERGY_ROWS_H
#define RETORT_ENGINE_ENERGY_ROWS_H

#include "engine/energy/ledger.h"

/* The row of an attempt that took `energy`: no joule of a failed or uncached attempt is forgotten, and none is counted
   twice. The caller deletes. */
cJSON *row_of_attempt(const struct instance *i, const struct attempt_end *end, const cJSON *energy);

/* Adds the rows "unresolved", "other" and "idle": the parts of the machine's joules that are no stage's. */
void rows_add_parts(cJSON *rows, const cJSON *table);

/* The keeper wrote no result: reads its account of the attempt into `end`. Where it was killed before it wrote one, the
   energy is unavailable; an attempt that did not start has none. */
void row_read_account(struct attempt_end *end, struct store *store);

/* Adds "attempts" to the energy of an attempt that went on from a checkpoint: the sum of all attempts at it, in this run and
   in earlier ones. The attempt's own figures stay as they are, because sums over runs add those. */
void row_add_earlier(cJSON *energy, struct store *store, const struct digest *key, const struct attempt_end *end);

#endif
