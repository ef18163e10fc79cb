#include "store/known_rows.h"

#include <string.h>

#include "store/internal.h"

enum { FIRST_LOOK_UPS = 256, ROWS_A_LOOK_UP = 16, CHUNK = 4096, MOST_ROWS = 1 << 18, MOST_BYTES = 64 << 20 };

struct known_row known_row_read(sqlite3_stmt *q) {
    return (struct known_row){.at = sqlite3_column_int64(q, 0),
                              .platform = (const char *)sqlite3_column_text(q, 1),
                              .known = sqlite3_column_blob(q, 2),
                              .known_size = (size_t)sqlite3_column_bytes(q, 2),
                              .guard = sqlite3_column_blob(q, 3),
                              .guard_size = (size_t)sqlite3_column_bytes(q, 3)};
}

/* Most rows have the platform of the one before. */
static const char *keep_platform(struct known_rows *rows, const char *platform) {
    if (platform && (!rows->platform || strcmp(rows->platform, platform) != 0))
        rows->platform = arena_strdup(rows->arena, platform);
    return platform ? rows->platform : NULL;
}

/* A row, its key and its bytes. */
struct kept_row {
    struct known_row row;
    struct digest key;
    unsigned char bytes[];
};

static struct kept_row *keep(struct known_rows *rows, const struct digest *key, const struct known_row *row) {
    size_t known = row->known ? row->known_size : 0, guard = row->guard ? row->guard_size : 0;
    struct kept_row *kept = arena_alloc(rows->arena, sizeof *kept + known + guard);
    *kept = (struct kept_row){*row, *key};
    kept->row.platform = keep_platform(rows, row->platform);
    if (row->known)
        kept->row.known = memcpy(kept->bytes, row->known, known);
    if (row->guard)
        kept->row.guard = memcpy(kept->bytes + known, row->guard, guard);
    rows->bytes += known;
    return kept;
}

/* Rows of a key are a list, the earliest first; `first` keeps its place. */
static void link_row(struct known_row *first, struct known_row *row) {
    struct known_row **link = &first->next;
    if (row->at < first->at) {
        const struct known_row later = *first;
        *first = *row;
        *row = later;
        first->next = row;
        return;
    }
    while (*link && (*link)->at <= row->at)
        link = &(*link)->next;
    row->next = *link;
    *link = row;
}

static void add_row(struct known_rows *rows, const struct digest *key, const struct known_row *row) {
    struct kept_row *kept = keep(rows, key, row);
    struct known_row *first = bytemap_get(&rows->by_key, key, sizeof *key);
    if (first)
        link_row(first, &kept->row);
    else
        bytemap_put(&rows->by_key, &kept->key, sizeof kept->key, &kept->row);
}

/* Reads the rows with ids above `*last`, which it raises. The number of rows, or a negative code. */
static int read_chunk(struct store *s, int64_t *last) {
    struct digest key;
    sqlite3_stmt *q;
    int count = 0, code, rc = index_statement(&q, s, SQL_RECORD_SCAN, NULL);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(q, 1, *last);
    sqlite3_bind_int(q, 2, CHUNK);
    for (; (code = sqlite3_step(q)) == SQLITE_ROW; count++) {
        const struct known_row row = known_row_read(q);
        if (index_digest(&key, q, 4))
            add_row(&s->session.rows, &key, &row);
        *last = sqlite3_column_int64(q, 5);
    }
    sqlite3_reset(q);
    return code == SQLITE_DONE ? count : ERR_IO;
}

/* In chunks, between which other engines may write. */
static void read_all(struct store *s) {
    struct known_rows *rows = &s->session.rows;
    int64_t last = 0;
    int count = CHUNK;
    rows->arena = arena_create();
    while (count == CHUNK && rows->bytes <= MOST_BYTES && session_enter(s, NULL) == 0) {
        count = read_chunk(s, &last);
        session_pause_if_long(s);
    }
    if (count >= 0 && count < CHUNK)
        return;
    known_rows_close(rows);
    rows->refused = true;
}

/* Whether the look-ups so far are many beside the rows of the table. */
static bool is_worth_it(struct store *s, size_t look_ups) {
    sqlite3_stmt *q;
    if (index_statement(&q, s, SQL_RECORD_LAST, NULL) < 0)
        return false;
    uint64_t rows = sqlite3_step(q) == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(q, 0) : UINT64_MAX;
    sqlite3_reset(q);
    return rows <= ROWS_A_LOOK_UP * look_ups && rows <= MOST_ROWS;
}

void known_rows_prepare(struct store *s) {
    struct known_rows *rows = &s->session.rows;
    size_t look_ups = ++rows->look_ups;
    bool asks = look_ups >= FIRST_LOOK_UPS && (look_ups & (look_ups - 1)) == 0; /* at each power of two */
    if (asks && s->session.open && !rows->arena && !rows->refused && is_worth_it(s, look_ups))
        read_all(s);
}

const struct known_row *known_rows_find(const struct known_rows *rows, const struct digest *key) {
    return bytemap_get(&rows->by_key, key, sizeof *key);
}

void known_rows_close(struct known_rows *rows) {
    arena_free(rows->arena);
    bytemap_close(&rows->by_key);
    *rows = (struct known_rows){0};
}
