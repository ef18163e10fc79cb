/*
 * The store: `.retort/`, all that is known. store/README.md has the formats byte for byte.
 *
 *   objects/ab/cdef...     content by SHA-256, read-only; a directory is the object of its sorted listing
 *   actions/<run>.jsonl    segments of action records: append-only, one checksummed line per record. The truth.
 *   runs/<id>.json, pins/, attempts/
 *   claims/<key>           the engine that works on a key now
 *   state.db               SQLite index of the above, and digests of the project's files; rebuilt when damaged
 *   work/, checkpoints/, logs/, failed/
 *
 * Life cycle in a run:
 *
 *   store_open, store_hold      once; store_run_begin opens a segment for the run's records
 *   store_known_find            for each key: its outs and metrics, or ERR_NOT_FOUND
 *   store_claim                 for an unknown key: keeps other engines from the same work
 *     store_object_check,       for each input that is an object: checks it, and puts it into the directory of the
 *     store_materialise         attempt
 *     store_object_put          for each out of the attempt: makes it an object
 *     store_record_add          queues the record for its group
 *   store_group_begin, _write, _end   for each group: after it the group is durable
 *   store_index                 for some groups: after it their keys are known
 *   store_release               for each of these keys
 *   store_run_write, store_close   once
 *
 * Commit: write and sync objects -> sync directories -> append and sync records -> one SQLite transaction.
 * A record never exists without its outs. A result that was reported finished survives a kill. Of the records of one
 * key the earliest valid one counts, those of this store before those from elsewhere. Several engines may use one store at once: correctness comes from the first record
 * winning; claims only save work.
 *
 * Threads: store_object_put, _path, _check, _verify, store_materialise, store_file_hash and store_group_write
 * may run on worker threads, also at the same time. All other functions need one thread. A process that forks opens a
 * store of its own in the child.
 */
#ifndef RETORT_STORE_STORE_H
#define RETORT_STORE_STORE_H

#include <cJSON.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/folder.h"
#include "engine/base/sha256.h"
#include "engine/base/texts.h"

struct store;

/* Opens a store, and creates it when `create`. ERR_INVALID for a store newer than this engine, and for a directory
   that holds other files. ERR_NOT_FOUND. ERR_IO names the path. Writes nothing when the index is up to date. */
int store_open(struct store **out, const char *directory, bool create, struct error *err);
void store_close(struct store *s);
const char *store_directory(const struct store *s); /* absolute */

/* Reports, and then forgets, the notices since the last call: a rebuilt index, an object set aside, a damaged line.
   Each is one line for people, without a newline. */
void store_notices(struct store *s, void (*say)(void *context, const char *line), void *context);

/* Until the store is closed, gc keeps the records that this store finds (store_record_find). Objects that it puts
   are kept in any case. For callers that go on to use the records. */
void store_hold(struct store *s);

/* ---- objects ---- */

struct object {
    struct digest digest;
    uint64_t size; /* of a directory: the sum of its files */
    bool directory;
    bool executable;
};

/* Moves a file or directory below work/ into the store: hashes, syncs, makes read-only, renames. `path` is relative
   to the open folder `at` and is gone afterwards. The files of a directory go one by one, then its listing. Files of
   another user are copied, and may stay. Links, devices and sockets are refused. The next store_commit syncs the
   folders. */
int store_object_put(struct store *s, int at, const char *path, struct object *out, struct error *err);

/* Computes the object that store_object_put would make, and changes nothing. Any thread. */
int store_object_hash(int at, const char *path, struct object *out, struct error *err);

/* A file or folder in a directory object. A file is an object of its own; a folder has the digest that it would have.
   ERR_INVALID: there is none; else as for store_object_check. */
int store_object_part(struct store *s, const struct object *whole, const char *part, struct object *out,
                      struct error *err);

/* Visits the files below objects/ that an object consists of: its own, or a directory's listing and files. One may come
   several times. ERR_NOT_FOUND; ERR_CORRUPT. */
typedef int store_file_visit(void *context, const struct digest *d, bool listing, struct error *err);
int store_object_each_file(struct store *s, const struct object *o, store_file_visit *visit, void *context,
                           struct error *err);

/* Whether a text is the listing that makes a directory object with this digest. ERR_INVALID. */
int store_listing_check(const struct digest *d, const char *text, size_t size, struct error *err);

/* Puts such a listing. The files of the directory are put by themselves. */
int store_listing_put(struct store *s, const struct digest *d, const char *text, size_t size, struct error *err);

/* The path of an object that is a file. The caller frees. */
char *store_object_path(const struct store *s, const struct digest *d);

