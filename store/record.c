#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/internal.h"

static int require_out(void *context, const char *name, const struct object *o, struct error *err) {
    char hex[DIGEST_HEX_SIZE];
    struct error why = {0};
    int rc = store_object_require(context, o, &why);
    digest_hex(hex, &o->digest);
    if (rc == ERR_NOT_FOUND)
        return error_set(err, rc, "out %s: the object %s is missing", name, hex);
    return rc < 0 ? error_set(err, rc, "out %s: %s", name, why.message) : 0;
}

/* ---- adding ---- */

int store_record_add(struct store *s, const cJSON *record, struct error *err) {
    struct record_row row;
    int rc = record_row_read(&row, record, err);
    if (rc == 0)
        rc = record_outs(record, require_out, s, err);
    if (rc < 0)
        return rc;
    char *text = json_canonical_text(record);
    if (strlen(text) > JSON_MAX_BYTES) {
        rc = error_set(err, ERR_INVALID, "the record of %s has %zu bytes, more than the %zu that can be read back",
                       row.stage, strlen(text), JSON_MAX_BYTES);
        free(text);
        return rc;
    }
    mem_grow(s->queue, &s->queue_capacity, s->queue_count + 1);
    s->queue[s->queue_count++] = text;
    return 0;
}

size_t store_queued(const struct store *s) {
    return s->queue_count;
}

/* Later than every record that the index knows, also when the clock was set back: who comes later never wins. */
static int next_time(struct store *s, void *context, struct error *err) {
    int64_t *at = context;
    sqlite3_stmt *q;
    int rc = index_statement(&q, s, SQL_NEWEST, err);
    if (rc < 0)
        return rc;
    int64_t newest = s->writer.newest;
    if (sqlite3_step(q) == SQLITE_ROW) {
        if (sqlite3_column_int64(q, 0) > newest)
            newest = sqlite3_column_int64(q, 0);
    } else {
        rc = index_error(s, err);
    }
    sqlite3_reset(q);
    int64_t now = (int64_t)(clock_wall_s() * 1e9);
    *at = now > newest ? now : newest + 1;
    return rc;
}

static int index_own(struct store *s, void *context, struct error *err) {
    return tail_index(s, context, err);
}

int store_commit(struct store *s, struct error *err) {
    claim_heartbeat(s);
    if (s->queue_count == 0)
        return 0;
    struct buffer lines = {0};
    int64_t at = 0;
    int rc = objects_sync(s, err);
    if (rc == 0)
        rc = index_retry(s, next_time, &at, err);
    if (rc < 0)
        return rc;
    if (!s->run_id)
        s->run_id = layout_new_id(clock_wall_s());
    for (size_t i = 0; i < s->queue_count; i++)
        segment_line(&lines, at + (int64_t)i, s->queue[i]);
    rc = segment_append(s, &lines, err);
    buffer_close(&lines);
    if (rc < 0)
        return rc;
    /* From here on the records are on disk: a failure of the index is reported, but nothing is appended twice. */
    s->writer.newest = at + (int64_t)s->queue_count;
    for (size_t i = 0; i < s->queue_count; i++)
        free(s->queue[i]);
    s->queue_count = 0;
    return index_retry(s, index_own, s->writer.name, err);
}

/* ---- finding ---- */

struct place {
    char *segment;
    int64_t offset, length;
};

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
    int tries;
    bool moved; /* a segment is gone: gc may have put its records elsewhere, and the index says where */
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

/* 1: the record at a place is that of the key and whole, its objects too. 0: it does not count. ERR_IO: it cannot be told
   (to take that for damage would run again what is known). */
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
        rc = error_set(&why, ERR_CORRUPT, "it is that of another key: `retort fsck` rebuilds the index");
    if (rc == 0)
        rc = record_outs(tree, require_out, s, &why);
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

int store_record_find(struct store *s, const struct digest *key, const char *platform, cJSON **out, struct error *err) {
    struct find f = {.key = key, .platform = platform};
    int rc = lease_key(s, key, err);
    if (rc < 0)
        return rc;
    do {
        f.moved = false;
        rc = index_retry(s, find_places, &f, err);
        for (size_t i = 0; rc == 0 && i < f.places.count; i++)
            rc = find_valid(s, &f, &f.places.items[i], out, err);
    } while (rc == 0 && f.moved && f.tries++ == 0);
    places_close(&f.places);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    char hex[DIGEST_HEX_SIZE];
    digest_hex(hex, key);
    return error_set(err, ERR_NOT_FOUND, "%s: the store has no record of this key", hex);
}

/* ---- what could explain an unknown key ---- */

struct similar {
    const char *stage, *kind;
    size_t limit;
    struct places places;
};

static int collect_by(struct store *s, struct similar *x, enum statement which, const char *name, struct error *err) {
    sqlite3_stmt *q;
    if (!name || x->places.count >= x->limit)
        return 0;
    int rc = index_statement(&q, s, which, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(q, 2, (int64_t)(x->limit - x->places.count));
    if (which == SQL_RECORD_BY_KIND)
        sqlite3_bind_text(q, 3, x->stage ? x->stage : "", -1, SQLITE_STATIC);
    return places_collect(s, &x->places, q, err);
}

static int similar_places(struct store *s, void *context, struct error *err) {
    struct similar *x = context;
    places_close(&x->places);
    int rc = collect_by(s, x, SQL_RECORD_BY_STAGE, x->stage, err);
    return rc < 0 ? rc : collect_by(s, x, SQL_RECORD_BY_KIND, x->kind, err);
}

int store_record_similar(struct store *s, const char *stage, const char *kind, size_t limit, cJSON ***out,
                         size_t *count, struct error *err) {
    struct similar x = {.stage = stage, .kind = kind, .limit = limit};
    *out = NULL;
    *count = 0;
    int rc = index_retry(s, similar_places, &x, err);
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

/* ---- how long it may take ---- */

static double average(struct store *s, enum statement which, const char *name) {
    sqlite3_stmt *q;
    double result = NAN;
    if (!name || index_statement(&q, s, which, NULL) < 0)
        return NAN;
    sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
    if (sqlite3_step(q) == SQLITE_ROW && sqlite3_column_type(q, 0) != SQLITE_NULL)
        result = sqlite3_column_double(q, 0);
    sqlite3_reset(q);
    return result;
}

double store_estimate_s(struct store *s, const char *stage, const char *kind) {
    double by_stage = average(s, SQL_ESTIMATE_STAGE, stage);
    return isnan(by_stage) ? average(s, SQL_ESTIMATE_KIND, kind) : by_stage;
}
