/* The programs of ours that the executor starts: keepers and the guard. */
#ifndef RETORT_ENGINE_ATTEMPT_KEEPER_PROCESS_H
#define RETORT_ENGINE_ATTEMPT_KEEPER_PROCESS_H

#include <sys/types.h>

#include "engine/base/error.h"

/* A keeper, in a session of its own. `*control` is this side of its socket, `*events` the read end of its stages'
   events pipe; both are non-blocking. ERR_IO. */
int keeper_spawn(pid_t *pid, int *control, int *events, const char *program, const char *mark, struct error *err);

/* The guard, which reads `lifeline` until this process is dead. Its environment is empty: the guard of an engine that
   this one is a stage of does not take it for the stage's. ERR_IO. */
int guard_spawn(pid_t *pid, const char *program, int lifeline, const char *mark, struct error *err);

#endif
