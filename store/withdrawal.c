#include "store/withdrawal.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/internal.h"

enum { HEX = DIGEST_HEX_SIZE - 1, VERSION = 1 };
static const char before_key[] = "{\"key\":\"", behind_key[] = "\",\"record\":";

/* ---- the line ---- */

char *withdrawal_text(const struct withdrawal *w) {
    char hex[DIGEST_HEX_SIZE];
    cJSON *tree = cJSON_CreateObject();
    digest_hex(hex, &w->key);
    json_add_text(tree, "key", hex);
    digest_hex(hex, &w->record);
    json_add_text(tree, "record", hex);
    json_add_number(tree, "retort_withdrawal", VERSION);
    json_add_text(tree, "run", w->run);
    char *text = json_canonical_text(tree);
    cJSON_Delete(tree);
    return text;
}

/* A record has no member "record" behind its key. */
static bool looks_like_one(const struct segment_span *span) {
    size_t first = sizeof before_key - 1, second = sizeof behind_key - 1;
    return span->json && span->json_length > first + HEX + second && memcmp(span->json, before_key, first) == 0 &&
           memcmp(span->json + first + HEX, behind_key, second) == 0;
}

bool withdrawal_parse(struct withdrawal *out, cJSON **tree, const struct segment_span *span) {
    cJSON *json = looks_like_one(span) ? cJSON_ParseWithLength(span->json, span->json_length) : NULL;
    out->run = json_text(json, "run", "");
    bool good = json_double(json, "retort_withdrawal", 0) == VERSION &&
                digest_parse(&out->key, json_text(json, "key", "")) &&
                digest_parse(&out->record, json_text(json, "record", ""));
    *tree = good ? json : NULL;
    if (!good)
        cJSON_Delete(json);
    return good;
}

/* ---- the index ---- */

void withdrawal_bind(sqlite3_stmt *q, int column, const struct digest *d) {
    sqlite3_bind_blob(q, column, d->bytes, sizeof d->bytes, SQLITE_STATIC);
}

/* Binds the columns of a row. */
static int prepare_row(sqlite3_stmt **q, struct store *s, enum statement which, int64_t segment, int64_t start,
                       const struct withdrawal *w, struct error *err) {
    int rc = index_statement(q, s, which, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(*q, 1, segment);
    sqlite3_bind_int64(*q, 2, start);
    withdrawal_bind(*q, 3, &w->record);
    withdrawal_bind(*q, 4, &w->key);
    sqlite3_bind_text(*q, 5, w->run, -1, SQLITE_STATIC);
    return 0;
}

/* Whether a prepared query has a row. */
static int ask(bool *out, struct store *s, sqlite3_stmt *q, struct error *err) {
    int code = sqlite3_step(q);
    *out = code == SQLITE_ROW;
    int rc = code == SQLITE_ROW || code == SQLITE_DONE ? 0 : index_error(s, err);
    sqlite3_reset(q);
    return rc;
}

int withdrawal_has_row(bool *has, struct store *s, int64_t segment, int64_t start, const struct withdrawal *w,
                       struct error *err) {
    sqlite3_stmt *q;
    int rc = prepare_row(&q, s, SQL_WITHDRAWN_AT, segment, start, w, err);
    return rc < 0 ? rc : ask(has, s, q, err);
}

int withdrawal_covers(bool *covers, struct store *s, const struct digest *record, struct error *err) {
    sqlite3_stmt *q;
    int rc = index_statement(&q, s, SQL_WITHDRAWN_FIND, err);
    if (rc < 0)
        return rc;
    withdrawal_bind(q, 1, record);
    return ask(covers, s, q, err);
}

/* ---- the records of a key ---- */

int withdrawal_list_rows(struct store *s, void *context, struct error *err) {
    struct record_rows *rows = context;
    sqlite3_stmt *q;
    int code = SQLITE_DONE, rc = index_statement(&q, s, SQL_RECORD_ROWS, err);
    rows->count = 0;
    if (rc < 0)
        return rc;
    withdrawal_bind(q, 1, rows->key);
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        const char *segment = (const char *)sqlite3_column_text(q, 0);
        struct record_place row = {.id = sqlite3_column_int64(q, 2)};
        mem_grow(rows->items, &rows->capacity, rows->count + 1);
        if (segment && segment_checksum(&row.line, s, segment, sqlite3_column_int64(q, 1)))
            rows->items[rows->count++] = row;
    }
    rc = code == SQLITE_DONE ? 0 : index_error(s, err);
    sqlite3_reset(q);
    return rc;
}

static int drop_row(struct store *s, int64_t id, struct error *err) {
    sqlite3_stmt *q;
    int rc = index_statement(&q, s, SQL_RECORD_DROP, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(q, 1, id);
    return index_step(s, q, err);
}

int withdrawal_index(struct store *s, int64_t segment, int64_t start, const struct withdrawal *w, struct error *err) {
    struct record_rows rows = {.key = &w->key};
    sqlite3_stmt *q;
    int rc = prepare_row(&q, s, SQL_WITHDRAWN_ADD, segment, start, w, err);
    if (rc == 0)
        rc = index_step(s, q, err);
    if (rc == 0)
        rc = withdrawal_list_rows(s, &rows, err);
    for (size_t i = 0; rc == 0 && i < rows.count; i++)
        if (digest_equal(&rows.items[i].line, &w->record))
            rc = drop_row(s, rows.items[i].id, err);
    free(rows.items);
    return rc;
}

static int step_for(struct store *s, enum statement which, int64_t segment, bool *row, struct error *err) {
    sqlite3_stmt *q;
    int rc = index_statement(&q, s, which, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(q, 1, segment);
    return ask(row, s, q, err);
}

int withdrawal_forget(struct store *s, int64_t segment, struct error *err) {
    bool alone = false, unused;
    sqlite3_stmt *q;
    int rc = step_for(s, SQL_WITHDRAWN_ALONE, segment, &alone, err);
    if (rc == 0)
        rc = step_for(s, SQL_WITHDRAWN_DROP, segment, &unused, err);
    if (rc < 0 || !alone)
        return rc;
    rc = index_statement(&q, s, SQL_SEGMENTS_REREAD, err);
    return rc < 0 ? rc : index_step(s, q, err);
}
