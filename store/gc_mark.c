/* Marks the records, attempts and objects that kept runs need. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/gc.h"
#include "store/record_format.h"

bool gc_needs_key(const struct gc *g, const struct digest *key) {
    return digest_set_has(&g->keys, key) || digest_set_has(&g->book.notes, key);
}

bool gc_needs_run_of(const struct gc *g, const char *attempt) {
    size_t length = strlen(attempt);
    for (int parts = 0; parts < 2; parts++) {
        while (length > 0 && attempt[length - 1] != '-')
            length--;
        length -= length > 0;
    }
    struct digest run = lease_name(attempt, length);
    return digest_set_has(&g->runs, &run) || digest_set_has(&g->book.notes, &run);
}

void gc_keep_attempt(struct gc *g, const char *attempt) {
    char *file_name = layout_encode(attempt);
    struct digest d = lease_name(file_name, strlen(file_name));
    digest_set_add(&g->attempts, &d);
    free(file_name);
}

bool gc_needs_attempt(const struct gc *g, const char *file_name) {
    struct digest d = lease_name(file_name, strlen(file_name));
    return digest_set_has(&g->attempts, &d);
}

/* ---- objects ---- */

/* A directory's listing names files. Without the listing the record does not count and keeps nothing. */
static int keep_object(void *context, const char *name, const struct object *o, struct error *err) {
    struct gc *g = context;
    struct listing l = {0};
    struct error why = {0};
    (void)name;
    if (!digest_set_add(&g->objects, &o->digest) || !o->directory)
        return 0;
    int rc = listing_load(&l, g->s, &o->digest, &why);
    for (size_t i = 0; rc == 0 && i < l.count; i++)
        if (listing_is_file(&l.entries[i]))
            digest_set_add(&g->objects, &l.entries[i].digest);
    listing_close(&l);
    return rc == 0 || rc == ERR_NOT_FOUND || rc == ERR_CORRUPT ? 0 : error_set(err, rc, "%s", why.message);
}

int gc_keep_record(struct gc *g, const cJSON *record, struct error *err) {
    const struct record_view view = record_read(record);
    const char *attempt = view.attempt;
    struct error why = {0};
    struct digest diff;
    int rc = record_outs(record, keep_object, g, &why);
    if (digest_parse(&diff, view.diff))
        digest_set_add(&g->objects, &diff);
    if (*attempt)
        gc_keep_attempt(g, attempt);
    return rc == 0 || rc == ERR_INVALID ? 0 : error_set(err, rc, "%s", why.message); /* a failed attempt has no outs */
}

/* ---- records ---- */

struct reading {
    struct gc *g;
    struct gc_segment segment;
    bool run_is_kept;
};

/* A segment is named after its run; so is one that gc has written. */
static bool is_needed(const struct reading *r, const struct segment_span *span, const struct digest *key) {
    return r->run_is_kept || gc_needs_key(r->g, key) || gc_is_young(r->g, (double)segment_time(span->at) / 1e9);
}

static int read_record(struct reading *r, struct gc_line *line, const struct segment_span *span, const cJSON *tree,
                       struct error *err) {
    struct gc *g = r->g;
    struct record_row row = {0};
    if (record_row_read(&row, tree, NULL) < 0)
        return 0;
    struct digest sum = lease_name(span->json, span->json_length);
    line->key = row.key;
    line->counts = !digest_set_has(&g->lines, &sum);
    line->keep = line->counts && is_needed(r, span, &row.key);
    digest_set_add(&g->records, &span->checksum);
    g->report->kept_records += line->keep;
    if (!line->keep)
        return 0;
    digest_set_add(&g->lines, &sum);
    return gc_keep_record(g, tree, err);
}

/* It stays for now: drop_withdrawals knows all records. */
static void read_withdrawal(struct reading *r, struct gc_line *line, const struct segment_span *span,
                            const struct withdrawal *w) {
    line->key = w->key;
    line->record = w->record;
    line->withdraws = r->segment.withdraws = true;
    line->keep = line->counts = digest_set_add(&r->g->lines, &span->checksum);
}

