/*
 * The keeper: runs attempts, one after another, and leaves nothing of any of them behind.
 *
 *   engine --posix_spawn, own session--> keeper --clone, own process group--> leader --> whatever it starts
 *          --socket: attempt, terminate, kill-->   |  subreaper: what the leader orphans becomes the keeper's child
 *          <--socket: result--------------------   v
 *
 * - The leader's exit ends the attempt: what is left of it may leave by itself within a second, then it is killed.
 * - "Terminate" is passed on to the leader's process group as SIGTERM; "kill" kills the whole attempt. The engine
 *   decides when to send them.
 * - End of file on the socket means that the engine is dead, however it died: everything is killed at once.
 * - The keeper's own death kills the leader (parent-death signal); what the leader orphaned falls to the engine.
 * - The keeper takes the next attempt only after it has reaped every child. It leaves after an attempt during which it
 *   was stopped or traced, or which left a process that does not die.
 */
#ifndef RETORT_STAGES_KEEPER_KEEPER_H
#define RETORT_STAGES_KEEPER_KEEPER_H

#include "engine/base/error.h"

/* Serves the descriptors of stages/protocol/attempt.h until the engine closes the socket or this keeper must not be
   used again. ERR_IO, ERR_INVALID or ERR_NOT_FOUND: an attempt, a log or the socket could not be used. ERR_INTERRUPTED:
   the engine is gone, or a signal asked an idle keeper to leave. */
int keeper_serve(struct error *err);

#endif
