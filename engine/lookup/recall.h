/* Failures of earlier runs that selects with a quorum go on without. */
#ifndef RETORT_ENGINE_LOOKUP_RECALL_H
#define RETORT_ENGINE_LOOKUP_RECALL_H

#include "engine/plan/plan.h"
#include "store/store.h"

/* The failures that count: all that a quorum left out, those that a run does not repeat, or none. Commands that show
   what a run gave take all. */
enum recall { RECALL_LEFT_OUT, RECALL_REMEMBERED, RECALL_NONE };

/* Fails a KEYED instance that failed before and that nothing but selects with a quorum need; its reason says when and
   how. False: it has to run. */
bool recall_failure(struct plan *plan, struct store *store, enum recall which, struct instance *i);

/* States of the record that store_failure_id names. No run repeats a remembered failure; the next run tries a left out
   one again. */
extern const char recall_remembered[], recall_left_out[];

#endif
