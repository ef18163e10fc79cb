/* The energy of attempts as JSON: the rows of runs/<id>.json, and the sum over several attempts at one stage. */
#ifndef RETORT_ENGINE_ENERGY_ROWS_H
#define RETORT_ENGINE_ENERGY_ROWS_H

#include "engine/energy/ledger.h"

/* The row of an attempt with its `energy`. Failed and uncached attempts have rows too, and each joule is counted
   once. The caller deletes. */
cJSON *row_of_attempt(const struct instance *i, const struct attempt_end *end, const cJSON *energy);

/* Adds the rows "unresolved", "other" and "idle": the machine's joules that belong to no stage. */
void rows_add_parts(cJSON *rows, const cJSON *table);

/* Without a result of the keeper, reads its account of the attempt into `end`. A keeper killed before it wrote one
   leaves unavailable energy; an attempt that did not start has none. */
void row_read_account(struct attempt_end *end, struct store *store);

/* Adds "attempts" to the energy of an attempt that continued from a checkpoint. It holds the sums over all attempts
   at the checkpoint, of this run and earlier ones. The attempt's own figures do not change, because sums over runs
   add those. */
void row_add_earlier(cJSON *energy, struct store *store, const struct digest *key, const struct attempt_end *end);

#endif
