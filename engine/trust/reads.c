#include "engine/trust/reads.h"

#include <string.h>

static int open_commit(void *context, const struct origin *o, bool foreign, struct error *err) {
    const struct reads *r = context;
    return r->inner->open(r->inner->context, o, foreign, err);
}

static int read_file(void *context, const struct origin *o, const char *path, size_t limit, struct buffer *out,
                     struct error *err) {
    struct reads *r = context;
    size_t before = out->size;
    int rc = r->inner->read(r->inner->context, o, path, limit, out, err);
    if (rc == 0)
        notes_add_bytes(&r->notes, o, "file", path, buffer_text(out) + before, out->size - before);
    return rc;
}

static int find_file(void *context, const struct origin *o, const char *path, enum origin_type *out,
                     struct error *err) {
    static const char *const types[] = {"none", "file", "folder"};
    struct reads *r = context;
    int rc = r->inner->find(r->inner->context, o, path, out, err);
    if (rc == 0)
        notes_add(&r->notes, o, "type", path, types[*out]);
    return rc;
}

struct listing {
    origin_visit *visit;
    void *visitor;
    struct buffer names;
};

static int meet_name(void *context, const char *name, struct error *err) {
    struct listing *l = context;
    buffer_append(&l->names, name, strlen(name) + 1);
    return l->visit(l->visitor, name, err);
}

static int list_folder(void *context, const struct origin *o, const char *folder, origin_visit *visit, void *visitor,
                       struct error *err) {
    struct reads *r = context;
    struct listing l = {.visit = visit, .visitor = visitor};
    int rc = r->inner->list(r->inner->context, o, folder, meet_name, &l, err);
    notes_add_bytes(&r->notes, o, "names", folder, buffer_text(&l.names), l.names.size);
    buffer_close(&l.names);
    return rc;
}

void reads_open(struct reads *out, const struct commits *inner) {
    *out = (struct reads){.inner = inner, .commits = {out, open_commit, read_file, find_file, list_folder}};
}

void reads_close(struct reads *r) {
    notes_close(&r->notes);
}
