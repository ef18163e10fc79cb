/*
 * fsck hashes every stored file, checks every line of every segment, looks for its objects and compares its index row.
 * It sets damaged files aside and writes wrong index rows anew. It leaves records alone: a record without its objects
 * does not count, and counts again when they come back. It also reads all runs and attempts.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/internal.h"

enum { HEADER_BYTES = 64 };

struct fsck {
    struct store *s;
    struct fsck_report report;
    struct digest_set missing;
    struct digest_set lines; /* checksums of all records */
    struct withdrawn {
        struct digest record;
        int64_t offset;
        char *segment;
    } * withdrawn; /* by all withdrawals */
    size_t withdrawn_count, withdrawn_capacity;
    void (*say)(void *context, const char *line);
    void *context;

    /* The segment that is being checked. */
    const char *segment;
    int64_t segment_id;
    uint64_t segment_rows; /* that the index should have */
    bool rows_wrong;
    bool index_replaced;
};

static void tell(struct fsck *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct fsck *f, const char *format, ...) {
    struct buffer b = {0};
    va_list args;
    va_start(args, format);
    buffer_vprintf(&b, format, args);
    va_end(args);
    f->say(f->context, buffer_text(&b));
    buffer_close(&b);
}

/* ---- objects ---- */

/* 1: the stored file looks like a listing and hashes as one. 0: it is none, or gone. ERR_IO: unknown; hashed as a
   file, a listing would count as damaged. */
static int is_listing(struct store *s, const struct digest *d, struct error *err) {
    char start[HEADER_BYTES];
    struct digest found;
    uint64_t size;
    char *path = store_object_path(s, d);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t got = fd < 0 ? 0 : pread(fd, start, sizeof start, 0);
    int rc = 0;
    if (fd < 0 && errno != ENOENT && errno != ELOOP)
        rc = error_errno(err, errno, "%s: cannot be opened", path);
    else if (got < 0)
        rc = error_errno(err, errno, "%s: cannot be read", path);
    else if (listing_begins(start, (size_t)got) && (rc = object_hash(&found, &size, fd, true, NULL, path, err)) == 0)
        rc = digest_equal(&found, d);
    if (fd >= 0)
        close(fd);
    free(path);
    return rc;
}

static int check_object(void *context, const struct digest *d, const char *path, struct error *err) {
    struct fsck *f = context;
    struct stat st;
    struct error why = {0};
    if (!d) {
        tell(f, "%s: is not the name of an object; left as it is", path);
        return 0;
    }
    f->report.objects++;
    int rc = object_stat(f->s, d, &st, &why);
    if (rc == ERR_NOT_FOUND) {
        f->report.damaged++;
        return object_set_aside(f->s, d, err); /* a link, or a directory */
    }
    if (rc == 0) {
        f->report.object_bytes += (uint64_t)st.st_size;
        rc = is_listing(f->s, d, &why);
    }
    if (rc >= 0)
        rc = object_examine(f->s, d, rc > 0, &why);
    store_notices(f->s, f->say, f->context);
    if (rc == ERR_CORRUPT)
        f->report.damaged++;
    else if (rc < 0 && rc != ERR_NOT_FOUND)
        return error_set(err, rc, "%s", why.message);
    return 0;
}

/* ---- records ---- */

static int require_out(void *context, const char *name, const struct object *o, struct error *err) {
    struct fsck *f = context;
    char hex[DIGEST_HEX_SIZE];
    struct error why = {0};
    int rc = store_object_require(f->s, o, &why);
    if (rc != ERR_NOT_FOUND && rc != ERR_CORRUPT)
        return rc < 0 ? error_set(err, rc, "%s", why.message) : 0;
    digest_hex(hex, &o->digest);
    if (digest_set_add(&f->missing, &o->digest))
        f->report.missing++;
    return error_set(err, ERR_NOT_FOUND, "out %s: the object %s is missing", name, hex);
}

static int check_record(struct fsck *f, const struct segment_span *span, struct error *err) {
    struct record_row row;
    struct error why = {0};
    cJSON *tree = NULL;
    bool has = false, withdrawn = false;
    if (!span->json || record_row_parse(&row, &tree, span->json, span->json_length, &why) < 0) {
        f->report.bad_lines++;
        tell(f, "actions/%s: the line at byte %" PRId64 " is damaged and does not count%s%s", f->segment, span->offset,
             *why.message ? ": " : "", why.message);
        return 0;
    }
    f->report.records++;
    digest_set_add(&f->lines, &span->checksum);
    int rc = record_outs(tree, require_out, f, &why);
    if (rc == ERR_NOT_FOUND) {
        f->report.orphaned++;
        tell(f, "actions/%s: the record of %s at byte %" PRId64 " does not count: %s", f->segment, row.stage,
             span->offset, why.message);
    }
    rc = rc < 0 && rc != ERR_NOT_FOUND ? error_set(err, rc, "%s", why.message)
                                       : tail_has_row(f->s, f->segment_id, span, &row, &has, err);
    if (rc == 0)
        rc = withdrawal_covers(&withdrawn, f->s, &span->checksum, err);
    f->segment_rows += !withdrawn;
    f->rows_wrong |= has == withdrawn;
    cJSON_Delete(tree);
    return rc;
}

