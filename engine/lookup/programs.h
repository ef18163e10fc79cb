/* Looks at the programs and environments of a plan's stages, before any of them runs. */
#ifndef RETORT_ENGINE_LOOKUP_PROGRAMS_H
#define RETORT_ENGINE_LOOKUP_PROGRAMS_H

#include "engine/plan/plan.h"

/* Whether toolchain and program of every stage that may still run are there. ERR_NOT_FOUND names the first stage
   without. */
int programs_require(const struct plan *plan, struct error *err);

/* Warns of toolchains that are not there and of programs as programs_compare, each at its first stage. */
void programs_warn(const struct pipeline *p, struct diagnostics *diagnostics);

/* Calls `say` once for each program whose stages say no toolchain, and that the caller's PATH finds elsewhere than
   theirs. Only stages with open instances count. */
void programs_compare(const struct plan *plan, void (*say)(void *context, const char *line), void *context);

#endif
