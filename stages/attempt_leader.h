/* The leader of an attempt: its environment, its descriptors, its start. Private to the keeper. */
#ifndef RETORT_STAGES_ATTEMPT_LEADER_H
#define RETORT_STAGES_ATTEMPT_LEADER_H

#include <cJSON.h>
#include <stddef.h>
#include <sys/types.h>

#include "engine/base/error.h"

/* The environment of a stage, exactly: PATH, HOME, TMPDIR, LC_ALL, TZ and the thread limits, then `env`, then the variables of
   `pass_env` that the keeper has, then RETORT_*. NULL-terminated, each entry on the heap; freed with leader_strings_free. */
char **leader_environment(const cJSON *attempt);

/* The argv to execute: the attempt's own, or for a kind this program with "kind SPEC". */
char **leader_arguments(const cJSON *attempt);
void leader_strings_free(char **strings);

struct leader {
    char **argv;
    char **environment;
    const char *program;   /* what to execute; NULL: argv[0] */
    const char *path;      /* where an argv[0] without a slash is looked for */
    const char *directory; /* working directory */
    int stdout_fd, stderr_fd;
    int events_fd; /* -1: none; the leader sees it under the same number */
};

/* Starts it: own process group, killed when the keeper dies, nothing open but what `l` names. `*pid` is its id and its
   group's. An exec that fails is an error here: ERR_NOT_FOUND or ERR_IO with the program's name. */
int leader_start(pid_t *pid, const struct leader *l, struct error *err);

#endif
