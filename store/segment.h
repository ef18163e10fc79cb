/*
 * The lines of records on disk: actions/<segment>, one line a record, appended by one engine. RECORD.md lists their
 * members.
 */
#ifndef RETORT_STORE_SEGMENT_H
#define RETORT_STORE_SEGMENT_H

#include <cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/base/error.h"
#include "engine/base/sha256.h"
#include "engine/base/texts.h"

struct store;

/* Added to the time of a record from elsewhere: it sorts after all records of this store. */
#define SEGMENT_FOREIGN (INT64_C(1) << 62)

/* The time of a line without it: ns since 1970. */
static inline int64_t segment_time(int64_t at) {
    return at & ~SEGMENT_FOREIGN;
}

/* Appends "<sha256> <time> <json>\n". */
void segment_line(struct buffer *out, int64_t at, const char *json);

/* Begins this store's segment, unless it has one. */
int segment_begin(struct store *s, struct error *err);

/* Appends lines to this store's segment and syncs it; `*start` is where they begin. Any thread. After a failure the
   segment must be left. */
int segment_append(const struct store *s, const struct buffer *lines, int64_t *start, struct error *err);

/* Ends the present segment: the next record begins a new one. */
void segment_leave(struct store *s);

/* Opens a segment for reading, from a small cache. Returns a descriptor that the store owns. */
int segment_open(struct store *s, const char *name, struct error *err);

/* The checksum that a line begins with. False: it cannot be read. */
bool segment_checksum(struct digest *out, const struct store *s, const char *name, int64_t offset);

/* The record at a place. ERR_CORRUPT when the line is damaged. The caller deletes it. */
int segment_read(struct store *s, const char *name, int64_t offset, int64_t length, cJSON **out, struct error *err);

/* Names of all segments, sorted. The caller frees each and the array. */
int segment_names(const struct store *s, struct texts *out, struct error *err);

/* Calls `visit` for each complete line from `offset` to `size`, in file order, and stops after about `limit` bytes.
   `*end` is where the next unread line begins. A last line without its newline is skipped. When a damaged line has
   swallowed the newline before a whole record, the record is given as a line of its own after it. */
struct segment_span {
    int64_t offset;
    int64_t length;         /* with the newline, where it has one */
    int64_t at;             /* with SEGMENT_FOREIGN, where the line has it */
    struct digest checksum; /* that the line begins with, and has */
    const char *json;       /* NULL: the line is damaged */
    size_t json_length;
};
typedef int segment_visit(void *context, const struct segment_span *span, struct error *err);
int segment_scan(struct store *s, const char *name, int64_t offset, int64_t size, int64_t limit, int64_t *end,
                 segment_visit *visit, void *context, struct error *err);

/* The same of an open file. */
int segment_scan_fd(int fd, const char *path, int64_t offset, int64_t size, int64_t limit, int64_t *end,
                    segment_visit *visit, void *context, struct error *err);

#endif
