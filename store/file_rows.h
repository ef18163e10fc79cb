/*
 * Digests of the project's files as the index has them, many of them in memory. A scan costs less than as many
 * look-ups, so a session reads more rows the more look-ups it makes, in the order of paths. They may be out of date: a
 * file whose row does not match is looked up as before.
 */
#ifndef RETORT_STORE_FILE_ROWS_H
#define RETORT_STORE_FILE_ROWS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/bytemap.h"
#include "engine/base/sha256.h"

struct store;

/* A file that nobody wrote to keeps its stamp. */
struct stamp {
    int64_t device, inode, size, mtime, ctime;
};

/* Columns of the table `file`. */
struct file_row {
    struct stamp stamp;
    struct digest digest, guard;
};

/* Of a session. `{0}` is empty. */
struct file_rows {
    size_t look_ups;
    struct arena *arena; /* NULL: none is read */
    struct bytemap by_path;
    bool complete;
};

/* Reads the first columns of a statement: those of the stamp, digest, guard. False: they are malformed. */
bool file_row_read(struct file_row *out, sqlite3_stmt *q);

/* Call before each look-up: now and then reads more rows. Failing only costs time. */
void file_rows_prepare(struct store *s);

/* The row of a path in memory; NULL: none. */
const struct file_row *file_rows_find(const struct file_rows *rows, const char *path);

/* Frees the memory. */
void file_rows_close(struct file_rows *rows);

#endif
