/*
 * The store: `.retort/`, what is known. store/README.md has the formats byte for byte.
 *
 *   objects/ab/cdef...     content by SHA-256, read-only; a directory is the object of its sorted listing
 *   actions/<run>.jsonl    segments of action records, append-only, a checksummed line a record: the truth
 *   runs/<id>.json, pins/, attempts/
 *   claims/<key>           who works on a key now
 *   state.db               SQLite index of the above, digests of the project's files; rebuilt when it is damaged
 *   work/, checkpoints/, logs/
 *
 * Its life in a run:
 *
 *   store_open, store_hold            once; store_run_begin opens a segment for the run's records
 *   store_known_find                  for each key: its outs and metrics, or ERR_NOT_FOUND
 *   store_claim                       for a key that is not known: no other engine works on it now
 *     store_object_check,             each input that is an object is found whole, and put into the
 *     store_materialise               directory of the attempt
 *     store_object_put                each out of the attempt becomes an object
 *     store_record_add                the record waits for its group
 *   store_commit                      the group is durable, its keys are known
 *   store_release                     for each key of the group
 *   store_run_write, store_close      once
 *
 * Commit: objects written and synced -> directories synced -> records appended and synced -> one SQLite transaction.
 * A record never exists without its outs; what was reported finished survives a kill; of records of one key the
 * earliest valid one counts. Several engines may use one store at once: correctness comes from the first record
 * winning; claims only save work.
 *
 * Threads: store_object_put, _copy, _path, _check, _verify and store_materialise may run on worker threads, also at
 * the same time; all else on one thread. A process that forks opens a store of its own in the child.
 */
#ifndef RETORT_STORE_STORE_H
#define RETORT_STORE_STORE_H

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/sha256.h"

struct store;

/* Opens, and creates when `create`. Newer engines open older stores; a newer store than this engine knows is refused
   with ERR_INVALID, and so is a directory that holds other things. ERR_NOT_FOUND. ERR_IO names the path. Writes nothing
   when the index is up to date. */
int store_open(struct store **out, const char *directory, bool create, struct error *err);
void store_close(struct store *s);
const char *store_directory(const struct store *s); /* absolute */

/* Says, and forgets, what the store noticed since the last call: an index rebuilt, an object set aside, a record line
   that is damaged. Lines for people, without a newline. */
void store_notices(struct store *s, void (*say)(void *context, const char *line), void *context);

/* From here on gc leaves alone what this store finds (store_record_find), until it is closed; what it puts is left alone
   in any case. For whoever goes on to use what it found. */
void store_hold(struct store *s);

/* ---- objects ---- */

struct object {
    struct digest digest;
    uint64_t size; /* of a directory: the sum of its files */
    bool directory;
    bool executable;
};

/* Takes a file or directory below work/, a path from the open folder `at`, into the store: hashes, syncs, makes it read-only, renames into place (the
   path is gone afterwards, save what belongs to another user, which is copied; a directory's files one by one, then its
   listing). Links, devices and sockets are refused. Its directories are synced by the next store_commit. */
int store_object_put(struct store *s, int at, const char *path, struct object *out, struct error *err);

/* The same for a file of the user's own: copied (reflink where the file system can), never moved. */
int store_object_copy(struct store *s, const char *path, struct object *out, struct error *err);

/* What store_object_put would make of a file or directory, which stays as it is; on any thread. */
int store_object_look(int at, const char *path, struct object *out, struct error *err);

/* The path of a plain object; the caller frees. */
char *store_object_path(const struct store *s, const struct digest *d);

/* The object, and all files of a directory object, are there with the right size. Hashes only what was written to since
   it was stored (through a hard link that a command was given, say), and sets it aside when it is damaged. ERR_NOT_FOUND
   or ERR_CORRUPT: it does not count; ERR_IO: it cannot be told. */
int store_object_require(struct store *s, const struct object *o, struct error *err);

/* Before it is given out: hashes it, unless this process has hashed or stored it before and nobody wrote to it since.
   ERR_NOT_FOUND; ERR_CORRUPT after setting a damaged object aside (objects/damaged/). */
int store_object_check(struct store *s, const struct object *o, struct error *err);

