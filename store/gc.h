/*
 * Garbage: everything that no kept run, no pin and no living engine needs.
 *
 *   runs kept (all, or the newest; pinned; young) ---keys---> records kept ---outs---> objects kept
 *   leases of living engines ---keys, objects------------------^------------------------^
 *
 * gc removes runs, then records, then objects; each step is on disk before the next begins. A kill therefore leaves
 * only records that no run names, and objects that no record names. They are garbage to the next gc, which need not be
 * told again which runs to keep. The other order would leave records without objects, and runs without records.
 *
 * Records are removed with their segment. A segment that holds other records too is written anew under a new name,
 * synced and indexed before the old one is removed. In between a line stands twice, which counts as once. A segment
 * never changes while it has a name, so the index never points to other bytes. A later gc may reuse the name; a reader
 * with the old segment open sees that its file has no name any more.
 *
 * A withdrawal stays if its record is there when gc begins, even if that goes. So no kill brings a withdrawn record
 * back. The next gc removes the withdrawal.
 *
 *   gc.c          the whole             gc_runs.c   which runs are kept; pins    gc_size.c   sizes and ages
 *   gc_mark.c     what kept runs need   gc_remove.c   removes records, objects     gc_files.c  removes all other files
 */
#ifndef RETORT_STORE_GC_H
#define RETORT_STORE_GC_H

#include "store/internal.h"

/* A line of a segment that loses some of its lines. */
struct gc_line {
    int64_t offset, length;
    struct digest key;
    struct digest record; /* checksum of the record that it withdraws */
    bool withdraws;
    bool keep;
    bool counts; /* false: damaged, or a copy of another line */
};

struct gc_segment {
    char *name;
    int64_t size; /* when it was read */
    struct gc_line *lines;
    size_t count, capacity;
    size_t going;
    bool withdraws; /* some line does */
};

struct gc {
    struct store *s;
    const struct gc_options *options;
    struct gc_report *report;
    double now_s; /* since 1970 */

    struct texts dropped; /* ids of runs to remove */
    char *oldest;         /* id of the oldest kept run; NULL: none is kept */

    struct digest_set keys;     /* of kept runs */
    struct digest_set runs;     /* their names */
    struct digest_set lines;    /* checksums of kept lines */
    struct digest_set records;  /* checksums of the lines of all records */
    struct digest_set attempts; /* file names of attempts whose records and logs are needed */
    struct digest_set objects;  /* that kept records name */
    struct lease_book book;

    struct gc_segment *segments; /* that lose some lines */
    size_t segment_count, segment_capacity;
};

/* Reports progress to the caller of store_gc, now and then. */
void gc_progress(const struct gc *g, const char *what, uint64_t done);

/* Whether a time (seconds since 1970) lies within the grace, or in the future. */
bool gc_is_young(const struct gc *g, double at_s);

/* Whether a kept run or a living engine needs the key, as far as leases were read. */
bool gc_needs_key(const struct gc *g, const struct digest *key);

/* Decides which runs are kept, and reads their keys. */
int gc_mark_runs(struct gc *g, struct error *err);

/* Whether the run of an attempt "<run>-<instance>-<number>" is kept or lives. */
bool gc_needs_run_of(const struct gc *g, const char *attempt);

/* Keeps the record and logs of an attempt. */
void gc_keep_attempt(struct gc *g, const char *attempt);
bool gc_needs_attempt(const struct gc *g, const char *file_name);

/* Decides which records and attempts are kept. */
int gc_mark_records(struct gc *g, struct error *err);
int gc_mark_attempts(struct gc *g, struct error *err);

/* Keeps the objects of a record, the files of its directories, its patch, and its attempt. ERR_IO: a listing could not be read. */
int gc_keep_record(struct gc *g, const cJSON *record, struct error *err);

/* Each removes its part, or only counts it in a dry run. */
int gc_remove_runs(struct gc *g, struct error *err);
int gc_remove_records(struct gc *g, struct error *err);
int gc_remove_objects(struct gc *g, struct error *err);
int gc_remove_files(struct gc *g, struct error *err);

/* Bytes of a file, or of all files below a directory. `newest_s` (may be NULL): time of the last change, or infinity
   where it is unknown, so that the file counts as young. */
uint64_t gc_size(const char *path, double *newest_s);

#endif
