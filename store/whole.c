/* Checks whole objects: a file, or a directory with all files of its listing. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "store/internal.h"

#define LISTING_MAX_BYTES ((size_t)1 << 30)

int listing_load(struct listing *out, struct store *s, const struct digest *d, struct error *err) {
    struct buffer text = {0};
    struct digest found;
    char *path = store_object_path(s, d);
    int rc = file_read(&text, path, LISTING_MAX_BYTES, err);
    if (rc < 0)
        goto out;
    listing_digest(&found, text.data, text.size);
    if (!digest_equal(&found, d)) {
        rc = object_set_aside(s, d, err);
        if (rc == 0)
            rc = error_set(err, ERR_CORRUPT, "%s: is damaged; it was set aside in objects/damaged", path);
        goto out;
    }
    rc = listing_parse(out, buffer_text(&text), text.size, err);
    if (rc < 0 && err)
        error_prefix(err, "%s", path);
out:
    buffer_close(&text);
    free(path);
    return rc;
}

static int check_object(struct store *s, const struct object *o, bool always, struct error *err) {
    struct listing l = {0};
    int rc = object_check_file(s, &o->digest, o->directory, always, err);
    if (rc < 0 || !o->directory)
        return rc;
    rc = listing_load(&l, s, &o->digest, err);
    for (size_t i = 0; rc == 0 && i < l.count; i++)
        if (listing_is_file(&l.entries[i]))
            rc = object_check_file(s, &l.entries[i].digest, false, always, err);
    listing_close(&l);
    return rc;
}

int store_object_check(struct store *s, const struct object *o, struct error *err) {
    return check_object(s, o, false, err);
}

int store_object_verify(struct store *s, const struct object *o, struct error *err) {
    return check_object(s, o, true, err);
}

static int require_files(struct store *s, const struct object *o, struct error *err) {
    struct listing l = {0};
    int rc = listing_load(&l, s, &o->digest, err);
    if (rc == 0 && l.size != o->size)
        rc = error_set(err, ERR_CORRUPT, "the directory holds %" PRIu64 " bytes and not %" PRIu64, l.size, o->size);
    for (size_t i = 0; rc == 0 && i < l.count; i++)
        if (listing_is_file(&l.entries[i]))
            rc = object_present(s, &l.entries[i].digest, l.entries[i].size, false, false, err);
    listing_close(&l);
    return rc;
}

int store_object_require(struct store *s, const struct object *o, struct error *err) {
    if (session_has_seen(s, &o->digest))
        return 0;
    int rc = object_present(s, &o->digest, o->size, o->directory, o->directory, err);
    if (rc == 0 && o->directory)
        rc = require_files(s, o, err);
    if (rc == 0)
        session_see(s, &o->digest);
    return rc;
}

int store_object_each_file(struct store *s, const struct object *o, store_file_visit *visit, void *context,
                           struct error *err) {
    struct listing l = {0};
    int rc = o->directory ? listing_load(&l, s, &o->digest, err) : 0;
    for (size_t i = 0; rc == 0 && i < l.count; i++)
        if (listing_is_file(&l.entries[i]))
            rc = visit(context, &l.entries[i].digest, false, err);
    listing_close(&l);
    return rc < 0 ? rc : visit(context, &o->digest, o->directory, err);
}

/* ---- parts ---- */

/* Leaves the entries below a folder, with their paths from there on. */
static void keep_below(struct listing *l, const char *folder) {
    size_t kept = 0;
    l->size = 0;
    for (size_t i = 0; i < l->count; i++) {
        struct listing_entry e = l->entries[i];
        const char *below = path_below(e.path, folder);
        if (below && *below) {
            memmove(e.path, below, strlen(below) + 1);
            l->size += e.size;
            l->entries[kept++] = e;
        } else {
            free(e.path);
            free(e.link);
        }
    }
    l->count = kept;
}

/* The real place of a part: a link of the whole may lead there. NULL: there is none. The caller frees. */
static char *find_part(struct object *found, const struct listing *l, const char *part) {
    char *path = listing_follow(l, part);
    *found = (struct object){.directory = true};
    for (size_t i = 0; path && i < l->count; i++) {
        const struct listing_entry *e = &l->entries[i];
        if (strcmp(e->path, path) == 0 && !e->directory)
            *found = (struct object){.digest = e->digest, .size = e->size, .executable = e->executable};
    }
    return path;
}

int listing_load_part(struct listing *out, struct store *s, const struct digest *whole, const char *part,
                      struct object *found, struct error *err) {
    int rc = listing_load(out, s, whole, err);
    if (rc < 0)
        return rc;
    char *path = find_part(found, out, part);
    if (!path)
        rc = error_set(err, ERR_INVALID, "the folder has no \"%s\"", part);
    else if (*path)
        keep_below(out, path);
    if (rc == 0)
        rc = listing_check_links(out, part, err);
    if (rc < 0)
        listing_close(out);
    free(path);
    return rc;
}

int store_object_part(struct store *s, const struct object *whole, const char *part, struct object *out,
                      struct error *err) {
    struct listing l = {0};
    struct buffer text = {0};
    int rc = listing_load_part(&l, s, &whole->digest, part, out, err);
    if (rc == 0 && out->directory) {
        listing_write(&text, &l);
        listing_digest(&out->digest, text.data, text.size);
        out->size = l.size;
    }
    buffer_close(&text);
    listing_close(&l);
    return rc;
}