/* Hashes it again; ERR_CORRUPT after setting a damaged object aside (objects/damaged/). */
int store_object_verify(struct store *s, const struct object *o, struct error *err);

enum materialise { MATERIALISE_LINK, MATERIALISE_COPY };
/* Puts an object at `path`, where nothing may be yet (parents are made): reflink, else read-only hard link (LINK), else
   a copy. COPY gives the caller a file of its own, synced. The executable bit is as recorded. Each object is checked as by
   store_object_check: ERR_CORRUPT when it is damaged (it is set aside: its record is not found any more), ERR_NOT_FOUND
   when it is missing; what was made of a directory by then stays. */
int store_materialise(struct store *s, const struct object *o, const char *path, enum materialise how,
                      struct error *err);

/* ---- digests of the project's files, remembered by path, inode, size, mtime, ctime ---- */

/* Digest of a file or directory outside the store, from memory when it has not changed since (files changed within
   the clock's granularity of being hashed are hashed again). Symbolic links are followed for the top path; inside a
   directory they are refused. ERR_FAILED for a file that is being written to; ERR_INVALID for one that may not be read,
   and for a directory that holds this store. */
int store_file_content(struct store *s, const char *path, struct object *out, struct error *err);

/* ---- action records ---- */

/* The record of a key (earliest valid one whose objects are there), as the tree that was appended. `platform` NULL:
   any. Valid is what is valid now: a record whose objects come back counts again. ERR_NOT_FOUND when there is none. The
   caller deletes it. */
int store_record_find(struct store *s, const struct digest *key, const char *platform, cJSON **out, struct error *err);

/* What is needed to go on with a key that is known, as far as one row of the index tells it: for looking up thousands. */
struct known_out {
    const char *name;
    struct object object;
};
struct known_record {
    const struct known_out *outs;
    size_t out_count;
    const char *metrics; /* an object as canonical JSON; "{}": none */
};

/* The same record as store_record_find gives, without reading it. Outs and metrics stay the store's, until the next look-up.
   A row that is damaged is not believed: the record is read, and the row written anew. */
int store_known_find(struct store *s, const struct digest *key, const char *platform, struct known_record *out,
                     struct error *err);

/* Around many look-ups in a row (finds, contents of files): the index and gc's lock are taken once for hundreds
   of them, at most for some 20 ms, and each object is looked at once. Other engines commit in between. Who does much else
   meanwhile calls store_read_tick often: it is cheap, and gives the locks back in time. ERR_IO: what was found may not be
   held from gc. */
void store_read_begin(struct store *s);
void store_read_tick(struct store *s);
int store_read_end(struct store *s, struct error *err);

/* The newest records of an instance ("scratch[size=7]"), of all instances of a stage ("scratch"), or of a built-in kind
   ("deeprx/train@1"), newest first; at most `limit`. The caller deletes each and frees the array. */
enum record_group { RECORDS_OF_INSTANCE, RECORDS_OF_STAGE, RECORDS_OF_KIND };
int store_record_newest(struct store *s, enum record_group group, const char *name, size_t limit, cJSON ***out,
                        size_t *count, struct error *err);

/* Queues a record (its objects were put before). A record is an object with at least "key", "stage", "kind",
   "outs" {name: {sha256, size, mode, type}}, "wall_s", "platform" ("kind" null for a command; type "directory" is a
   directory object, every other a file). ERR_INVALID, also for more than JSON_MAX_BYTES of canonical text; ERR_NOT_FOUND
   for an out that is not in the store. Not yet durable, nor found. */
int store_record_add(struct store *s, const cJSON *record, struct error *err);

/* Makes all queued records durable, in the order above. After it returns 0 they may be reported. After an error those
   still queued (store_queued) are not; when none is queued any more, all are on disk and only the index was not
   written, which the next opening makes up for. With nothing queued it costs nothing, and shows engines on other hosts
   that this one lives: to be called at least every ten seconds while claims are held. */
int store_commit(struct store *s, struct error *err);
size_t store_queued(const struct store *s);

/* Records of failed, uncached and verify attempts: attempts/<id>.json. */
int store_attempt_write(struct store *s, const char *attempt, const cJSON *record, struct error *err);

/* ---- claims: who is working on a key ---- */