/* Checks that the object, and every file of a directory object, is there with the right size. Hashes only files that
   were written to since they were stored, for example through a hard link of a command. Sets damaged ones aside.
   ERR_NOT_FOUND or ERR_CORRUPT: the object does not count. ERR_IO: unknown. */
int store_object_require(struct store *s, const struct object *o, struct error *err);

/* Call before an object is given out. Hashes it, unless this process has hashed or stored it before and nobody wrote to
   it since. ERR_NOT_FOUND; ERR_CORRUPT after a damaged one was moved to objects/damaged/. */
int store_object_check(struct store *s, const struct object *o, struct error *err);

/* Hashes the object. ERR_CORRUPT after a damaged one was moved to objects/damaged/. */
int store_object_verify(struct store *s, const struct object *o, struct error *err);

enum materialise { MATERIALISE_LINK, MATERIALISE_COPY };
/* Puts an object at `path`, which must not exist; makes its parents. Uses a reflink, else a read-only hard link
   (LINK), else a copy. COPY gives the caller a file of its own, synced. The executable bit is as recorded. Each object
   is checked as by store_object_check. ERR_CORRUPT after a damaged one was set aside, so its record no longer counts.
   ERR_NOT_FOUND when it is missing. After an error, files of a directory that were made stay. */
int store_materialise(struct store *s, const struct object *o, const char *path, enum materialise how,
                      struct error *err);

/* The same with COPY. It ends with ERR_INTERRUPTED soon after another thread has set `*stop`. */
int store_copy(struct store *s, const struct object *o, const char *path, const atomic_bool *stop, struct error *err);

/* The same for a folder in a directory object. */
int store_materialise_part(struct store *s, const struct object *whole, const char *part, const char *path,
                           enum materialise how, struct error *err);

/* ---- digests of the project's files, remembered by path, inode, size, mtime, ctime ---- */

/* Digest of a file or directory outside the store, from memory when it has not changed since. A file that changed
   just before it was hashed is not remembered. Links are followed. ERR_FAILED for a file that is being written to.
   ERR_INVALID for one that may not be read, a link that leads nowhere or in a circle, and a directory that the input
   rules refuse. */
int store_file_content(struct store *s, const char *path, struct object *out, struct error *err);

/* The same for what store_materialise made: all entries count, and links in a folder are entries. */
int store_made_content(struct store *s, const char *path, struct object *out, struct error *err);

/* The same without a long wait: no more than `most` bytes are hashed. ERR_BUSY: more has to be. Then `unhashed` (may be
   NULL) was called for each file that is left: hash them and ask again. */
typedef void store_unhashed(void *context, const char *path);
int store_file_recall(struct store *s, const char *path, uint64_t most, store_unhashed *unhashed, void *context,
                      struct object *out, struct error *err);

/* Hashes such a file; any thread. It ends early once `*stop` is true. A fault is part of the result. */
struct file_hash;
struct file_hash *store_file_hash(const char *path, const atomic_bool *stop);

/* Takes the result over, for the next question about this file. */
void store_file_hashed(struct store *s, struct file_hash *h);

/* Rules of a project for its inputs. All zeros: none. */
struct input_rules {
    struct folder_filter filter; /* entries of folders that are no part of them, besides those of folder_skips_name */
    /* Absolute, without links; NULL: none. No input may hold one of the first two: they change with every run. A link
       that leaves the project is told to `say`: one line for a folder input, or for the files of one folder. */
    const char *store, *results, *project;
    void (*say)(void *context, const char *line);
    void *context;
};

/* Sets the rules of store_file_content, and of store_file_recall. Their texts and the filter outlive the store. Links
   that leave the project become notices. */
void store_set_input_rules(struct store *s, const struct input_rules *rules);
const struct folder_filter *store_input_filter(const struct store *s);

/* Finds the faults that store_file_content would find, without a store and without hashing: `*out` has no digest. */
int store_input_examine(struct object *out, const char *path, const struct input_rules *rules, struct error *err);

/* ---- action records ---- */

/* The record of a key, as the tree that was appended: the first valid one whose objects are there now. A record
   counts again when its objects come back. `platform` NULL: any. ERR_NOT_FOUND. The caller deletes. */
int store_record_find(struct store *s, const struct digest *key, const char *platform, cJSON **out, struct error *err);

/* The outs and metrics of a known key, from one row of the index: for thousands of look-ups. */
struct known_out {
    const char *name;
    struct object object;
};
struct known_record {
    const struct known_out *outs;
    size_t out_count;
    const char *metrics;         /* an object as canonical JSON; "{}": none */
    const struct digest *python; /* of the Python that it ran on, with its packages; NULL: none is known */
};

