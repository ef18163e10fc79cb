/* Finds stages that need more than this machine has, before anything runs. */
#ifndef RETORT_ENGINE_RUN_NEEDS_H
#define RETORT_ENGINE_RUN_NEEDS_H

#include "engine/plan/plan.h"
#include "engine/run/scheduler.h"

/* Adds a diagnostic for each stage of the plan that is not done and needs more than the limits. */
void needs_report(struct diagnostics *diagnostics, enum severity severity, const struct plan *plan,
                  const struct scheduler_limits *limits);

#endif
