/*
 * The action record: what a stage computed, from which inputs, where, and at what cost. RECORD.md lists every member
 * with its type and unit; only record_format.c knows their names.
 *
 * Reading never fails: a missing member is "", NaN or NULL. Texts and trees belong to the record.
 */
#ifndef RETORT_STORE_RECORD_FORMAT_H
#define RETORT_STORE_RECORD_FORMAT_H

#include <cJSON.h>

#include "store/store.h"

/* A file of a git commit. */
struct record_source {
    const char *url, *commit, *path;
};
struct record_source record_source_read(const cJSON *origin); /* NULL: all "" */

struct record_view {
    const char *key;      /* 64 hex digits */
    const char *stage;    /* "scratch[size=7,seed=1]" */
    const char *kind;     /* "deeprx/train@1"; "cmd": a command */
    const char *run;      /* id of the run that made it */
    const char *attempt;  /* id of the attempt that made it */
    const char *state;    /* of an attempt's own record: how it ended; "": it is an action record */
    const char *reason;   /* of an attempt's own record: why it failed; "": it does not say */
    const char *end;      /* when it ended, as RECORD.md writes times; "": unknown */
    const char *diff;     /* digest in hex of the patch from the commit to the files; "": they were clean */
    const char *platform; /* code path, BLAS and libc that computed it */
    double wall_s, user_s, system_s, max_rss_bytes;
    double memory_limit_bytes, memory_peak_bytes; /* of all processes of the stage together; NaN: none */
    const char *memory_guard;                     /* "cgroup", "watched"; "": no memory is declared */
    const cJSON *components;                      /* of the key, by name */
    const cJSON *outs;                            /* by name: record_out_read */
    const cJSON *absent;                          /* an array of names of outs that were not written; NULL: none */
    const cJSON *metrics;                         /* numbers by name */
    const cJSON *energy;                          /* energy_view_read (engine/meter) */
    const cJSON *programs;                        /* an array: record_program_read */
    const cJSON *gpus;                            /* an array of texts; NULL: it held none */
    struct record_source source;                  /* of a stage of another team's commit; "": it is the project's own */
    const cJSON *python;                          /* record_python_read; NULL: it ran on none that is known */
};
/* A view of the record, valid as long as its tree. */
struct record_view record_read(const cJSON *record);

/* Reads the key. False: it is no digest. */
bool record_key(struct digest *out, const cJSON *record);

/* The files below logs/ in which the output of a running attempt grows. NULL: the record does not say. */
void record_set_growing(cJSON *record, const char *stdout_log, const char *stderr_log);
const char *record_growing(const cJSON *record, int stream); /* 0: stdout, 1: stderr */

/* One member of "outs": digest, size, and whether it is a directory or executable. ERR_INVALID when it is no out. */
int record_out_read(struct object *out, const cJSON *item, struct error *err);

/* The path of the file of the project that an input held, by its digest in hex; NULL: the input held no such file. */
const char *record_input_path(const cJSON *record, const char *input, const char *sha256);

/* A program that ran: its name, its path and its digest in hex (NULL: not known). */
struct record_program {
    const char *name, *path, *sha256;
};
struct record_program record_program_read(const cJSON *item);

/* The Python that a command ran on. */
struct record_python {
    const char *prefix, *version, *sha256; /* sha256: of program, version and packages */
    const cJSON *packages;                 /* version by name */
    const cJSON *uncovered;                /* an array of paths that modules are imported from, and no key covers */
};
struct record_python record_python_read(const cJSON *python);

/* The sources and the machine that a record was made with; "": unknown. */
struct record_origin {
    const char *commit, *diff_sha256; /* of the git repository; "": none, or no change since the commit */
    const char *hostname, *cpu;
    const char *engine; /* version */
};
struct record_origin record_origin_read(const cJSON *record);

/* How the attempt ran that gave the result. */
struct record_attempt {
    const char *start, *end; /* as RECORD.md writes times; "": unknown */
    const cJSON *argv;       /* an array of texts; NULL: unknown */
    const cJSON *inputs;     /* arrays by name: record_file_read */
    const char *logs[2];     /* files below logs/ of stdout and stderr; NULL: none */
};
struct record_attempt record_attempt_read(const cJSON *record);

/* A file that an input held. */
struct record_file {
    const char *name, *path, *sha256; /* path: of a file of the project; NULL: an out of a stage */
    double size;
};
struct record_file record_file_read(const cJSON *item);

/* ---- writing; the caller deletes what is made, and trees that are handed over become the record's ---- */

/* The members that are known before the attempt runs. */
struct record_head {
    const struct digest *key;
    const char *stage, *kind, *pipeline, *attempt, *platform;
    const char *run; /* NULL: of verify, which is no run */
};
cJSON *record_create(const struct record_head *head);

/* The parts of the key, and what the stage gave. `absent`: names of optional outs that it did not write. */
void record_add_result(cJSON *record, cJSON *components, cJSON *outs, cJSON *absent, cJSON *metrics);

/* How an attempt ended that made no action record; `reason` NULL: it does not say. */
void record_set_end(cJSON *record, const char *state, const char *reason);

/* {"sha256", "size", "mode", "type"}. `type`: "file", "directory", "metrics" or "series"; NULL: an input has none. */
cJSON *record_out_json(const struct object *o, const char *type);

/* `path` and `content` may be NULL: not known. */
cJSON *record_program_json(const char *name, const char *path, const struct digest *content);
cJSON *record_python_json(const struct record_python *python);

#endif
