/* Checks a bundle, and takes its results into a store. */
#include "engine/bundle/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/plan/action.h"
#include "store/record_format.h"

struct listing_text {
    struct digest digest; /* of the folder */
    struct buffer text;
};

static bool begins(const char *name, const char *folder) {
    return strncmp(name, folder, strlen(folder)) == 0;
}

/* "objects/ab/cdef..." */
static bool object_of(struct digest *out, const char *name) {
    char hex[DIGEST_HEX_SIZE];
    const char *digits = name + sizeof BUNDLE_OBJECTS - 1;
    if (!begins(name, BUNDLE_OBJECTS) || strlen(digits) != DIGEST_HEX_SIZE || digits[2] != '/')
        return false;
    snprintf(hex, sizeof hex, "%.2s%s", digits, digits + 3);
    return digest_parse(out, hex);
}

/* A folder's object has a digest of its own kind, so another than its bytes. */
static bool is_listing(const struct bundle_file *f, struct digest *object) {
    return object_of(object, f->name) && !digest_equal(object, &f->digest);
}

/* ---- the check ---- */

static int check_begin(void *context, const struct bundle_file *f, struct error *err) {
    struct import *i = context;
    struct digest object;
    if (is_listing(f, &object)) {
        mem_grow(i->listings, &i->listing_capacity, i->listing_count + 1);
        i->listings[i->listing_count++] = (struct listing_text){.digest = object};
        return 0;
    }
    if (object_of(&object, f->name) || begins(f->name, BUNDLE_PIPELINE) || begins(f->name, BUNDLE_LOGS) ||
        begins(f->name, BUNDLE_DIFFS) || strcmp(f->name, BUNDLE_RECORDS) == 0 || strcmp(f->name, BUNDLE_CRATE) == 0)
        return 0;
    return error_set(err, ERR_INVALID, "\"%s\" has no place in a bundle", f->name);
}

static int check_bytes(void *context, const struct bundle_file *f, const void *bytes, size_t size, struct error *err) {
    struct import *i = context;
    struct digest object;
    (void)err;
    if (is_listing(f, &object))
        buffer_append(&i->listings[i->listing_count - 1].text, bytes, size);
    else if (strcmp(f->name, BUNDLE_RECORDS) == 0)
        buffer_append(&i->text, bytes, size);
    return 0;
}

static int check_end(void *context, const struct bundle_file *f, struct error *err) {
    const struct import *i = context;
    struct digest object;
    if (!is_listing(f, &object))
        return 0;
    const struct buffer *text = &i->listings[i->listing_count - 1].text;
    int rc = store_listing_check(&object, buffer_text(text), text->size, err);
    return rc < 0 && err ? error_prefix(err, "\"%s\"", f->name) : rc;
}

static int check_record(const cJSON *record, const char *line, size_t size, struct error *err) {
    struct digest key, found;
    if (cJSON_GetObjectItemCaseSensitive(record, "retort_withdrawal"))
        return error_set(err, ERR_INVALID, "it is a withdrawal; those hold in their own store alone");
    int rc = store_record_check(record, err);
    if (rc < 0)
        return rc;
    components_key(&found, record_read(record).components);
    if (!record_key(&key, record) || !digest_equal(&key, &found))
        return error_set(err, ERR_INVALID, "its key is not the digest of its own components");
    char *canonical = json_canonical_text(record);
    if (strlen(canonical) != size || memcmp(canonical, line, size) != 0)
        rc = error_set(err, ERR_INVALID, "it is not in canonical form (RFC 8785)");
    free(canonical);
    return rc;
}

static int parse_line(struct import *i, const char *line, size_t size, struct error *err) {
    struct json_document *doc = NULL;
    int rc = json_parse(&doc, line, size, NULL, err);
    if (rc == 0)
        rc = check_record(json_root(doc), line, size, err);
    if (rc < 0) {
        json_free(doc);
        return rc;
    }
    mem_grow(i->records, &i->capacity, i->count + 1);
    i->records[i->count++] = json_detach(doc);
    return 0;
}

static int parse_records(struct import *i, const char *path, struct error *err) {
    const char *text = buffer_text(&i->text), *end = text + i->text.size;
    int rc = 0;
    for (size_t number = 1; rc == 0 && text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t size = newline ? (size_t)(newline - text) : (size_t)(end - text);
        rc = parse_line(i, text, size, err);
        if (rc < 0 && err)
            error_prefix(err, "%s: " BUNDLE_RECORDS ", line %zu", path, number);
        text += size + 1;
    }
    buffer_close(&i->text);
    return rc;
}