/* 0: ours, now or already. ERR_BUSY: a living owner has it (the message says who). Claims of the dead (pid, start time,
   boot id) are taken over; an owner on another host counts as alive until it has not shown for 60 s while this store looked. Who got a claim
   looks for the record again before it works: the last owner may have finished. store_close releases what is held. */
int store_claim(struct store *s, const struct digest *key, struct error *err);
int store_release(struct store *s, const struct digest *key, struct error *err);

/* ---- runs ---- */

/* Begins a run: its id (a UTC time and a random tail: sorts after those of all runs before) names the record segment. Writes runs/<id>.json as
   far as it is known, so that a run that is killed is listed too. */
int store_run_begin(struct store *s, const char *pipeline, const cJSON *overrides, struct error *err);
const char *store_run_id(const struct store *s);
double store_run_began_s(const struct store *s); /* seconds since 1970, as the clock stood then */

/* Writes runs/<id>.json: the members of store_run_begin, and those of `run` (run_file.h) over them. `run` is not changed.
   May be called again. */
int store_run_write(struct store *s, cJSON *run, struct error *err);
/* "" or "latest": the newest. ERR_NOT_FOUND; ERR_CORRUPT. The caller deletes. */
int store_run_read(struct store *s, const char *id, cJSON **out, struct error *err);
int store_run_list(struct store *s, char ***ids, size_t *count, struct error *err); /* newest first */

/* ---- places ---- the caller frees each path */

char *store_work_path(const struct store *s, const char *attempt); /* made by the caller, removed when done */
char *store_log_path(const struct store *s, const char *attempt, const char *stream); /* logs/<attempt>.<stream> */
char *store_checkpoint_path(const struct store *s, const struct digest *key, const char *platform);
int store_checkpoint_remove(struct store *s, const struct digest *key, const char *platform, struct error *err);

/* Removes work directories and temporary files of dead engines. */
int store_sweep(struct store *s, struct error *err);

/* ---- garbage ---- */

struct gc_options {
    double grace_s; /* what is younger stays: runs, records, objects, attempts, logs, checkpoints */
    long keep_runs; /* of each pipeline this many runs that ended well, and all that are newer; 0: every run */
    bool dry_run;   /* says what would go; nothing is changed */
    void (*progress)(void *context, const char *what, uint64_t done); /* may be NULL; called often */
    void *context;
};

struct gc_report {
    uint64_t runs, records, objects, attempts, logs, checkpoints;            /* that go */
    uint64_t leftovers;                                                      /* of the dead, and damaged objects */
    uint64_t bytes;                                                          /* of all these */
    uint64_t kept_runs, pinned_runs, kept_records, kept_objects, kept_bytes; /* bytes: of objects */
};

/* Takes away what no run that is kept, no pin and no living engine needs (store/README.md says what that is). Engines may
   work meanwhile; a kill loses nothing, and the next gc goes on. ERR_BUSY while another gc or an fsck is at work. */
int store_gc(struct store *s, const struct gc_options *options, struct gc_report *out, struct error *err);

/* A pin keeps a run (its id, or "latest") or every run of a pipeline (its name), from all gc to come. ERR_NOT_FOUND for
   what is no such thing, or not pinned. */
int store_pin(struct store *s, const char *name, struct error *err);
int store_unpin(struct store *s, const char *name, struct error *err);

/* ---- fsck ---- */

struct fsck_report {
    uint64_t objects, object_bytes, damaged;
    uint64_t missing; /* objects that records name and that are not there, damaged ones with them */
    uint64_t records, bad_lines;
    uint64_t orphaned;       /* records whose objects are gone */
    uint64_t rebuilt;        /* index rows written */
    uint64_t lost_segments;  /* that the index knew, and that are gone or have lost their ends */
    uint64_t runs, attempts; /* their files */
    uint64_t damaged_files;  /* of these */
};

/* Checks every object, record, index row, run and attempt; sets damage aside; writes wrong index rows anew from the
   records, or all of them when the database itself is damaged. `say(context, line)` tells each finding. Other engines may
   work meanwhile. 0 when all was well or mended; ERR_IO when it could not be. */
int store_fsck(const char *directory, struct fsck_report *out, void (*say)(void *context, const char *line),
               void *context, struct error *err);

#endif
