#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/json_scan.h"
#include "engine/base/memory.h"
#include "store/internal.h"

struct coming_record *coming_add(struct coming_records *list) {
    mem_grow(list->items, &list->capacity, list->count + 1);
    list->items[list->count] = (struct coming_record){0};
    return &list->items[list->count++];
}

void coming_close(struct coming_records *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].json);
        free(list->items[i].texts);
        buffer_close(&list->items[i].known);
    }
    free(list->items);
    *list = (struct coming_records){0};
}

/* Copies the columns, whose texts are those of the caller's tree. */
static void keep_row(struct coming_record *c, const struct record_row *row) {
    size_t stage = strlen(row->stage) + 1, platform = strlen(row->platform) + 1;
    size_t kind = row->kind ? strlen(row->kind) + 1 : 0;
    c->texts = mem_array(stage + platform + kind, 1);
    c->row = *row;
    c->row.record = NULL;
    c->row.stage = memcpy(c->texts, row->stage, stage);
    c->row.platform = memcpy(c->texts + stage, row->platform, platform);
    c->row.kind = row->kind ? memcpy(c->texts + stage + platform, row->kind, kind) : NULL;
}

/* Queues a record whose columns and outs are good. */
static int queue_record(struct store *s, const cJSON *record, const struct record_row *row, bool foreign,
                        struct error *err) {
    struct coming_record c = {.json = json_canonical_text(record), .foreign = foreign};
    struct json_position at;
    size_t size = strlen(c.json);
    int rc = known_write(&c.known, record, err);
    if (rc == 0 && size > JSON_MAX_BYTES)
        rc = error_set(err, ERR_INVALID, "the record of %s has %zu bytes, more than the %zu that can be read back",
                       row->stage, size, JSON_MAX_BYTES);
    if (rc < 0) {
        free(c.json);
        buffer_close(&c.known);
        return rc;
    }
    keep_row(&c, row);
    c.readable = json_scan(c.json, size, &at, NULL) == 0;
    *coming_add(&s->queue) = c;
    return 0;
}

static int add(struct store *s, const cJSON *record, bool foreign, struct error *err) {
    struct record_row row;
    int rc = record_row_read(&row, record, err);
    if (rc == 0)
        rc = record_require(s, record, err);
    if (rc == 0 && foreign)
        rc = format_raise(s->directory, FORMAT_FOREIGN, err);
    return rc < 0 ? rc : queue_record(s, record, &row, foreign, err);
}

int store_record_add(struct store *s, const cJSON *record, struct error *err) {
    return add(s, record, false, err);
}

int store_record_check(const cJSON *record, struct error *err) {
    struct record_row row;
    return record_row_read(&row, record, err);
}

int store_record_import(struct store *s, const cJSON *record, struct error *err) {
    return add(s, record, true, err);
}

size_t store_queued(const struct store *s) {
    return s->queue.count;
}
