/*
 * The attempt protocol: what an engine asks of a keeper (stages/keeper) and what the keeper answers. Both sides use the
 * structs and the functions of this header; no other file spells the names of the members.
 *
 * Engine and keeper share one stream socket. A frame is a head and a body:
 *
 *   engine -> keeper   FRAME_ATTEMPT    a request, as JSON
 *                      FRAME_TERMINATE  empty: ask the stage to leave (SIGTERM)
 *                      FRAME_KILL       empty: kill the stage and all that it started
 *                      FRAME_STOP       empty: stop them, and all time limits, until FRAME_GO or one of the two above
 *                      FRAME_GO         empty
 *   keeper -> engine   FRAME_RESULT     a result, as JSON
 *
 * End of file on the socket means that the other side is dead.
 */
#ifndef RETORT_STAGES_PROTOCOL_ATTEMPT_H
#define RETORT_STAGES_PROTOCOL_ATTEMPT_H

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "stages/protocol/isolate.h"
#include "stages/protocol/sandbox.h"

/* Descriptors that a keeper inherits; a stage inherits the events alone. */
enum { ATTEMPT_EVENTS_FD = 3, ATTEMPT_CONTROL_FD = 4 };

/* A stage that was asked to leave and can be resumed exits with this status. */
enum { ATTEMPT_LEFT_STATUS = 75 };

enum frame_type { FRAME_ATTEMPT = 1, FRAME_TERMINATE, FRAME_KILL, FRAME_STOP, FRAME_GO, FRAME_RESULT };
enum { FRAME_MAX_BYTES = 64 << 20 };

/* In the byte order of the machine: both ends are on it. */
struct frame_head {
    uint32_t type, size;
};

/* Appends a frame; `body` NULL: none. */
void frame_write(struct buffer *out, enum frame_type type, const cJSON *body);

/* Takes the first whole frame out of `in`. 1: `*type`, and `*body` (NULL: none), which the caller deletes; 0: more
   bytes are needed; ERR_CORRUPT. */
int frame_read(struct buffer *in, enum frame_type *type, cJSON **body, struct error *err);

/* An account: what the keeper writes about an attempt whose engine may not live to hear the result. */
struct attempt_account {
    const char *path; /* the file; NULL: no account is kept */
    int first_ms;     /* when it is written first; 0: after `every_ms` */
    int every_ms;     /* how often it is written while the stage runs; 0: only at the end */
    cJSON *record;    /* its members that are known beforehand */
};

/* The keeper renames a log that is not empty from `path` to `kept` when the attempt has ended. */
struct attempt_log {
    const char *path, *kept; /* absolute */
};

/* Writes the line that stands in a log for `left_out` bytes of its middle. Returns its length. */
enum { ATTEMPT_LOG_GAP_SIZE = 128 };
size_t attempt_log_gap(char out[ATTEMPT_LOG_GAP_SIZE], uintmax_t left_out);

/* Texts are borrowed: from the caller when it is written, from the JSON tree when it was read. */
struct attempt_request {
    const char *program;        /* the file to execute; NULL: argv[0] is looked up on the PATH of `environment` */
    char **argv;                /* NULL-terminated */
    char **environment;         /* NULL-terminated, all of it, "NAME=value" */
    const char *directory;      /* absolute: where the stage works */
    const char *checkpoint;     /* absolute; NULL: the stage has none */
    struct isolation isolation; /* its view of the file system */
    struct sandbox sandbox;     /* instead of that */
    struct attempt_log logs[2]; /* stdout, stderr */
    double log_limit_bytes;     /* of each: its middle is left out beyond; 0: no limit */
    double gpus;                /* that it holds, for the meter */
    double memory_bytes;        /* that all its processes together may hold; 0: no limit */
    struct attempt_account account;
};

cJSON *attempt_request_json(const struct attempt_request *r); /* the caller deletes */

/* `json` must live as long as `out`. ERR_INVALID. Closed by attempt_request_close, which frees the lists. */
int attempt_request_read(struct attempt_request *out, const cJSON *json, struct error *err);
void attempt_request_close(struct attempt_request *r);

/* A limit of memory, and how it held. */
struct attempt_memory {
    double limit_bytes; /* 0: there was none */
    bool in_cgroup;     /* the kernel held it; else the keeper watched the processes */
    double peak_bytes;  /* the most that all processes held at a time, as far as the guard saw it */
    bool exceeded;      /* the stage was killed for it */
};

/* Numbers are NaN, and texts empty, where they are not known. */
struct attempt_result {
    int exit;         /* -1: it did not exit */
    int signal;       /* 0: it did not die of one */
    char *error;      /* why it could not start; NULL: it started */
    double survivors; /* processes that the leader left behind and the keeper killed */
    char start[CLOCK_TEXT_SIZE], end[CLOCK_TEXT_SIZE];
    double wall_s, user_s, system_s; /* CPU time of all processes of the stage */
    double max_rss_bytes;            /* of the largest of them */
    struct attempt_memory memory;
    double read_bytes, written_bytes;
    double stdout_bytes, stderr_bytes; /* of the logs */
    cJSON *energy;                     /* the record of engine/meter/meter.h; NULL: none */
    bool last;                         /* the keeper takes no further attempt */
};

/* Nothing is known. */
void attempt_result_init(struct attempt_result *out);

cJSON *attempt_result_json(const struct attempt_result *r); /* the caller deletes */

/* Takes the energy out of `json`. ERR_INVALID. Closed by attempt_result_close. */
int attempt_result_read(struct attempt_result *out, cJSON *json, struct error *err);
void attempt_result_close(struct attempt_result *r);

/* Adds a result to an action record (store/RECORD.md): "wall_s", "energy", and the keeper's members of "resources" and
   "provenance", which are made where they are missing. Unknown values are null. */
void attempt_result_record(cJSON *record, const struct attempt_result *r);

#endif
