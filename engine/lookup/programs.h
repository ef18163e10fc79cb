/* Checks the programs and environments of a plan's stages, before any of them runs. */
#ifndef RETORT_ENGINE_LOOKUP_PROGRAMS_H
#define RETORT_ENGINE_LOOKUP_PROGRAMS_H

#include "engine/plan/plan.h"

/* Whether toolchain and program of every stage that may still run are there. ERR_NOT_FOUND names the first stage
   without. */
int programs_require(const struct plan *plan, struct error *err);

/* Warns of toolchains that are not there, and of the programs of programs_compare, each at its first stage. */
void programs_warn(const struct pipeline *p, struct diagnostics *diagnostics);

/* Calls `say` once for each program that the caller's PATH and the stages' PATH find at different places. Only stages
   with open instances and without a "toolchain" count. */
void programs_compare(const struct plan *plan, void (*say)(void *context, const char *line), void *context);

#endif
