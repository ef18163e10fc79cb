/* The code of the kinds: run_<id> for each row of stages/kinds/registry.h. */
#ifndef RETORT_STAGES_RUN_KIND_FUNCTIONS_H
#define RETORT_STAGES_RUN_KIND_FUNCTIONS_H

#include "stages/kinds/registry.h"
#include "stages/stage.h"

#define DECLARE_RUN(id) stage_run run_##id;
KINDS(DECLARE_RUN)
#undef DECLARE_RUN

#endif