/* Finds the record that store_record_find would, without reading it. The store owns outs and metrics until the next
   look-up. A damaged row is not used: the record is read, and the row written anew. ERR_NOT_FOUND comes without a
   message: it is the common answer. */
int store_known_find(struct store *s, const struct digest *key, const char *platform, struct known_record *out,
                     struct error *err);

/* Brackets many look-ups (records, contents of files). The index and gc's lock are taken once for hundreds of
   look-ups, for at most about 20 ms, and each object is examined once. Other engines commit in between. Call
   store_read_tick often during other work: it is cheap and returns the locks in time. ERR_IO from the end: gc may
   remove what was found. */
void store_read_begin(struct store *s);
void store_read_tick(struct store *s);
int store_read_end(struct store *s, struct error *err);

/* The newest records of an instance ("scratch[size=7]"), of a stage ("scratch") or of a built-in kind
   ("deeprx/train@1"), newest first, at most `limit`. Records from elsewhere come last. The caller deletes each and frees
   the array. */
enum record_group { RECORDS_OF_INSTANCE, RECORDS_OF_STAGE, RECORDS_OF_KIND };
int store_record_newest(struct store *s, enum record_group group, const char *name, size_t limit, cJSON ***out,
                        size_t *count, struct error *err);

/* Queues a record, whose objects were put before. It is not yet durable, nor found. It has at least "key", "stage",
   "kind" (null for a command), "outs" {name: {sha256, size, mode, type}}, "wall_s" and "platform". An out of type
   "directory" is a directory object, every other a file. ERR_INVALID, also for more than JSON_MAX_BYTES of canonical
   text. ERR_NOT_FOUND for an out that is not in the store. */
int store_record_add(struct store *s, const cJSON *record, struct error *err);

/* The same for a record from elsewhere. It counts after every record of this store, also after later ones. Among foreign
   records the first that arrived counts; their own times do not matter. The first raises the store's format, durably. */
int store_record_import(struct store *s, const cJSON *record, struct error *err);

/* Whether a record has the members that store_record_add needs. ERR_INVALID. */
int store_record_check(const cJSON *record, struct error *err);

/* Queues withdrawals of all records that a key has now: they count no longer in this store. Queue the key's new record
   before them, so that the same group holds both. The first withdrawal raises the store's format, durably. */
int store_withdraw(struct store *s, const struct digest *key, struct error *err);

/* The ids of the runs that withdrew records of a key. The caller closes the list. */
int store_withdrawals(struct texts *runs, struct store *s, const struct digest *key, struct error *err);

/* A group: makes all queued records durable, in the order above, while the engine goes on. One group at a time. */
struct store_group;

/* Takes the queued records. `*out` NULL: none is queued; the call is then cheap, and tells engines on other hosts that
   this one lives. Call it every ten seconds while claims are held. */
int store_group_begin(struct store_group **out, struct store *s, struct error *err);

/* Writes the group. Any thread. After 0 its records may be reported as finished. */
int store_group_write(struct store_group *g, struct error *err);

/* Ends and frees the group. `rc` is what store_group_write returned. After an error its records are queued again. */
void store_group_end(struct store_group *g, int rc);

/* Makes the durable records known, in one transaction. If it fails, they stay durable, and the next call or the next
   opening makes them known. */
int store_index(struct store *s, struct error *err);
size_t store_unindexed(const struct store *s); /* durable records that are not known yet */

/* All of these steps. After an error the records still queued (store_queued) are not durable. If none is queued, all
   are on disk and only the index failed. */
int store_commit(struct store *s, struct error *err);
size_t store_queued(const struct store *s);

/* Writes attempts/<id>.json: the record of a failed, uncached or verify attempt. */
int store_attempt_write(struct store *s, const char *attempt, const cJSON *record, struct error *err);

/* ---- claims: who is working on a key ---- */

/* 0: this store has the claim, new or from before. ERR_BUSY: a living owner has it, and the message names it. The
   claim of a dead owner (pid, start time, boot id) is taken over. An owner on another host is dead after 60 s
   without a sign of life. After a claim, look for the record again: the last owner may have finished. store_close
   releases all claims. */
int store_claim(struct store *s, const struct digest *key, struct error *err);

/* Whether a living engine, this one included, works on the key. */
bool claim_is_held(struct store *s, const struct digest *key);
int store_release(struct store *s, const struct digest *key, struct error *err);

/* ---- directories of failed attempts ---- */

/* failed/<pipeline>/<stage>: for the directory of the stage's last failed attempt. The caller frees. */
char *store_failed_path(const struct store *s, const char *pipeline, const char *stage);

