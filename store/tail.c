/* Reads new lines of the segments into the index, whichever engine appended them. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/internal.h"

/* Bytes of lines in one transaction, which limits how long other engines wait. */
#define TRANSACTION_BYTES ((int64_t)4 << 20)

/* `known` is bound as it stands until the statement has run. */
static void bind_row(sqlite3_stmt *q, struct sha256 *h, int64_t segment, const struct segment_span *span,
                     const struct record_row *row, const struct buffer *known) {
    struct known_guard guard;
    sqlite3_bind_int64(q, 1, segment);
    sqlite3_bind_int64(q, 2, span->offset);
    sqlite3_bind_int64(q, 3, span->length);
    sqlite3_bind_int64(q, 4, span->at);
    sqlite3_bind_blob(q, 5, row->key.bytes, sizeof row->key.bytes, SQLITE_STATIC);
    sqlite3_bind_text(q, 6, row->stage, -1, SQLITE_STATIC);
    sqlite3_bind_text(q, 7, row->stage, record_declared_length(row->stage), SQLITE_STATIC);
    sqlite3_bind_text(q, 8, row->kind, -1, SQLITE_STATIC);
    sqlite3_bind_text(q, 9, row->platform, -1, SQLITE_STATIC);
    if (!isnan(row->wall_s))
        sqlite3_bind_double(q, 10, row->wall_s);
    if (known->size > MOST_KNOWN_BYTES)
        return;
    known_guard(&guard, h, &row->key, span->at, row->platform, known->data, known->size);
    sqlite3_bind_blob(q, 11, known->data, (int)known->size, SQLITE_STATIC);
    sqlite3_bind_blob(q, 12, guard.bytes, sizeof guard.bytes, SQLITE_TRANSIENT);
}

static int add_row(struct store *s, int64_t segment, const struct segment_span *span, const struct record_row *row,
                   const struct buffer *known, struct error *err) {
    sqlite3_stmt *q = NULL;
    int rc = index_statement(&q, s, SQL_RECORD_ADD, err);
    if (rc < 0)
        return rc;
    bind_row(q, s->hash, segment, span, row, known);
    return index_step(s, q, err);
}

int tail_has_row(struct store *s, int64_t segment, const struct segment_span *span, const struct record_row *row,
                 bool *has, struct error *err) {
    sqlite3_stmt *q = NULL;
    struct buffer known = {0};
    int rc = known_write(&known, row->record, err);
    if (rc == 0)
        rc = index_statement(&q, s, SQL_RECORD_AT, err);
    if (rc == 0) {
        bind_row(q, s->hash, segment, span, row, &known);
        int code = sqlite3_step(q);
        *has = code == SQLITE_ROW;
        if (code != SQLITE_ROW && code != SQLITE_DONE)
            rc = index_error(s, err);
        sqlite3_reset(q);
    }
    buffer_close(&known);
    return rc;
}

/* ---- one segment ---- */

struct indexing {
    struct store *s;
    const char *name;
    int64_t id;
    int64_t newest;
};

static int index_record(struct indexing *x, const struct segment_span *span, struct error *err) {
    struct record_row row = {0};
    struct buffer known = {0};
    cJSON *tree = NULL;
    struct error why = {0};
    bool withdrawn;
    if (!span->json || record_row_parse(&row, &tree, span->json, span->json_length, &why) < 0) {
        notice(x->s, "%s/actions/%s: the line at byte %" PRId64 " is left out: %s", x->s->directory, x->name,
               span->offset, span->json ? why.message : "its bytes are not those that were written");
        return 0;
    }
    int rc = withdrawal_covers(&withdrawn, x->s, &span->checksum, err);
    if (rc == 0 && !withdrawn)
        rc = known_write(&known, row.record, err);
    if (rc == 0 && !withdrawn)
        rc = add_row(x->s, x->id, span, &row, &known, err);
    buffer_close(&known);
    cJSON_Delete(tree);
    return rc;
}

