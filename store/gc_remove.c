/* Removes records and objects. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "store/gc.h"

enum { BATCH = 256, WRITE_SIZE = 1 << 20 };

/* ---- a segment without some of its lines ---- */

/* Keeps a line after all when an engine has looked it up since it was read. */
static int keep_line(struct gc *g, struct gc_segment *segment, struct gc_line *line, struct error *err) {
    cJSON *record = NULL;
    int rc = segment_read(g->s, segment->name, line->offset, line->length, &record, err);
    if (rc < 0)
        return rc;
    line->keep = true;
    segment->going--;
    g->report->kept_records++;
    rc = gc_keep_record(g, record, err);
    cJSON_Delete(record);
    return rc;
}

static int keep_needed(struct gc *g, struct gc_segment *segment, bool all, struct error *err) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < segment->count; i++) {
        struct gc_line *line = &segment->lines[i];
        if (!line->keep && line->counts && (all || gc_needs_key(g, &line->key)))
            rc = keep_line(g, segment, line, err);
    }
    return rc;
}

static int copy_line(struct gc *g, const struct gc_segment *segment, const struct gc_line *line, int from,
                     struct buffer *text, struct error *err) {
    char *bytes = mem_scratch((size_t)line->length);
    ssize_t got;
    do
        got = pread(from, bytes, (size_t)line->length, line->offset);
    while (got < 0 && errno == EINTR);
    int rc = got == line->length ? 0
                                 : error_errno(err, got < 0 ? errno : EIO, "%s/actions/%s: cannot be read",
                                               g->s->directory, segment->name);
    if (rc == 0)
        buffer_append(text, bytes, (size_t)line->length);
    free(bytes);
    return rc;
}

static int copy_lines(struct gc *g, const struct gc_segment *segment, int from, int to, const char *path,
                      struct error *err) {
    struct buffer text = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < segment->count; i++) {
        if (segment->lines[i].keep)
            rc = copy_line(g, segment, &segment->lines[i], from, &text, err);
        if (rc == 0 && (text.size >= WRITE_SIZE || i + 1 == segment->count)) {
            rc = file_write_all(to, text.data, text.size, path, err);
            buffer_clear(&text);
        }
    }
    buffer_close(&text);
    return rc;
}

/* Renames the file to the first free name of its run: "<run>.<n>.jsonl". The caller frees `*name`. */
static int name_segment(struct gc *g, const char *old, const char *path, char **name, struct error *err) {
    int stem = (int)strcspn(old, ".");
    for (unsigned n = 1;; n++) {
        *name = mem_printf("%.*s.%u.jsonl", stem, old, n);
        if (rename_new(g->s->actions_fd, *name, AT_FDCWD, path) == 0)
            break;
        int failed = errno;
        free(*name);
        *name = NULL;
        if (failed != EEXIST)
            return error_errno(err, failed, "%s: cannot be renamed", path);
    }
    return fsync(g->s->actions_fd) < 0 ? error_errno(err, errno, "%s/actions: cannot be synced", g->s->directory) : 0;
}

/* Writes the kept lines to a new segment, which gets its name when it is whole and synced. */
static int write_anew(struct gc *g, const struct gc_segment *segment, int from, char **name, struct error *err) {
    char *path = layout_path(g->s, "actions", ".gc");
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int rc = to < 0 ? error_errno(err, errno, "%s: cannot be made", path) : 0;
    if (rc == 0)
        rc = copy_lines(g, segment, from, to, path, err);
    if (rc == 0 && fsync(to) < 0)
        rc = error_errno(err, errno, "%s: cannot be synced", path);
    lease_leave(to);
    if (rc == 0)
        rc = name_segment(g, segment->name, path, name, err);
    free(path);
    return rc;
}

static int index_new(struct store *s, void *context, struct error *err) {
    return tail_index(s, context, err);
}

static int forget_old(struct store *s, void *context, struct error *err) {
    bool known;
    return tail_forget(s, context, &known, err);
}

/* The index forgets the segment first, so that it never names records that are gone. It forgets it again afterwards,
   since another engine may have read the segment in between. */
static int remove_segment(struct gc *g, struct gc_segment *segment, struct error *err) {
    struct store *s = g->s;
    int rc = index_retry(s, forget_old, segment->name, err);
    if (rc == 0 && unlinkat(s->actions_fd, segment->name, 0) < 0 && errno != ENOENT)
        rc = error_errno(err, errno, "%s/actions/%s: cannot be removed", s->directory, segment->name);
    return rc < 0 ? rc : index_retry(s, forget_old, segment->name, err);
}

