/*
 * The first process of a sandbox with namespaces. It gives itself the sandbox's root, starts the leader, and then does
 * what the keeper does elsewhere, since it alone sees the leader end:
 *
 *   SIGTERM            is passed on to the leader's process group
 *   the leader's end   what it left has a short time, and is killed
 *
 * When it dies, however that is, the kernel kills every process of the sandbox.
 */
#ifndef RETORT_STAGES_KEEPER_INIT_H
#define RETORT_STAGES_KEEPER_INIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/base/error.h"
#include "stages/protocol/sandbox.h"

enum { INIT_LINGER_MS = 900 };

/* Its answer to the keeper, in memory that both share. */
struct init_report {
    int failure;       /* an errno: the sandbox or the leader could not be made */
    char what[256];    /* and what failed */
    bool ended;        /* the leader has, and the rest is valid: */
    int status;        /* of it, as of waitpid */
    uint64_t after_ns; /* that have passed since then */
    size_t survivors;  /* processes that were killed */
};

/* Memory for the reports of one keeper, for its whole life. NULL: there is none. */
struct init_report *init_report_create(void);

struct init_options {
    const struct sandbox *sandbox;
    const char *directory; /* of the leader */
    struct init_report *report;
    /* Starts the leader; only system calls. Returns it, or -1 with what failed in `what` and errno. */
    pid_t (*start)(void *context, const char **what);
    void *context;
};

/* Returns when the leader runs, or `report` says what failed. `*pid` is a child of the caller, and the leader of its own
   process group. ERR_IO. */
int init_start(pid_t *pid, const struct init_options *options, struct error *err);

#endif
