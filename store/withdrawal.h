/*
 * Withdrawals: lines of segments that say that an earlier record counts no longer. `run --force` appends one beside the
 * record of another result.
 *
 *   {"key": K, "record": D, "retort_withdrawal": 1, "run": R}     D: checksum of the record's line
 *
 * The index has a row for each withdrawal, and none for a withdrawn record. So no look-up finds such a record, and no
 * flipped bit brings it back.
 */
#ifndef RETORT_STORE_WITHDRAWAL_H
#define RETORT_STORE_WITHDRAWAL_H

#include <sqlite3.h>

#include "store/segment.h"
#include "store/store.h"

struct withdrawal {
    struct digest key, record; /* record: the 64 digits that its line begins with */
    const char *run;           /* that withdrew it */
};

/* The line's JSON, canonical. The caller frees. */
char *withdrawal_text(const struct withdrawal *w);

/* Reads a line's JSON. False: it is none. The text of `run` is the tree's, which the caller deletes. */
bool withdrawal_parse(struct withdrawal *out, cJSON **tree, const struct segment_span *span);

/* Within a transaction: adds the row of a withdrawal, and removes that of its record. */
int withdrawal_index(struct store *s, int64_t segment, int64_t start, const struct withdrawal *w, struct error *err);

/* Whether the index has a withdrawal of the record with this checksum. */
int withdrawal_covers(bool *covers, struct store *s, const struct digest *record, struct error *err);

/* Whether the index has exactly this row. */
int withdrawal_has_row(bool *has, struct store *s, int64_t segment, int64_t start, const struct withdrawal *w,
                       struct error *err);

/* Within a transaction: removes the rows of a segment. If that leaves a record without a withdrawal, all segments are
   to be read anew, since the record counts again. */
int withdrawal_forget(struct store *s, int64_t segment, struct error *err);

/* A record in the index. */
struct record_place {
    int64_t id;
    struct digest line; /* the checksum of its line */
};

struct record_rows {
    const struct digest *key;
    struct record_place *items;
    size_t count, capacity;
};

/* The records that the index has of a key; `context` is a struct record_rows, for index_retry. The caller frees the
   items. */
int withdrawal_list_rows(struct store *s, void *context, struct error *err);

/* Binds a digest to a column of a query. */
void withdrawal_bind(sqlite3_stmt *q, int column, const struct digest *d);

#endif