static int index_span(void *context, const struct segment_span *span, struct error *err) {
    struct indexing *x = context;
    struct withdrawal w;
    cJSON *tree = NULL;
    int rc = withdrawal_parse(&w, &tree, span) ? withdrawal_index(x->s, x->id, span->offset, &w, err)
                                               : index_record(x, span, err);
    if (segment_time(span->at) > x->newest) /* 0: the line is damaged */
        x->newest = segment_time(span->at);
    cJSON_Delete(tree);
    return rc;
}

static int step_for(struct store *s, enum statement which, int64_t id, struct error *err) {
    sqlite3_stmt *q = NULL;
    int rc = index_statement(&q, s, which, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(q, 1, id);
    return index_step(s, q, err);
}

static int drop_rows(struct store *s, int64_t segment, struct error *err) {
    int rc = step_for(s, SQL_SEGMENT_ROWS_DROP, segment, err);
    return rc < 0 ? rc : withdrawal_forget(s, segment, err);
}

static int get_segment(struct store *s, const char *name, bool add, int64_t *id, int64_t *indexed, int64_t *newest,
                       struct error *err) {
    sqlite3_stmt *q = NULL;
    int rc = index_statement(&q, s, SQL_SEGMENT_GET, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
    int code = sqlite3_step(q);
    *id = *indexed = *newest = 0;
    if (code == SQLITE_ROW) {
        *id = sqlite3_column_int64(q, 0);
        *indexed = sqlite3_column_int64(q, 1);
        *newest = sqlite3_column_int64(q, 2);
    } else if (code != SQLITE_DONE) {
        rc = index_error(s, err);
    }
    sqlite3_reset(q);
    if (code != SQLITE_DONE || !add)
        return rc;
    rc = index_statement(&q, s, SQL_SEGMENT_ADD, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
    rc = index_step(s, q, err);
    *id = sqlite3_last_insert_rowid(s->index.db);
    return rc;
}

static int set_segment(struct store *s, int64_t id, int64_t indexed, int64_t seen, int64_t newest, struct error *err) {
    sqlite3_stmt *q = NULL;
    int rc = index_statement(&q, s, SQL_SEGMENT_SET, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(q, 1, id);
    sqlite3_bind_int64(q, 2, indexed);
    sqlite3_bind_int64(q, 3, seen);
    sqlite3_bind_int64(q, 4, newest);
    return index_step(s, q, err);
}

/* Lines of this store are synced before they are indexed, but for those that are being written. */
static bool is_own(const struct store *s, const char *name) {
    return s->writer.name && !s->writer.busy && strcmp(s->writer.name, name) == 0;
}

/* Within a transaction: indexes the next lines of a segment whose first `synced` bytes are on disk. `*done` when
   none is left. */
static int index_step_lines(struct store *s, const char *name, int fd, int64_t synced, bool *done, struct error *err) {
    struct indexing x = {.s = s, .name = name};
    struct stat st;
    int64_t indexed = 0;
    int64_t end = 0;
    int rc = get_segment(s, name, true, &x.id, &indexed, &x.newest, err);
    /* Its name must be synced like its bytes: an engine may have died before it did that. */
    if (rc == 0 && indexed == 0 && !is_own(s, name) && fsync(s->actions_fd) < 0)
        rc = error_errno(err, errno, "%s/actions: cannot be synced", s->directory);
    /* Examined with the database locked: since the sync its owner may have appended and indexed lines. */
    if (rc == 0 && fstat(fd, &st) < 0)
        rc = error_errno(err, errno, "%s/actions/%s: cannot be examined", s->directory, name);
    if (rc == 0 && (indexed < 0 || indexed > st.st_size)) { /* the file has lost its end, whose records do not count */
        notice(s, "%s/actions/%s: is shorter than it was; indexed anew", s->directory, name);
        s->lost_segments++;
        rc = drop_rows(s, x.id, err);
        indexed = x.newest = 0;
    }
    if (rc == 0)
        rc = segment_scan(s, name, indexed, synced, TRANSACTION_BYTES, &end, index_span, &x, err);
    *done = end - indexed < TRANSACTION_BYTES;
    /* Other engines take this size as a sign that nothing is left to read, so it is set when all lines are in. */
    return rc < 0 ? rc : set_segment(s, x.id, end, *done && synced > end ? synced : end, x.newest, err);
}

int tail_index(struct store *s, const char *name, struct error *err) {
    struct stat st;
    bool done = false;
    int fd = segment_open(s, name, err);
    if (fd < 0)
        return fd;
    /* Another engine may have written lines and not synced them. After a power cut the index must not know more than
       the segments. The sync runs without the database's lock. */
    if (fstat(fd, &st) < 0 || (!is_own(s, name) && fdatasync(fd) < 0))
        return error_errno(err, errno, "%s/actions/%s: cannot be synced", s->directory, name);
    int64_t synced = st.st_size;
    int rc = 0;
    while (rc == 0 && !done) {
        rc = index_begin(s, err);
        if (rc < 0)
            return rc;
        if (fstat(fd, &st) == 0 && st.st_nlink == 0) { /* gc has moved its records */
            index_rollback(s);
            return 0;
        }
        rc = index_step_lines(s, name, fd, synced, &done, err);
        if (rc == 0)
            rc = index_commit(s, err);
        else
            index_rollback(s);
    }
    return rc;
}

/* ---- lines that this store has appended ---- */

/* Whether the index ends where the records begin, and the segment has all of their lines. */
static bool continues(struct store *s, const char *name, int64_t indexed, const struct coming_records *records) {
    const struct coming_record *first = &records->items[0], *last = &records->items[records->count - 1];
    struct stat st;
    int fd = segment_open(s, name, NULL);
    return fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink > 0 && indexed == first->offset &&
           st.st_size >= last->offset + last->length;
}

static int add_rows(struct store *s, const char *name, const struct coming_records *records, bool *done,
                    struct error *err) {
    int64_t id, indexed, newest, end = 0;
    int rc = get_segment(s, name, true, &id, &indexed, &newest, err);
    *done = rc == 0 && continues(s, name, indexed, records);
    for (size_t i = 0; rc == 0 && *done && i < records->count; i++) {
        const struct coming_record *c = &records->items[i];
        const struct segment_span span = {.offset = c->offset, .length = c->length, .at = c->at};
        rc = c->withdraws ? withdrawal_index(s, id, c->offset, &c->withdrawal, err)
                          : add_row(s, id, &span, &c->row, &c->known, err);
        newest = segment_time(c->at) > newest ? segment_time(c->at) : newest;
        end = c->offset + c->length;
    }
    return rc < 0 || !*done ? rc : set_segment(s, id, end, end, newest, err);
}

int tail_add(struct store *s, const char *name, const struct coming_records *records, bool *done, struct error *err) {
    int rc = index_begin(s, err);
    if (rc < 0)
        return rc;
    rc = add_rows(s, name, records, done, err);
    if (rc == 0 && *done)
        return index_commit(s, err);
    index_rollback(s);
    return rc;
}

static int count_rows(struct store *s, int64_t segment, uint64_t *rows, struct error *err) {
    sqlite3_stmt *q = NULL;
    int rc = index_statement(&q, s, SQL_RECORD_COUNT, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(q, 1, segment);
    if (sqlite3_step(q) == SQLITE_ROW)
        *rows = (uint64_t)sqlite3_column_int64(q, 0);
    else
        rc = index_error(s, err);
    sqlite3_reset(q);
    return rc;
}

int tail_known(struct store *s, const char *name, int64_t *id, int64_t *indexed, uint64_t *rows, struct error *err) {
    int64_t newest;
    *rows = 0;
    index_read_begin(s); /* reads both at one moment: the segment's owner may index more */
    int rc = get_segment(s, name, false, id, indexed, &newest, err);
    if (rc == 0)
        rc = count_rows(s, *id, rows, err);
    index_read_end(s);
    return rc;
}

int tail_repair(struct store *s, const char *name, int64_t offset, int64_t length, struct error *err) {
    struct indexing x = {.s = s, .name = name};
    int64_t indexed, end;
    int rc = index_begin(s, err);
    if (rc < 0)
        return rc;
    rc = get_segment(s, name, false, &x.id, &indexed, &x.newest, err);
    if (rc == 0 && x.id != 0)
        rc = segment_scan(s, name, offset, offset + length, length, &end, index_span, &x, err);
    if (rc == 0)
        return index_commit(s, err);
    index_rollback(s);
    return rc;
}

/* ---- all segments ---- */

struct known_segment {
    char *name;
    int64_t seen;
};

static int known_segments(struct store *s, struct known_segment **out, size_t *count, struct error *err) {
    sqlite3_stmt *q = NULL;
    size_t capacity = 0;
    int code;
    int rc = index_statement(&q, s, SQL_SEGMENTS, err);
    if (rc < 0)
        return rc;
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        const unsigned char *name = sqlite3_column_text(q, 0);
        mem_grow(*out, &capacity, *count + 1);
        (*out)[(*count)++] =
            (struct known_segment){mem_strdup(name ? (const char *)name : ""), sqlite3_column_int64(q, 1)};
    }
    if (code != SQLITE_DONE)
        rc = index_error(s, err);
    sqlite3_reset(q);
    return rc;
}

int tail_forget(struct store *s, const char *name, bool *known, struct error *err) {
    int64_t id = 0;
    int64_t unused;
    int rc = index_begin(s, err);
    if (rc < 0)
        return rc;
    rc = get_segment(s, name, false, &id, &unused, &unused, err);
    *known = id != 0;
    if (rc == 0 && id != 0)
        rc = drop_rows(s, id, err);
    if (rc == 0 && id != 0)
        rc = step_for(s, SQL_SEGMENT_DROP, id, err);
    if (rc == 0)
        return index_commit(s, err);
    index_rollback(s);
    return rc;
}

int tail_reindex(struct store *s, const char *name, struct error *err) {
    bool known;
    int rc = tail_forget(s, name, &known, err);
    return rc < 0 ? rc : tail_index(s, name, err);
}

static int refresh_one(struct store *s, const char *name, int64_t seen, struct error *err) {
    struct stat st;
    if (fstatat(s->actions_fd, name, &st, 0) < 0 && errno == ENOENT)
        return 0; /* gc has moved its records meanwhile */
    if (fstatat(s->actions_fd, name, &st, 0) < 0)
        return error_errno(err, errno, "%s/actions/%s: cannot be examined", s->directory, name);
    int rc = st.st_size == seen ? 0 : tail_index(s, name, err);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* Both lists are sorted by name. */
int tail_refresh(struct store *s, struct error *err) {
    struct texts names = {0};
    struct known_segment *known = NULL;
    size_t known_count = 0;
    size_t k = 0;
    int rc = known_segments(s, &known, &known_count, err);
    if (rc == 0)
        rc = segment_names(s, &names, err);
    for (size_t i = 0; rc == 0 && i <= names.count; i++) {
        while (rc == 0 && k < known_count && (i == names.count || strcmp(known[k].name, names.list[i]) < 0)) {
            bool still; /* else gc or another engine has handled it */
            rc = tail_forget(s, known[k].name, &still, err);
            if (rc == 0 && still) {
                notice(s, "%s/actions/%s: is gone, and its records with it", s->directory, known[k].name);
                s->lost_segments++;
            }
            k++;
        }
        if (rc < 0 || i == names.count)
            break;
        bool is_known = k < known_count && strcmp(known[k].name, names.list[i]) == 0;
        rc = refresh_one(s, names.list[i], is_known ? known[k++].seen : -1, err);
    }
    for (size_t i = 0; i < known_count; i++)
        free(known[i].name);
    free(known);
    texts_close(&names);
    return rc;
}