static void count_lines(struct gc *g, const struct gc_segment *segment) {
    g->report->records += segment->going;
    for (size_t i = 0; i < segment->count; i++)
        if (!segment->lines[i].keep)
            g->report->bytes += (uint64_t)segment->lines[i].length;
}

/* Call with `lease` locked. A segment with a writer belongs to an engine that lives, or lived a moment ago. */
static int replace_segment(struct gc *g, struct gc_segment *segment, struct error *err) {
    struct stat st;
    char *name = NULL;
    int fd = openat(g->s->actions_fd, segment->name, O_RDWR | O_CLOEXEC);
    int rc = fd < 0 ? error_errno(err, errno, "%s/actions/%s: cannot be opened", g->s->directory, segment->name) : 0;
    if (rc < 0)
        return rc;
    bool quiet = flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_size == segment->size;
    rc = keep_needed(g, segment, !quiet, err);
    bool torn = segment->count == 0 ||
                segment->lines[segment->count - 1].offset + segment->lines[segment->count - 1].length < segment->size;
    if (rc == 0 && quiet && (segment->going > 0 || torn)) {
        if (segment->going < segment->count)
            rc = write_anew(g, segment, fd, &name, err);
        if (rc == 0 && name)
            rc = index_retry(g->s, index_new, name, err);
        if (rc == 0)
            rc = remove_segment(g, segment, err);
        if (rc == 0)
            count_lines(g, segment);
    }
    close(fd);
    free(name);
    return rc;
}

int gc_remove_records(struct gc *g, struct error *err) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < g->segment_count; i++) {
        int lock = -1;
        if (g->options->dry_run) {
            count_lines(g, &g->segments[i]);
            continue;
        }
        rc = lease_enter(&lock, &g->book, g->s, err);
        if (rc == 0)
            rc = replace_segment(g, &g->segments[i], err);
        lease_leave(lock);
    }
    if (rc == 0 && g->segment_count > 0 && !g->options->dry_run && fsync(g->s->actions_fd) < 0)
        rc = error_errno(err, errno, "%s/actions: cannot be synced", g->s->directory);
    return rc;
}

/* ---- objects ---- */

struct batch {
    struct gc *g;
    struct victim {
        struct digest digest;
        uint64_t size;
    } items[BATCH];
    size_t count;
};

static bool is_needed(const struct gc *g, const struct digest *d) {
    return digest_set_has(&g->objects, d) || digest_set_has(&g->book.notes, d);
}

static int remove_object(struct gc *g, const struct victim *v, struct error *err) {
    char name[OBJECT_NAME_SIZE];
    object_name(name, &v->digest);
    if (!g->options->dry_run && unlinkat(g->s->objects_fd, name, 0) < 0 && errno != ENOENT)
        return error_errno(err, errno, "%s/objects/%s: cannot be removed", g->s->directory, name);
    g->report->objects++;
    g->report->bytes += v->size;
    return 0;
}

/* Keeps objects that an engine has noted meanwhile. */
static int remove_batch(struct batch *b, struct error *err) {
    struct gc *g = b->g;
    int lock = -1;
    int rc = b->count == 0 || g->options->dry_run ? 0 : lease_enter(&lock, &g->book, g->s, err);
    for (size_t i = 0; rc == 0 && i < b->count; i++)
        if (!is_needed(g, &b->items[i].digest))
            rc = remove_object(g, &b->items[i], err);
    lease_leave(lock);
    b->count = 0;
    return rc;
}

static int judge_object(void *context, const struct digest *d, const char *path, struct error *err) {
    struct batch *b = context;
    struct gc *g = b->g;
    (void)path;
    if (!d)
        return 0;
    struct stat st;
    int rc = object_stat(g->s, d, &st, err);
    if (rc < 0)
        return rc == ERR_NOT_FOUND ? 0 : rc; /* gone, or no object: a case for fsck */
    gc_progress(g, "objects looked at", g->report->kept_objects + g->report->objects);
    if (is_needed(g, d) || gc_is_young(g, (double)st.st_ctim.tv_sec)) {
        g->report->kept_objects++;
        g->report->kept_bytes += (uint64_t)st.st_size;
        return 0;
    }
    b->items[b->count++] = (struct victim){*d, (uint64_t)st.st_size};
    return b->count == BATCH ? remove_batch(b, err) : 0;
}

int gc_remove_objects(struct gc *g, struct error *err) {
    struct batch *b = mem_alloc(sizeof *b);
    b->g = g;
    int rc = object_each(g->s, judge_object, b, err);
    if (rc == 0)
        rc = remove_batch(b, err);
    free(b);
    return rc;
}
