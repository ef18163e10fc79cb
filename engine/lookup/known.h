/* Finds the results of instances in the records of the store. */
#ifndef RETORT_ENGINE_LOOKUP_KNOWN_H
#define RETORT_ENGINE_LOOKUP_KNOWN_H

#include "engine/lookup/drift.h"
#include "engine/lookup/recall.h"
#include "engine/plan/plan.h"
#include "store/store.h"

/* Looks an instance's key up. If it is known, tells the plan (plan_finish). `platform` NULL: any. `drift`
   (may be NULL) notes it. Stages with
   `cache: false` are never known. */
int known_lookup(bool *known, struct plan *plan, struct store *store, const char *platform, struct drift *drift,
                 struct instance *i, struct error *err);

/* Finishes every known instance of a plan, until no more can be, and fails those that `recall` tells; runs nothing. An
   instance that stays KEYED would run. */
int known_lookup_plan(struct plan *plan, struct store *store, const char *platform, struct drift *drift,
                      enum recall recall, struct diagnostics *diagnostics, struct error *err);

#endif