int import_check(struct import *out, const char *path, const struct bundle_watch *watch, struct error *err) {
    *out = (struct import){0};
    const struct bundle_visitor visitor = {out, check_begin, check_bytes, check_end};
    int rc = bundle_read(&out->bundle, path, &visitor, watch, err);
    return rc < 0 ? rc : parse_records(out, path, err);
}

void import_close(struct import *i) {
    for (size_t k = 0; k < i->count; k++)
        cJSON_Delete(i->records[k]);
    for (size_t k = 0; k < i->listing_count; k++)
        buffer_close(&i->listings[k].text);
    free(i->records);
    free(i->listings);
    buffer_close(&i->text);
    bundle_close(&i->bundle);
}

/* ---- objects ---- */

/* Files go through one name in a folder of work/, and none of the bundle's names is used. */
struct putting {
    struct store *store;
    char *work, *file;
    int fd;
};

static bool is_file_object(const struct bundle_file *f, struct digest *object) {
    return object_of(object, f->name) && digest_equal(object, &f->digest);
}

static int put_begin(void *context, const struct bundle_file *f, struct error *err) {
    struct putting *p = context;
    struct digest object;
    p->fd = -1;
    if (!is_file_object(f, &object))
        return 0;
    p->fd = open(p->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return p->fd < 0 ? error_errno(err, errno, "%s: cannot be made", p->file) : 0;
}

static int put_bytes(void *context, const struct bundle_file *f, const void *bytes, size_t size, struct error *err) {
    const struct putting *p = context;
    (void)f;
    return p->fd < 0 ? 0 : file_write_all(p->fd, bytes, size, p->file, err);
}

static int put_end(void *context, const struct bundle_file *f, struct error *err) {
    struct putting *p = context;
    struct object o;
    if (p->fd < 0)
        return 0;
    close(p->fd);
    p->fd = -1;
    int rc = store_object_put(p->store, AT_FDCWD, p->file, &o, err);
    if (rc == 0 && !digest_equal(&o.digest, &f->digest))
        rc = error_set(err, ERR_CORRUPT, "%s: changed while it was stored", p->file);
    return rc;
}

static int put_objects(struct import *i, struct store *s, const char *path, const struct bundle_watch *watch,
                       struct error *err) {
    struct putting p = {.store = s, .work = store_work_path(s, "import"), .fd = -1};
    p.file = path_join(p.work, "object");
    const struct bundle_visitor visitor = {&p, put_begin, put_bytes, put_end};
    int rc = file_make_directory(p.work, err);
    if (rc == 0)
        rc = bundle_read(&i->bundle, path, &visitor, watch, err);
    if (p.fd >= 0)
        close(p.fd);
    for (size_t k = 0; rc == 0 && k < i->listing_count; k++)
        rc = store_listing_put(s, &i->listings[k].digest, buffer_text(&i->listings[k].text), i->listings[k].text.size,
                               err);
    file_remove_tree(p.work, NULL);
    free(p.file);
    free(p.work);
    return rc;
}

/* ---- records ---- */

static int add_record(struct import_report *out, struct store *s, const cJSON *record, struct error *err) {
    struct known_record known;
    struct digest key;
    record_key(&key, record);
    int rc = store_known_find(s, &key, NULL, &known, err);
    if (rc == 0) {
        out->known++;
        return 0;
    }
    if (rc != ERR_NOT_FOUND)
        return rc;
    struct error why = {0};
    rc = store_record_import(s, record, &why);
    out->added += rc == 0;
    out->lacking += rc == ERR_NOT_FOUND;
    return rc == 0 || rc == ERR_NOT_FOUND ? 0 : error_set(err, rc, "%s", why.message);
}

int import_store(struct import_report *out, struct import *i, struct store *s, const char *path,
                 const struct bundle_watch *watch, struct error *err) {
    *out = (struct import_report){0};
    int rc = put_objects(i, s, path, watch, err);
    for (size_t k = 0; rc == 0 && k < i->count; k++)
        rc = add_record(out, s, i->records[k], err);
    return rc < 0 ? rc : store_commit(s, err);
}
