/*
 * Commits: queued records become a group, which is written while the engine goes on, and then get their rows in the
 * index.
 *
 *   store_group_begin    takes the queue, and the time that its records get     the store's thread
 *     store_group_write  names of objects, then lines of records, to the disk   any thread
 *   store_group_end      the records are durable, or are queued again           the store's thread
 *   store_index          one transaction for the groups since the last one      the store's thread
 *
 * The rows are made of what the store was told. A row must be the same as one that is read from the line. So a record
 * that the strict reader refuses gets none: its segment is read, and the line is left out as damaged.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "store/internal.h"

struct store_group {
    struct store *s;
    struct coming_records records;
    bool appended; /* or partly so */
};

void unindexed_close(struct unindexed *u) {
    free(u->segment);
    coming_close(&u->records);
    *u = (struct unindexed){0};
}

/* ---- a group ---- */

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

/* Moves the records of `from` behind those of `to`. */
static void move_records(struct coming_records *to, struct coming_records *from) {
    for (size_t i = 0; i < from->count; i++)
        *coming_add(to) = from->items[i];
    from->count = 0;
    coming_close(from);
}

int store_group_begin(struct store_group **out, struct store *s, struct error *err) {
    int64_t at = 0;
    *out = NULL;
    claim_heartbeat(s);
    if (s->queue.count == 0)
        return 0;
    int rc = index_retry(s, next_time, &at, err);
    if (rc < 0)
        return rc;
    if (!s->run_id)
        s->run_id = layout_new_id(clock_wall_s());
    if (s->writer.fd < 0)
        rc = segment_begin(s, err);
    if (rc < 0)
        return rc;
    struct store_group *g = mem_alloc(sizeof *g);
    *g = (struct store_group){.s = s, .records = s->queue};
    s->queue = (struct coming_records){0};
    s->writer.busy = true;
    for (size_t i = 0; i < g->records.count; i++)
        g->records.items[i].at = (at + (int64_t)i) | (g->records.items[i].foreign ? SEGMENT_FOREIGN : 0);
    *out = g;
    return 0;
}

int store_group_write(struct store_group *g, struct error *err) {
    struct buffer lines = {0};
    int64_t start;
    int rc = objects_sync(g->s, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < g->records.count; i++) {
        struct coming_record *c = &g->records.items[i];
        int64_t before = (int64_t)lines.size;
        segment_line(&lines, c->at, c->json);
        c->offset = before;
        c->length = (int64_t)lines.size - before;
    }
    g->appended = true;
    rc = segment_append(g->s, &lines, &start, err);
    for (size_t i = 0; i < g->records.count; i++)
        g->records.items[i].offset += start;
    buffer_close(&lines);
    return rc;
}

static void become_durable(struct store_group *g) {
    struct writer *w = &g->s->writer;
    struct unindexed *u = &g->s->unindexed;
    w->named = true;
    w->newest = segment_time(g->records.items[g->records.count - 1].at);
    for (size_t i = 0; i < g->records.count; i++) {
        u->reread |= !g->records.items[i].readable;
        free(g->records.items[i].json);
        g->records.items[i].json = NULL;
    }
    u->reread |= u->segment && strcmp(u->segment, w->name) != 0;
    free(u->segment);
    u->segment = mem_strdup(w->name);
    move_records(&u->records, &g->records);
}

void store_group_end(struct store_group *g, int rc) {
    struct store *s = g->s;
    s->writer.busy = false;
    if (rc == 0) {
        become_durable(g);
    } else { /* before those that were queued meanwhile */
        if (g->appended)
            segment_leave(s);
        move_records(&g->records, &s->queue);
        s->queue = g->records;
    }
    free(g);
}

/* ---- the index ---- */

static int index_records(struct store *s, void *context, struct error *err) {
    const struct unindexed *u = context;
    bool done = false;
    int rc = u->reread ? 0 : tail_add(s, u->segment, &u->records, &done, err);
    return rc < 0 || done ? rc : tail_refresh(s, err);
}

size_t store_unindexed(const struct store *s) {
    return s->unindexed.records.count;
}

int store_index(struct store *s, struct error *err) {
    if (store_unindexed(s) == 0)
        return 0;
    int rc = index_retry(s, index_records, &s->unindexed, err);
    if (rc == 0)
        unindexed_close(&s->unindexed);
    return rc;
}

int store_commit(struct store *s, struct error *err) {
    struct store_group *g;
    int rc = store_group_begin(&g, s, err);
    if (rc == 0 && g) {
        rc = store_group_write(g, err);
        store_group_end(g, rc);
    }
    return rc < 0 ? rc : store_index(s, err);
}
