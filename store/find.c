/* Looks up records: of a key, and those similar to a stage. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "store/internal.h"

struct places {
    struct place *items;
    size_t count, capacity;
};

static void places_close(struct places *p) {
    for (size_t i = 0; i < p->count; i++)
        free(p->items[i].segment);
    free(p->items);
    *p = (struct places){0};
}

static int places_collect(struct store *s, struct places *p, sqlite3_stmt *q, struct error *err) {
    int code;
    int rc = 0;
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        const unsigned char *segment = sqlite3_column_text(q, 0);
        mem_grow(p->items, &p->capacity, p->count + 1);
        p->items[p->count++] = (struct place){mem_strdup(segment ? (const char *)segment : ""),
                                              sqlite3_column_int64(q, 1), sqlite3_column_int64(q, 2)};
    }
    if (code != SQLITE_DONE)
        rc = index_error(s, err);
    sqlite3_reset(q);
    return rc;
}

struct find {
    const struct digest *key;
    const char *platform;
    struct places places;
    size_t valid; /* index of the place that counts */
    int tries;
    bool moved; /* a segment is gone: gc may have moved its records, and the index says where */
};

static int find_places(struct store *s, void *context, struct error *err) {
    struct find *f = context;
    sqlite3_stmt *q;
    places_close(&f->places);
    int rc = index_statement(&q, s, SQL_RECORD_FIND, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_blob(q, 1, f->key->bytes, sizeof f->key->bytes, SQLITE_STATIC);
    sqlite3_bind_text(q, 2, f->platform, -1, SQLITE_STATIC);
    return places_collect(s, &f->places, q, err);
}

/* 1: the place holds the key's record, whole and with its objects. 0: the record does not count. ERR_IO: unknown; to
   take that for damage would run a known stage again. */
static int find_valid(struct store *s, struct find *f, const struct place *place, cJSON **out, struct error *err) {
    struct error why = {0};
    struct record_row row = {0};
    cJSON *tree = NULL;
    int rc = segment_read(s, place->segment, place->offset, place->length, &tree, &why);
    if (rc == ERR_NOT_FOUND && f->tries == 0) {
        f->moved = true;
        return 0;
    }
    if (rc == 0)
        rc = record_row_read(&row, tree, &why);
    if (rc == 0 && (!digest_equal(&row.key, f->key) || (f->platform && strcmp(row.platform, f->platform) != 0)))
        rc = error_set(&why, ERR_CORRUPT, "it belongs to another key: `retort fsck` rebuilds the index");
    if (rc == 0)
        rc = record_require(s, tree, &why);
    if (rc == 0) {
        *out = tree;
        return 1;
    }
    cJSON_Delete(tree);
    if (rc == ERR_IO)
        return error_set(err, rc, "%s", why.message);
    notice(s, "record at byte %" PRId64 " of %s is set aside: %s", place->offset, place->segment, why.message);
    return 0;
}

static int record_missing(const struct digest *key, struct error *err) {
    char hex[DIGEST_HEX_SIZE];
    digest_hex(hex, key);
    return error_set(err, ERR_NOT_FOUND, "%s: the store has no record of this key", hex);
}

int record_find(struct store *s, const struct digest *key, const char *platform, cJSON **out, struct place *where,
                struct error *err) {
    struct find f = {.key = key, .platform = platform};
    int rc = session_enter(s, err);
    if (rc == 0)
        rc = lease_key(s, key, err);
    if (rc < 0)
        return rc;
    do {
        f.moved = false;
        rc = index_retry(s, find_places, &f, err);
        for (size_t i = 0; rc == 0 && i < f.places.count; i++) {
            rc = find_valid(s, &f, &f.places.items[i], out, err);
            f.valid = i;
        }
    } while (rc == 0 && f.moved && f.tries++ == 0);
    if (rc > 0 && where) {
        *where = f.places.items[f.valid];
        f.places.items[f.valid].segment = NULL;
    }
    places_close(&f.places);
    return rc < 0 ? rc : rc > 0 ? 0 : record_missing(key, err);
}

int store_record_find(struct store *s, const struct digest *key, const char *platform, cJSON **out, struct error *err) {
    return record_find(s, key, platform, out, NULL, err);
}

/* ---- records that explain an unknown key ---- */

struct newest {
    enum record_group group;
    const char *name;
    size_t limit;
    struct places places;
};

/* 1: there are such records; 0: none. The search for the newest sorts, which takes ten times as long to find none. */
static int are_there(struct store *s, const struct newest *x, struct error *err) {
    static const enum statement statements[] = {SQL_RECORD_OF_STAGE, SQL_RECORD_OF_DECLARED, SQL_RECORD_OF_KIND};
    sqlite3_stmt *q;
    int rc = index_statement(&q, s, statements[x->group], err);
    if (rc < 0)
        return rc;
    sqlite3_bind_text(q, 1, x->name, -1, SQLITE_STATIC);
    int code = sqlite3_step(q);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        rc = index_error(s, err);
    sqlite3_reset(q);
    return rc < 0 ? rc : code == SQLITE_ROW;
}

static int newest_places(struct store *s, void *context, struct error *err) {
    static const enum statement statements[] = {SQL_RECORD_BY_STAGE, SQL_RECORD_BY_DECLARED, SQL_RECORD_BY_KIND};
    struct newest *x = context;
    sqlite3_stmt *q;
    places_close(&x->places);
    int rc = are_there(s, x, err);
    if (rc <= 0 || (rc = index_statement(&q, s, statements[x->group], err)) < 0)
        return rc;
    sqlite3_bind_text(q, 1, x->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(q, 2, (int64_t)x->limit);
    return places_collect(s, &x->places, q, err);
}

int store_record_newest(struct store *s, enum record_group group, const char *name, size_t limit, cJSON ***out,
                        size_t *count, struct error *err) {
    struct newest x = {.group = group, .name = name, .limit = limit};
    *out = NULL;
    *count = 0;
    int rc = session_enter(s, err);
    if (rc == 0)
        rc = index_retry(s, newest_places, &x, err);
    if (rc == 0 && x.places.count > 0)
        *out = mem_array(x.places.count, sizeof **out);
    for (size_t i = 0; rc == 0 && i < x.places.count; i++) {
        const struct place *p = &x.places.items[i];
        if (segment_read(s, p->segment, p->offset, p->length, &(*out)[*count], NULL) == 0)
            ++*count;
    }
    places_close(&x.places);
    return rc;
}