/* A line with a wrong checksum is no record. Of two equal lines the first is kept. */
static int read_line(void *context, const struct segment_span *span, struct error *err) {
    struct reading *r = context;
    struct gc *g = r->g;
    struct gc_line line = {.offset = span->offset, .length = span->length};
    struct withdrawal w;
    cJSON *tree = NULL;
    int rc = 0;
    if (withdrawal_parse(&w, &tree, span))
        read_withdrawal(r, &line, span, &w);
    else if (span->json && (tree = cJSON_ParseWithLength(span->json, span->json_length)))
        rc = read_record(r, &line, span, tree, err);
    cJSON_Delete(tree);
    r->segment.going += !line.keep;
    mem_grow(r->segment.lines, &r->segment.capacity, r->segment.count + 1);
    r->segment.lines[r->segment.count++] = line;
    gc_progress(g, "records read", g->report->kept_records + r->segment.going);
    return rc;
}

/* A segment that ends within a line loses that part, too. */
static int read_segment(struct gc *g, const char *name, struct error *err) {
    struct digest run = lease_name(name, strcspn(name, "."));
    struct reading r = {.g = g, .run_is_kept = digest_set_has(&g->runs, &run)};
    struct stat st;
    int64_t end = 0;
    int fd = segment_open(g->s, name, err);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return error_errno(err, errno, "%s/actions/%s: cannot be examined", g->s->directory, name);
    int rc = segment_scan(g->s, name, 0, st.st_size, INT64_MAX, &end, read_line, &r, err);
    if (rc == 0 && (r.segment.going > 0 || r.segment.withdraws || end < st.st_size || r.segment.count == 0)) {
        r.segment.name = mem_strdup(name);
        r.segment.size = st.st_size;
        mem_grow(g->segments, &g->segment_capacity, g->segment_count + 1);
        g->segments[g->segment_count++] = r.segment;
    } else {
        free(r.segment.lines);
    }
    return rc;
}

/* Those of records that are gone. */
static void drop_withdrawals(struct gc *g) {
    for (size_t i = 0; i < g->segment_count; i++)
        for (size_t k = 0; g->segments[i].withdraws && k < g->segments[i].count; k++) {
            struct gc_line *line = &g->segments[i].lines[k];
            bool goes = line->withdraws && line->keep && !digest_set_has(&g->records, &line->record);
            g->segments[i].going += goes;
            line->keep &= !goes;
            line->counts &= !goes;
        }
}

int gc_mark_records(struct gc *g, struct error *err) {
    struct texts names = {0};
    int rc = segment_names(g->s, &names, err);
    for (size_t i = 0; rc == 0 && i < names.count; i++)
        rc = read_segment(g, names.list[i], err);
    drop_withdrawals(g);
    texts_close(&names);
    return rc;
}

/* ---- attempts ---- */

static bool needs_attempt_record(const struct gc *g, const cJSON *record, const char *path) {
    struct digest key;
    struct stat st;
    return gc_needs_run_of(g, record_read(record).attempt) || (record_key(&key, record) && gc_needs_key(g, &key)) ||
           stat(path, &st) < 0 || gc_is_young(g, (double)st.st_mtim.tv_sec);
}

static int mark_attempt(void *context, const char *path, const char *name, struct error *err) {
    struct gc *g = context;
    struct json_document *document = NULL;
    struct error why = {0};
    int rc = name[0] == '.' ? 0 : json_read(&document, path, NULL, &why);
    if (rc == ERR_IO)
        return error_set(err, rc, "%s", why.message);
    rc = document && needs_attempt_record(g, json_root(document), path) ? gc_keep_record(g, json_root(document), err)
                                                                        : 0;
    json_free(document);
    return rc;
}

int gc_mark_attempts(struct gc *g, struct error *err) {
    return layout_each(g->s, "attempts", mark_attempt, g, err);
}
