/* Processes that a keeper's death left to this process. */
#ifndef RETORT_ENGINE_ATTEMPT_ORPHANS_H
#define RETORT_ENGINE_ATTEMPT_ORPHANS_H

#include <stdbool.h>
#include <sys/types.h>

/* Kills and reaps every child of this process of which `is_ours` does not say so, and what these leave. */
void orphans_kill(bool (*is_ours)(const void *context, pid_t pid), const void *context);

#endif
