/*
 * Starts keepers (`retort-stage attempt FILE`) on this machine, watches them, and reaps them.
 *
 *   executor_start --posix_spawn--> keeper; its events pipe and its pidfd are polled --exit--> on_exit
 *
 * All keepers hold the read end of one lifeline pipe, whose write end is this process alone: however it dies, they
 * notice and kill their stages. This process is a subreaper: should a keeper be killed, or give up, what it leaves is
 * found and killed here. Should all be killed at once, a guard (stages/guard.h) finds it.
 */
#ifndef RETORT_ENGINE_ATTEMPT_EXECUTOR_H
#define RETORT_ENGINE_ATTEMPT_EXECUTOR_H

#include <uv.h>

#include "engine/base/error.h"

/* Numbers of the descriptors that a keeper inherits; they stand in the attempt file. */
enum { EXECUTOR_EVENTS_FD = 3, EXECUTOR_LIFELINE_FD = 4 };

struct executor;
struct execution;

/* `program`: path of retort-stage; lives as long as the executor. `mark`: what the paths of this engine's attempts hold, and
   no other's. */
int executor_create(struct executor **out, uv_loop_t *loop, const char *program, const char *mark, struct error *err);

/* After every execution has ended and the loop has run its closing callbacks. NULL is fine. */
void executor_free(struct executor *e);

struct execution_observer {
    void *context;
    void (*events)(void *context, const char *bytes, size_t size);
    /* The keeper has died and can still be read below /proc; may be NULL, and may come again. */
    void (*ending)(void *context);
    /* The keeper is gone, and all it left; the execution is freed when this returns. `status`: as of waitpid. */
    void (*exit)(void *context, int status);
};

/* Starts a keeper for an attempt file; what the keeper itself has to say goes to `log`. `*out` is valid until `exit` is called. */
int executor_start(struct execution **out, struct executor *e, const char *attempt_file, const char *log,
                   const struct execution_observer *observer, struct error *err);

pid_t execution_keeper(const struct execution *x);
void execution_terminate(struct execution *x); /* the stage is asked to leave */
void execution_kill(struct execution *x);      /* the stage and all it started are killed */

#endif
