/* The targets of `run --retry-failed`. */
#ifndef RETORT_ENGINE_COMMAND_RETRY_H
#define RETORT_ENGINE_COMMAND_RETRY_H

#include "engine/base/texts.h"
#include "engine/command/project.h"

/* Lists the instances that failed, and all that depends on them. An instance failed if a quorum left its key out, or if
   its key failed in the pipeline's last run that ended. Without a key its name decides. ERR_IO, or as plan_create. */
int retry_targets(struct texts *out, const struct project *p, struct error *err);

#endif
