/*
 * Garbage: what no run that is kept, no pin and no living engine needs.
 *
 *   runs kept (all, or the newest; pinned; young) ---keys---> records kept ---outs---> objects kept
 *   leases of living engines ---keys, objects------------------^------------------------^
 *
 * Taken away in this order: runs, then records, then objects; each on disk before the next begins. A kill leaves runs
 * without some that nothing names, records that no run names, objects that no record names: all of them garbage to the
 * next gc, which comes to the same end without being told again which runs to keep. In the other order there would be
 * records without their objects, and runs that cannot be looked into.
 *
 * Records go with their segment. One that holds others too is written anew under a name of its own, synced and indexed
 * before the old one goes; in between the same line stands twice, which is the same as once. A segment never changes
 * while it has a name, so that no reader finds other bytes at a place than the index says; a later gc may give the name to
 * another, and who has a segment open sees that it has none any more.
 *
 *   gc.c          the whole         gc_runs.c   which runs are kept; pins     gc_size.c   how large, how old
 *   gc_mark.c     what they need    gc_take.c   records and objects away      gc_files.c   everything else
 */
#ifndef RETORT_STORE_GC_H
#define RETORT_STORE_GC_H

#include "store/internal.h"

/* A line of a segment of which some go. */
struct gc_line {
    int64_t offset, length;
    struct digest key;
    bool keep;
    bool counts; /* false: damaged, or a line that stands elsewhere too */
};

struct gc_segment {
    char *name;
    int64_t size; /* as it was read */
    struct gc_line *lines;
    size_t count, capacity;
    size_t going;
};

struct gc {
    struct store *s;
    const struct gc_options *options;
    struct gc_report *report;
    double now_s; /* since 1970 */

    char **dropped; /* ids of runs that go */
    size_t dropped_count, dropped_capacity;
    char *oldest; /* id of the oldest run that is kept; NULL: none is */

    struct digest_set keys;     /* of runs that are kept */
    struct digest_set runs;     /* their names */
    struct digest_set lines;    /* checksums of lines that are kept */
    struct digest_set attempts; /* file names of attempts, whose records and logs are needed */
    struct digest_set objects;  /* named by what is kept */
    struct lease_book book;

    struct gc_segment *segments; /* of which some lines go */
    size_t segment_count, segment_capacity;
};

/* Tells how far it is, now and then. */
void gc_progress(const struct gc *g, const char *what, uint64_t done);

/* Whether a time (seconds since 1970) lies within the grace, or in the future. */
bool gc_is_young(const struct gc *g, double at_s);

/* Whether a key is one of a run that is kept, or of a living engine, as far as that was read. */
bool gc_needs_key(const struct gc *g, const struct digest *key);

/* Decides over runs/; reads the keys of those that are kept. */
int gc_mark_runs(struct gc *g, struct error *err);

/* Whether an attempt "<run>-<instance>-<number>" is one of a run that is kept or lives. */
bool gc_needs_run_of(const struct gc *g, const char *attempt);

/* Notes that an attempt's record and logs are needed, and says so. */
void gc_keep_attempt(struct gc *g, const char *attempt);
bool gc_needs_attempt(const struct gc *g, const char *file_name);

/* Reads segments and attempts. */
int gc_mark_records(struct gc *g, struct error *err);
int gc_mark_attempts(struct gc *g, struct error *err);

/* Adds the objects of a record, and the files of its directories, and the name of its attempt. ERR_IO: they cannot be
   told. */
int gc_keep_record(struct gc *g, const cJSON *record, struct error *err);

/* Takes away, or counts when it is a dry run. */
int gc_take_runs(struct gc *g, struct error *err);
int gc_take_records(struct gc *g, struct error *err);
int gc_take_objects(struct gc *g, struct error *err);
int gc_take_files(struct gc *g, struct error *err);

/* Bytes of a file, or of all files below a directory; `newest_s` (may be NULL): when the last of them was changed;
   infinite where that cannot be told, so that it counts as young. */
uint64_t gc_size(const char *path, double *newest_s);

#endif
