/* Starts the first process of a stage. */
#ifndef RETORT_STAGES_KEEPER_LEADER_H
#define RETORT_STAGES_KEEPER_LEADER_H

#include <sys/types.h>

#include "engine/base/error.h"
#include "stages/keeper/init.h"
#include "stages/protocol/attempt.h"
#include "stages/protocol/isolate_view.h"

/* Notes the signals that this process inherited as ignored; a leader resets them. Call once, before leader_start. */
void leader_note_signals(void);

struct leader_options {
    int null_fd;                   /* stdin */
    const int *log_fds;            /* stdout, stderr */
    int group_fd;                  /* of the control group that it enters first; -1: none */
    struct isolation_views *views; /* that earlier ones had; the new one is added */
    struct init_report *report;    /* filled where the process is an init; NULL: no sandbox can be made */
};

/* Executes the request's program in its directory, in a process group of its own, with exactly its environment.
   In a sandbox with namespaces the process is its init (init.h). Events go to ATTEMPT_EVENTS_FD; nothing else is inherited. It dies with the calling process. ERR_NOT_FOUND: no such
   program; ERR_IO: it cannot be executed. */
int leader_start(pid_t *pid, const struct attempt_request *r, const struct leader_options *options, struct error *err);

#endif