/* Opens failed/<pipeline>, and makes it first if asked. -1: there is none, or there is a link on the way, which is not
   followed. The caller closes it. */
int store_failed_open(const struct store *s, const char *pipeline, bool make);

/* Removes all but the newest `most` below such a folder, as far as it can: others may do so too. Any thread. */
void store_failed_prune(int failed, size_t most);

/* ---- runs ---- */

/* Begins a run. Its id, a UTC time and a random tail, names the record segment and sorts after all earlier runs. */
int store_run_begin(struct store *s, const char *pipeline, const cJSON *overrides, struct error *err);
const char *store_run_id(const struct store *s);
double store_run_began_s(const struct store *s); /* seconds since 1970, by the clock at that time */

/* Writes runs/<id>.json: the members of store_run_begin, and those of `run` (run_file.h; may be NULL) over them. `run`
   is not changed. May be called again: a first call without `run` lists a run that may be killed. */
int store_run_write(struct store *s, cJSON *run, struct error *err);
/* `id` "" or "latest": the newest run. ERR_NOT_FOUND; ERR_CORRUPT. The caller deletes. */
int store_run_read(struct store *s, const char *id, cJSON **out, struct error *err);
/* Whether a run's file may hold an attempt at a stage whose name, as JSON text, begins with `name`. It searches the
   text, which is cheaper than reading the file. Also true for an incomplete or unreadable file: reading it reports
   the fault. */
bool store_run_may_tell_attempt(struct store *s, const char *id, const char *name);
int store_run_list(struct store *s, struct texts *ids, struct error *err); /* newest first; closed by the caller */

/* ---- places ---- the caller frees each path */

char *store_work_path(const struct store *s, const char *attempt); /* the caller makes and removes it */
char *store_log_path(const struct store *s, const char *attempt, const char *stream); /* logs/<attempt>.<stream> */
/* The folder of a key's checkpoint on a platform. */
char *store_checkpoint_path(const struct store *s, const struct digest *key, const char *platform);
/* Removes a checkpoint and its list of attempts; a missing one is no error. */
int store_checkpoint_remove(struct store *s, const struct digest *key, const char *platform, struct error *err);

/* Removes work directories and temporary files of dead engines. */
int store_sweep(struct store *s, struct error *err);

/* ---- garbage ---- */

struct gc_options {
    double grace_s; /* younger runs, records, objects, attempts, logs and checkpoints stay */
    long keep_runs; /* keep this many runs of each pipeline that ended well, and all newer ones; 0: all */
    bool dry_run;   /* reports what would go, and changes nothing */
    void (*progress)(void *context, const char *what, uint64_t done); /* may be NULL; called often */
    void *context;
};

struct gc_report {
    uint64_t runs, records, objects, attempts, logs, checkpoints;            /* removed */
    uint64_t leftovers;                                                      /* of dead engines; damaged objects */
    uint64_t bytes;                                                          /* of all these */
    uint64_t kept_runs, pinned_runs, kept_records, kept_objects, kept_bytes; /* bytes: of objects */
};

/* Deletes what no kept run, no pin and no living engine needs; store/README.md has the rules. Engines may work
   meanwhile. A kill loses nothing, and the next gc goes on. ERR_BUSY while another gc or an fsck runs. */
int store_gc(struct store *s, const struct gc_options *options, struct gc_report *out, struct error *err);

/* Pins a run (its id, or "latest") or all runs of a pipeline (its name): gc keeps them. ERR_NOT_FOUND when there is
   no such run or pipeline, or no such pin. */
int store_pin(struct store *s, const char *name, struct error *err);
int store_unpin(struct store *s, const char *name, struct error *err);

/* ---- fsck ---- */

struct fsck_report {
    uint64_t objects, object_bytes, damaged;
    uint64_t missing; /* objects that records name and that are missing, damaged ones included */
    uint64_t records, bad_lines;
    uint64_t orphaned;       /* records whose objects are gone */
    uint64_t rebuilt;        /* index rows written */
    uint64_t lost_segments;  /* segments of the index that are gone or shorter than before */
    uint64_t runs, attempts; /* their files */
    uint64_t damaged_files;  /* of these */
};

/* Checks every object, record, index row, run and attempt, and reports each finding to `say`. Sets damaged files
   aside. Writes wrong index rows anew from the records, or all rows when the database is damaged. Other engines may
   work meanwhile. 0: all was well or is mended. ERR_IO: some damage could not be mended. */
int store_fsck(const char *directory, struct fsck_report *out, void (*say)(void *context, const char *line),
               void *context, struct error *err);

#endif
