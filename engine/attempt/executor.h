/*
 * Runs attempts on this machine. A keeper (stages/keeper/keeper.h) runs one attempt after another. Attempts that run at
 * the same time have a keeper each.
 *
 *   executor_submit --frame--> keeper --frame--> observer.ended
 *          |                    ^  its events pipe and its socket are polled
 *          +-- no idle keeper --+  posix_spawn
 *
 * Everything is asynchronous, and submitting and cancelling take many at once. The keepers' sockets are this process's
 * alone: however it dies, they notice and kill their stages. This process is a subreaper: it finds and kills the
 * processes of a keeper that was killed or gave up. A guard (stages/keeper/guard.h) finds them when all are killed at
 * once.
 */
#ifndef RETORT_ENGINE_ATTEMPT_EXECUTOR_H
#define RETORT_ENGINE_ATTEMPT_EXECUTOR_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

#include "engine/base/error.h"
#include "stages/protocol/attempt.h"

struct executor;
struct execution; /* one attempt that a keeper has */

/* `keeper`: path of retort-keeper; copied. `mark`: a text that the paths of this engine's attempts hold, and no
   other's; copied. */
int executor_open(struct executor **out, uv_loop_t *loop, const char *keeper, const char *mark, struct error *err);

/* Ends idle keepers; after every execution has ended. The loop has to run once more before executor_free. */
void executor_close(struct executor *e);
void executor_free(struct executor *e); /* NULL is fine */

/* Called on the loop's thread. After `ended` or `refused` the execution is gone. */
struct execution_observer {
    void *context;
    /* A keeper is chosen. It has not received the request yet. */
    void (*started)(void *context, pid_t keeper);
    void (*events)(void *context, const char *bytes, size_t size);
    /* All processes of the attempt are gone; its keeper can still be read below /proc. May be NULL. */
    void (*ending)(void *context);
    /* `result` NULL: the keeper died, and `status` is as of waitpid. Else the observer closes it. */
    void (*ended)(void *context, struct attempt_result *result, int status);
    /* No keeper could be started. */
    void (*refused)(void *context, const struct error *err);
};

struct execution_request {
    struct attempt_request attempt;
    struct execution_observer observer;
};

/* Gives each to a keeper. `out[i]` is NULL where it was refused; both lists hold `count`. */
void executor_submit(struct executor *e, struct execution *out[], const struct execution_request requests[],
                     size_t count);

enum cancel { CANCEL_TERMINATE, CANCEL_KILL };
/* TERMINATE asks the stages to leave; KILL kills them and all that they started. */
void executor_cancel(struct executor *e, struct execution *const executions[], size_t count, enum cancel how);

/* Stops all stages and their time limits, or lets them go on. */
void executor_stop(struct executor *e, bool stop);

/* Kills keepers that did not kill their stage in time after CANCEL_KILL: they may have been stopped. Returns the time
   (on the clock of clock_awake_ns, in ms) at which it has to be called again; UINT64_MAX: never. */
uint64_t executor_poll(struct executor *e);

#endif
