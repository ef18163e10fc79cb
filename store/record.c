#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/internal.h"

int store_record_add(struct store *s, const cJSON *record, struct error *err) {
    struct record_row row;
    int rc = record_row_read(&row, record, err);
    if (rc == 0)
        rc = record_require(s, record, err);
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

/* A time after all records that the index knows, also when the clock was set back: a later record never wins. */
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
    /* The records are on disk now. A failure of the index is reported, but nothing is appended twice. */
    s->writer.newest = at + (int64_t)s->queue_count;
    for (size_t i = 0; i < s->queue_count; i++)
        free(s->queue[i]);
    s->queue_count = 0;
    return index_retry(s, index_own, s->writer.name, err);
}