static int check_withdrawal(struct fsck *f, const struct segment_span *span, const struct withdrawal *w,
                            struct error *err) {
    bool has = false;
    int rc = withdrawal_has_row(&has, f->s, f->segment_id, span->offset, w, err);
    f->segment_rows++;
    f->rows_wrong |= !has;
    mem_grow(f->withdrawn, &f->withdrawn_capacity, f->withdrawn_count + 1);
    f->withdrawn[f->withdrawn_count++] = (struct withdrawn){w->record, span->offset, mem_strdup(f->segment)};
    return rc;
}

static int check_span(void *context, const struct segment_span *span, struct error *err) {
    struct fsck *f = context;
    struct withdrawal w;
    cJSON *tree = NULL;
    int rc = withdrawal_parse(&w, &tree, span) ? check_withdrawal(f, span, &w, err) : check_record(f, span, err);
    cJSON_Delete(tree);
    return rc;
}

/* gc has removed the record, or its line is damaged. The next gc removes the withdrawal. */
static void tell_withdrawals_of_none(struct fsck *f) {
    for (size_t i = 0; i < f->withdrawn_count; i++) {
        const struct withdrawn *w = &f->withdrawn[i];
        if (!digest_set_has(&f->lines, &w->record))
            tell(f, "actions/%s: the withdrawal at byte %" PRId64 " names no record that is there", w->segment,
                 w->offset);
        free(w->segment);
    }
    free(f->withdrawn);
}

static int check_segment(struct fsck *f, const char *name, struct error *err) {
    struct stat st;
    int64_t indexed = 0;
    int64_t end = 0;
    uint64_t rows = 0;
    f->segment = name;
    f->segment_rows = 0;
    int fd = segment_open(f->s, name, err);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return error_errno(err, errno, "%s/actions/%s: cannot be examined", f->s->directory, name);
    int rc = tail_known(f->s, name, &f->segment_id, &indexed, &rows, err);
    if (rc == 0 && indexed != st.st_size) { /* a living engine may append: compare only the indexed part */
        rc = tail_index(f->s, name, err);
        if (rc == 0)
            rc = tail_known(f->s, name, &f->segment_id, &indexed, &rows, err);
    }
    f->rows_wrong = false;
    if (rc == 0)
        rc = segment_scan(f->s, name, 0, indexed, INT64_MAX, &end, check_span, f, err);
    if (rc < 0)
        return rc;
    if (end < indexed) { /* it was whole when it was indexed and has lost its newline */
        f->report.bad_lines++;
        tell(f, "actions/%s: the line at byte %" PRId64 " is damaged and does not count", name, end);
    }
    if (!f->rows_wrong && rows == f->segment_rows && end >= indexed)
        return 0;
    tell(f, "state.db: its rows for actions/%s are wrong; they are written anew", name);
    f->report.rebuilt += f->segment_rows;
    return tail_reindex(f->s, name, err);
}

/* ---- runs and attempts ---- */

struct documents {
    struct fsck *f;
    const char *member; /* that holds the name of the file */
    uint64_t *count;
};

static int check_document(void *context, const char *path, const char *name, struct error *err) {
    const struct documents *d = context;
    struct error why = {0};
    int rc = document_is(name) ? document_examine(path, d->member, &why) : ERR_NOT_FOUND;
    if (rc == ERR_NOT_FOUND)
        return 0; /* its stage has finished meanwhile */
    ++*d->count;
    if (rc == ERR_CORRUPT) {
        d->f->report.damaged_files++;
        tell(d->f, "%s", why.message);
        return 0;
    }
    return rc < 0 ? error_set(err, rc, "%s", why.message) : 0;
}

/* ---- all ---- */

static int check_index(struct fsck *f, struct error *err) {
    struct error why = {0};
    int rc = index_check(f->s, &why);
    f->index_replaced = rc == ERR_CORRUPT;
    if (f->index_replaced)
        return index_rebuild(f->s, why.message, err);
    return rc < 0 ? error_set(err, rc, "%s", why.message) : 0;
}

static int check_all(struct fsck *f, struct error *err) {
    struct texts names = {0};
    int rc = check_index(f, err);
    if (rc == 0)
        rc = object_each(f->s, check_object, f, err);
    if (rc == 0)
        rc = segment_names(f->s, &names, err);
    for (size_t i = 0; rc == 0 && i < names.count; i++)
        rc = check_segment(f, names.list[i], err);
    texts_close(&names);
    if (rc == 0)
        rc = layout_each(f->s, "runs", check_document, &(struct documents){f, "id", &f->report.runs}, err);
    if (rc == 0)
        rc = layout_each(f->s, "attempts", check_document, &(struct documents){f, "attempt", &f->report.attempts}, err);
    if (f->index_replaced)
        f->report.rebuilt = f->report.records;
    f->report.lost_segments = f->s->lost_segments;
    store_notices(f->s, f->say, f->context);
    return rc;
}

int store_fsck(const char *directory, struct fsck_report *out, void (*say)(void *context, const char *line),
               void *context, struct error *err) {
    struct fsck f = {.say = say, .context = context};
    int lock = -1;
    int rc = store_open(&f.s, directory, false, err);
    if (rc < 0)
        return rc;
    store_notices(f.s, say, context);
    rc = lease_lock_gc(&lock, f.s, false, err); /* gc removes no segment or object meanwhile */
    if (rc == 0)
        rc = check_all(&f, err);
    lease_leave(lock);
    *out = f.report;
    tell_withdrawals_of_none(&f);
    digest_set_close(&f.missing);
    digest_set_close(&f.lines);
    store_close(f.s);
    return rc;
}
