/* What a record of the store says of an instance's results. */
#ifndef RETORT_ENGINE_LOOKUP_KNOWN_H
#define RETORT_ENGINE_LOOKUP_KNOWN_H

#include "engine/plan/plan.h"
#include "store/store.h"

/* Looks an instance's key up and, when it is known, tells the plan (plan_finish). `platform` NULL: any. Stages with
   `cache: false` are never known. */
int known_lookup(bool *known, struct plan *plan, struct store *store, const char *platform, struct instance *i,
                 struct error *err);

/* Looks up what is known of a plan without running anything: finishes every known instance until nothing more can
   be. What is left KEYED would run. */
int known_lookup_plan(struct plan *plan, struct store *store, const char *platform, struct diagnostics *diagnostics,
                      struct error *err);

#endif
