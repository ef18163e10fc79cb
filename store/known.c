/* Looks keys up in the index alone. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "store/internal.h"

enum { MOST_REPAIRS = 16 }; /* in one session: each waits for the disk */
enum verdict { NONE, FOUND, ASK_RECORD };

struct look_up {
    const struct digest *key;
    const char *platform;
    struct known_record *out;
    enum verdict verdict;
    bool damaged; /* a row does not match its guard */
};

static int require_outs(struct store *s, const struct known_record *r, struct error *err) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->out_count; i++)
        rc = store_object_require(s, &r->outs[i].object, err);
    return rc;
}

/* Whether the row counts. A damaged row, or one without outs, cannot say. If objects are missing, the record is set
   aside with a notice. */
static int judge_row(struct store *s, struct look_up *f, const struct known_row *row, struct error *err) {
    struct known_guard guard;
    struct error why;
    f->verdict = ASK_RECORD;
    if (!row->known && !row->guard) /* the record is too large for a row */
        return 0;
    f->damaged = true;
    if (!row->platform || !row->known || !row->guard || row->guard_size != sizeof guard.bytes)
        return 0;
    known_guard(&guard, s->hash, f->key, row->at, row->platform, row->known, row->known_size);
    if (memcmp(row->guard, guard.bytes, sizeof guard.bytes) != 0 ||
        !known_read(f->out, &s->known, row->known, row->known_size))
        return 0;
    f->damaged = false;
    f->verdict = NONE;
    if (f->platform && strcmp(row->platform, f->platform) != 0)
        return 0;
    int rc = require_outs(s, f->out, &why);
    if (rc == ERR_IO)
        return error_set(err, rc, "%s", why.message);
    f->verdict = rc == 0 ? FOUND : ASK_RECORD;
    return 0;
}

/* The rows of a key: those in memory, or those of the statement. */
struct row_source {
    const struct known_row *kept;
    sqlite3_stmt *q;
    int code; /* of the last step */
};

static bool next_row(struct known_row *out, struct row_source *from) {
    if (from->kept) {
        *out = *from->kept;
        from->kept = out->next;
        return true;
    }
    from->code = from->q ? sqlite3_step(from->q) : SQLITE_DONE;
    if (from->code == SQLITE_ROW)
        *out = known_row_read(from->q);
    return from->code == SQLITE_ROW;
}

/* Earliest first. Equal times are ordered by the names of their segments, as among records. */
static int judge_rows(struct store *s, struct look_up *f, struct row_source *from, struct error *err) {
    struct known_row row;
    int64_t before = -1;
    int rc = 0;
    while (rc == 0 && f->verdict != ASK_RECORD && next_row(&row, from)) {
        if (row.at == before)
            f->verdict = ASK_RECORD;
        else if (f->verdict == FOUND)
            break;
        else
            rc = judge_row(s, f, &row, err);
        before = row.at;
    }
    if (from->code != SQLITE_ROW && from->code != SQLITE_DONE)
        rc = index_error(s, err);
    return rc;
}

static int find_row(struct store *s, void *context, struct error *err) {
    struct look_up *f = context;
    struct row_source from = {.kept = known_rows_find(&s->session.rows, f->key), .code = SQLITE_DONE};
    int rc = from.kept ? 0 : index_statement(&from.q, s, SQL_RECORD_KNOWN, err);
    f->verdict = NONE;
    if (rc < 0)
        return rc;
    if (from.q)
        sqlite3_bind_blob(from.q, 1, f->key->bytes, sizeof f->key->bytes, SQLITE_STATIC);
    rc = judge_rows(s, f, &from, err);
    sqlite3_reset(from.q);
    return rc;
}

/* Reads the record itself, and writes its row anew where possible. */
static int ask_record(struct store *s, struct look_up *f, struct error *err) {
    struct buffer known = {0};
    struct place place = {0};
    cJSON *record = NULL;
    int rc = record_find(s, f->key, f->platform, &record, &place, err);
    if (rc == 0)
        rc = known_write(&known, record, err);
    if (rc == 0 && !known_read(f->out, &s->known, known.data, known.size))
        rc = error_set(err, ERR_CORRUPT, "%s/actions/%s: the record at byte %" PRId64 " cannot be read", s->directory,
                       place.segment, place.offset);
    if (rc == 0 && f->damaged && s->session.repaired++ < MOST_REPAIRS)
        tail_repair(s, place.segment, place.offset, place.length, NULL);
    cJSON_Delete(record);
    free(place.segment);
    buffer_close(&known);
    return rc;
}

int store_known_find(struct store *s, const struct digest *key, const char *platform, struct known_record *out,
                     struct error *err) {
    struct look_up f = {.key = key, .platform = platform, .out = out};
    known_rows_prepare(s);
    int rc = session_enter(s, err);
    if (rc == 0)
        rc = lease_key(s, key, err);
    if (rc == 0)
        rc = index_retry(s, find_row, &f, err);
    if (rc < 0 || f.verdict == FOUND)
        return rc;
    return f.verdict == ASK_RECORD ? ask_record(s, &f, err) : ERR_NOT_FOUND;
}
