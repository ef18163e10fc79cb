/*
 * The index's rows of all records, read at once. A scan of the table costs a tenth of as many look-ups, so a session
 * with many of them makes one. The rows may be out of date. A key without a row is looked up as before.
 */
#ifndef RETORT_STORE_KNOWN_ROWS_H
#define RETORT_STORE_KNOWN_ROWS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/bytemap.h"
#include "engine/base/json.h"
#include "engine/base/sha256.h"
#include "store/store.h"

/* ---- known_row.c: the bytes of a row ---- */

/* Memory of the last record that store_known_find found. */
struct known_memory {
    struct buffer text;
    struct known_out *outs;
    size_t capacity;
};

enum { MOST_KNOWN_BYTES = 1 << 16 }; /* that the index holds */

struct known_guard {
    unsigned char bytes[16];
};

/* Fills `out` with the index's bytes for a record's outs and metrics. ERR_INVALID for faulty ones. */
int known_write(struct buffer *out, const cJSON *record, struct error *err);

/* Reads these bytes into `m`, which `out` points into. False: known_write did not write them. */
bool known_read(struct known_record *out, struct known_memory *m, const void *known, size_t size);

/* The checksum that shows damage to a row. `h` is fresh before and after. */
void known_guard(struct known_guard *out, struct sha256 *h, const struct digest *key, int64_t at, const char *platform,
                 const void *known, size_t size);

/* Frees the memory; the last found record is invalid. */
void known_memory_close(struct known_memory *m);

/* ---- known_rows.c: all rows in memory ---- */

/* Columns of the table `record`. */
struct known_row {
    int64_t at;
    const char *platform;
    const void *known, *guard; /* both NULL: the record is too large for a row */
    size_t known_size, guard_size;
    struct known_row *next; /* in memory: the next of its key */
};

/* Of a session. `{0}` is empty. */
struct known_rows {
    size_t look_ups;
    struct arena *arena;   /* NULL: not read */
    struct bytemap by_key; /* the first row of each key */
    const char *platform;  /* of the last row that has one */
    size_t bytes;
    bool refused; /* too large, or not readable */
};

/* Reads the first columns of a statement: at, platform, known, guard. They live until its next step. */
struct known_row known_row_read(sqlite3_stmt *q);

/* Call before each look-up: reads all rows once the session has made enough look-ups. Failing only costs time. */
void known_rows_prepare(struct store *s);

/* The rows of a key in memory, earliest first; NULL: none. */
const struct known_row *known_rows_find(const struct known_rows *rows, const struct digest *key);

/* Frees the memory. */
void known_rows_close(struct known_rows *rows);

#endif
