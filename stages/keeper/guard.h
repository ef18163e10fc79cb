/*
 * The guard ends the processes that an engine and its keepers leave when all are killed at once. killall does that, and
 * the kernel when memory ends. It also ends stopped keepers. There is one an engine, under a name of its own, in a
 * session of its own.
 *
 *   engine --posix_spawn, "stage-guard"--> guard: waits for the end of the lifeline and gives the keepers time to do
 *          --lifeline pipe-------------->  their work; then kills every process whose RETORT_SPEC holds the engine's
 *                                          mark, and at last the keepers whose RETORT_KEEPER does
 *
 * An engine that ends in order ends its guard before. A process that emptied its own environment is not found.
 */
#ifndef RETORT_STAGES_KEEPER_GUARD_H
#define RETORT_STAGES_KEEPER_GUARD_H

#include "engine/base/error.h"

/* `mark`: a text that the paths of this engine's attempts, and of no other's, hold. Returns when the engine is dead and
   nothing of it is left. */
int guard_run(int lifeline_fd, const char *mark, struct error *err);

#endif
