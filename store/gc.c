#include "store/gc.h"

#include <stdlib.h>

#include "engine/base/clock.h"

static int mark(struct gc *g, struct error *err) {
    int rc = g->options->dry_run ? 0 : lease_remove_dead(g->s, err);
    if (rc == 0)
        rc = lease_read(&g->book, g->s, err);
    if (rc == 0)
        rc = gc_mark_runs(g, err);
    if (rc == 0)
        rc = gc_mark_records(g, err);
    return rc < 0 ? rc : gc_mark_attempts(g, err);
}

/* Attempts name objects too, so they are removed before objects. */
static int remove_garbage(struct gc *g, struct error *err) {
    int rc = gc_remove_runs(g, err);
    if (rc == 0)
        rc = gc_remove_records(g, err);
    if (rc == 0)
        rc = gc_remove_files(g, err);
    return rc < 0 ? rc : gc_remove_objects(g, err);
}

static void close_gc(struct gc *g) {
    texts_close(&g->dropped);
    free(g->oldest);
    for (size_t i = 0; i < g->segment_count; i++) {
        free(g->segments[i].name);
        free(g->segments[i].lines);
    }
    free(g->segments);
    digest_set_close(&g->keys);
    digest_set_close(&g->runs);
    digest_set_close(&g->lines);
    digest_set_close(&g->records);
    digest_set_close(&g->attempts);
    digest_set_close(&g->objects);
    lease_book_close(&g->book);
}

int store_gc(struct store *s, const struct gc_options *options, struct gc_report *out, struct error *err) {
    *out = (struct gc_report){0};
    struct gc g = {.s = s, .options = options, .report = out, .now_s = clock_wall_s()};
    int lock = -1;
    int rc = lease_lock_gc(&lock, s, !options->dry_run, err);
    if (rc == 0)
        rc = mark(&g, err);
    if (rc == 0)
        rc = remove_garbage(&g, err);
    close_gc(&g);
    lease_leave(lock);
    return rc;
}
