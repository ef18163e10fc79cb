#include "store/file_rows.h"

#include <string.h>

#include "store/internal.h"

enum { FIRST_LOOK_UPS = 256, ROWS_A_LOOK_UP = 16, MOST_ROWS = 1 << 14 };

bool file_row_read(struct file_row *out, sqlite3_stmt *q) {
    out->stamp = (struct stamp){sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1), sqlite3_column_int64(q, 2),
                                sqlite3_column_int64(q, 3), sqlite3_column_int64(q, 4)};
    return index_digest(&out->digest, q, 5) && index_digest(&out->guard, q, 6);
}

static void add_row(struct file_rows *rows, sqlite3_stmt *q) {
    size_t size = (size_t)sqlite3_column_bytes(q, 7);
    struct file_row *row = arena_alloc(rows->arena, sizeof *row + size);
    if (size > 0 && file_row_read(row, q))
        bytemap_put(&rows->by_path, memcpy(row + 1, sqlite3_column_blob(q, 7), size), size, row);
}

/* Reads up to `most` rows behind the last path. */
static void read_more(struct store *s, size_t most) {
    struct file_rows *rows = &s->session.files;
    const struct bytemap *map = &rows->by_path;
    const struct bytemap_entry *last = map->count ? &map->entries[map->count - 1] : NULL;
    size_t count = 0;
    sqlite3_stmt *q;
    if (index_statement(&q, s, SQL_FILE_SCAN, NULL) < 0)
        return;
    sqlite3_bind_blob(q, 1, last ? last->key : "", last ? (int)last->size : 0, SQLITE_STATIC);
    sqlite3_bind_int64(q, 2, (int64_t)most);
    if (!rows->arena)
        rows->arena = arena_create();
    for (; sqlite3_step(q) == SQLITE_ROW; count++)
        add_row(rows, q);
    sqlite3_reset(q);
    rows->complete = count < most;
}

void file_rows_prepare(struct store *s) {
    struct file_rows *rows = &s->session.files;
    size_t look_ups = ++rows->look_ups;
    if (look_ups < FIRST_LOOK_UPS || (look_ups & (look_ups - 1)) != 0 || !s->session.open || rows->complete)
        return; /* else at each power of two */
    read_more(s, look_ups * ROWS_A_LOOK_UP < MOST_ROWS ? look_ups * ROWS_A_LOOK_UP : MOST_ROWS);
    session_pause_if_long(s);
}

const struct file_row *file_rows_find(const struct file_rows *rows, const char *path) {
    return bytemap_get(&rows->by_path, path, strlen(path));
}

void file_rows_close(struct file_rows *rows) {
    arena_free(rows->arena);
    bytemap_close(&rows->by_path);
    *rows = (struct file_rows){0};
}
