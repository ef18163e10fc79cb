/* Types that the files of the keeper share: one running attempt. */
#ifndef RETORT_STAGES_KEEPER_INTERNAL_H
#define RETORT_STAGES_KEEPER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/base/buffer.h"
#include "engine/meter/cgroup.h"
#include "engine/meter/meter.h"
#include "stages/keeper/init.h"
#include "stages/protocol/attempt.h"
#include "stages/protocol/isolate_view.h"

/* The attempt under way. */
struct kept_attempt {
    const struct attempt_request *request;
    int log_fds[2];      /* stdout, stderr */
    double log_bytes[2]; /* once it has ended */
    int lock_fd;         /* of the checkpoint; held until everything is dead */
    pid_t leader;        /* 0: not started, or reaped */
    int status;          /* as of wait4, once reaped */
    bool terminate, kill;
    bool sweeping; /* a process that dies now was left behind by the leader */
    size_t survivors;
    double started_s;              /* seconds since 1970 */
    uint64_t started_ns, ended_ns; /* of clock_working_ns */
    double stopped_s;
    char *error;              /* why it could not start */
    struct meter_usage usage; /* of the reaped */
    double user_s, system_s, read_bytes, written_bytes;
    struct meter_task *metered;
    struct memory_group *memory_group; /* NULL: the keeper watches the memory */
    struct attempt_memory memory;
};

struct keeper {
    int signal_fd, null_fd;
    int status_fd;              /* /proc/self/status; -1: there is none */
    struct buffer inbox;        /* bytes from the engine that are no whole frame yet */
    struct init_report *report; /* of the leader, where it is an init */
    bool engine_gone;
    bool stopped;   /* the engine stops the attempt */
    bool disturbed; /* it was stopped, or a process did not die: it takes no further attempt */
    struct isolation_views views;

    struct meter *meter; /* NULL: unavailable, `meter_error` says why */
    double meter_gpus;   /* that it was opened for */
    struct error meter_error;

    struct kept_attempt attempt;
};

/* ---- wait.c ---- */

/* Waits for a signal, a frame or the engine's death, at most `timeout_ms` (-1: for ever), and notes what came. */
void keeper_wait(struct keeper *k, int timeout_ms);

/* Waits for the next attempt. 0: `*request`, which the caller deletes; ERR_INTERRUPTED: there is none; ERR_CORRUPT. */
int keeper_next(struct keeper *k, cJSON **request, struct error *err);

/* Sends a signal to the leader's process group, and SIGCONT: a stopped process would not see it. */
void keeper_signal_leader(struct keeper *k, int number);

/* ---- memory.c ---- */

/* Makes the group that holds the memory of the attempt to its limit, where that can be. */
void keeper_begin_memory(struct keeper *k);

/* Whether keeper_check_memory has to be called while the stage runs. */
bool keeper_watches_memory(const struct keeper *k);

/* Compares the memory of the stage's processes with the limit, and notes that they have to be killed. Returns in how
   many milliseconds it wants to be called again. */
int keeper_check_memory(struct keeper *k);

/* Completes `k->attempt.memory`, once all processes are reaped. */
void keeper_end_memory(struct keeper *k);

/* ---- account.c ---- */

/* Opens the meter that the request needs and begins its task. */
void keeper_begin_meter(struct keeper *k);

/* The result of the attempt, which has ended. Closed by attempt_result_close. */
void keeper_describe(struct keeper *k, struct attempt_result *out);

/* The result as it would be now. */
void keeper_describe_so_far(struct keeper *k, struct attempt_result *out);

/* Writes the account as a record among the attempts: the engine's part of it and the result. Best effort: the attempt
   does not depend on it. */
void keeper_write_account(const struct keeper *k, const struct attempt_result *r, const char *state);

#endif
