#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "store/internal.h"
#include "store/side_by_side.h"

/* A file on its way out of the store. */
struct leaving {
    struct store *s;
    const struct digest *digest;
    const char *source, *path;
    bool executable;
    enum materialise how;
    const atomic_bool *stop; /* NULL: it is not stopped */
};

/* ERR_CORRUPT after a damaged object was set aside. */
static int copy_checked(const struct leaving *l, int to, int from, struct error *err) {
    struct digest found;
    struct sha256 *h = sha256_create();
    int rc = copy_bytes(to, from, h, NULL, l->stop, l->path, l->source, err);
    sha256_finish(h, &found);
    if (rc < 0 || digest_equal(&found, l->digest))
        return rc;
    rc = object_examine(l->s, l->digest, false, err);
    return rc < 0 ? rc : error_set(err, ERR_IO, "%s: differs from its source %s", l->path, l->source);
}

/* Gives the new file, which has its bytes, its mode, and closes it. */
static int finish_file(const struct leaving *l, int to, int rc, struct error *err) {
    bool writable = l->how == MATERIALISE_COPY;
    if (rc == 0 && !writable && fchmod(to, l->executable ? 0555 : 0444) < 0)
        rc = error_errno(err, errno, "%s: its mode cannot be set", l->path);
    if (rc == 0 && writable && fsync(to) < 0)
        rc = error_errno(err, errno, "%s: cannot be synced", l->path);
    if (close(to) < 0 && rc == 0)
        rc = error_errno(err, errno, "%s: cannot be written", l->path);
    if (rc != 0)
        unlink(l->path);
    return rc;
}

/* Opens the object, and a new file; `to` is -1 and nothing was made when it fails. */
static int open_both(int *to, int *from, const struct leaving *l, struct error *err) {
    mode_t mode = l->executable ? 0777 : 0666;
    *to = -1;
    *from = open(l->source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*from < 0)
        return error_set(err, errno == ENOENT || errno == ELOOP ? ERR_NOT_FOUND : ERR_IO, "%s: cannot be opened: %s",
                         l->source, strerror(errno));
    *to = open(l->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, l->how == MATERIALISE_COPY ? mode : 0600);
    return *to < 0 ? error_errno(err, errno, "%s: cannot be made", l->path) : 0;
}

/* 1: the file system, or the object's own mode, does not allow a link. */
static int link_out(const struct leaving *l, struct error *err) {
    struct stat st;
    int rc = object_stat(l->s, l->digest, &st, err);
    if (rc < 0)
        return rc;
    if (l->executable != !!(st.st_mode & S_IXUSR))
        return 1;
    rc = object_check_file(l->s, l->digest, false, false, err);
    if (rc < 0 || link(l->source, l->path) == 0)
        return rc;
    if (errno == EXDEV || errno == EMLINK || errno == EPERM || errno == EOPNOTSUPP)
        return 1;
    return error_errno(err, errno, "%s: cannot be made", l->path);
}

/* A file of its own: a clone or, where `copies`, a copy. 1: it can be neither. */
static int make_file(const struct leaving *l, bool copies, struct error *err) {
    int to, from, rc = open_both(&to, &from, l, err);
    if (rc == 0)
        rc = clone_file(l->s, to, from) ? object_check_file(l->s, l->digest, false, false, err) : 1;
    if (rc > 0 && copies)
        rc = copy_checked(l, to, from, err);
    if (from >= 0)
        close(from);
    return to >= 0 ? finish_file(l, to, rc, err) : rc;
}

static int materialise_file(struct store *s, const struct digest *d, bool executable, const char *path,
                            enum materialise how, const atomic_bool *stop, struct error *err) {
    if (stop && atomic_load(stop))
        return error_set(err, ERR_INTERRUPTED, "%s: interrupted before it was copied", path);
    char *source = store_object_path(s, d);
    const struct leaving l = {s, d, source, path, executable, how, stop};
    int rc = 1;
    if (how == MATERIALISE_LINK && !atomic_load(&s->no_reflink))
        rc = make_file(&l, false, err);
    if (how == MATERIALISE_LINK && rc > 0)
        rc = link_out(&l, err);
    if (rc > 0)
        rc = make_file(&l, true, err);
    free(source);
    return rc;
}

/* Syncs the folders at and below a path, each once: paths of one folder stand together. */
static int sync_folders(const char *path, const struct listing *l, struct error *err) {
    const char *before = "";
    int rc = file_sync(path, err);
    for (size_t i = 0; i < l->count; i++) {
        const char *name = l->entries[i].path;
        for (const char *slash = strchr(name, '/'); rc == 0 && slash; slash = strchr(slash + 1, '/')) {
            size_t length = (size_t)(slash - name) + 1;
            if (strncmp(before, name, length) == 0)
                continue;
            char *folder = mem_printf("%s/%.*s", path, (int)length, name);
            rc = file_sync(folder, err);
            free(folder);
        }
        before = name;
    }
    return rc;
}

/* Entries of one folder stand together: it is made once for all of them. */
static int make_folders(const char *path, const struct listing *l, struct error *err) {
    char *made = mem_strdup(path);
    int rc = mkdir(path, 0777) < 0 ? error_errno(err, errno, "%s: cannot be made", path) : 0;
    for (size_t i = 0; rc == 0 && i < l->count; i++) {
        char *entry = path_join(path, l->entries[i].path);
        char *folder = l->entries[i].directory ? mem_strdup(entry) : path_directory(entry);
        rc = strcmp(folder, made) == 0 ? 0 : file_make_directory(folder, err);
        free(entry);
        free(made);
        made = folder;
    }
    free(made);
    return rc;
}

struct leaving_files {
    struct store *s;
    const char *path;
    const struct listing *l;
    enum materialise how;
    const atomic_bool *stop;
};

static int materialise_entry(void *context, size_t index, struct error *err) {
    const struct leaving_files *f = context;
    const struct listing_entry *e = &f->l->entries[index];
    if (!listing_is_file(e))
        return 0;
    char *path = path_join(f->path, e->path);
    int rc = materialise_file(f->s, &e->digest, e->executable, path, f->how, f->stop, err);
    free(path);
    return rc;
}

/* Call when all files are there: nothing is written through a link. */
static int make_links(const char *path, const struct listing *l, struct error *err) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < l->count; i++) {
        const struct listing_entry *e = &l->entries[i];
        if (!e->link)
            continue;
        char *link = path_join(path, e->path);
        rc = symlink(e->link, link) < 0 ? error_errno(err, errno, "%s: cannot be made", link) : 0;
        free(link);
    }
    return rc;
}

/* `part` NULL: the whole directory. */
static int materialise_directory(struct store *s, const struct object *o, const char *part, const char *path,
                                 enum materialise how, const atomic_bool *stop, struct error *err) {
    struct listing l = {0};
    struct object found;
    struct leaving_files files = {s, path, &l, how, stop};
    int rc = object_check_file(s, &o->digest, true, false, err);
    if (rc == 0)
        rc = part ? listing_load_part(&l, s, &o->digest, part, &found, err) : listing_load(&l, s, &o->digest, err);
    if (rc == 0)
        rc = make_folders(path, &l, err);
    if (rc == 0)
        rc = side_by_side(l.count, FILES_A_THREAD, materialise_entry, &files, err);
    if (rc == 0)
        rc = make_links(path, &l, err);
    if (rc == 0 && how == MATERIALISE_COPY)
        rc = sync_folders(path, &l, err);
    listing_close(&l);
    return rc;
}

static int make_parent(const char *path, struct error *err) {
    char *parent = path_directory(path);
    int rc = file_make_directory(parent, err);
    free(parent);
    return rc;
}

static int materialise(struct store *s, const struct object *o, const char *path, enum materialise how,
                       const atomic_bool *stop, struct error *err) {
    int rc = make_parent(path, err);
    if (rc < 0)
        return rc;
    return o->directory ? materialise_directory(s, o, NULL, path, how, stop, err)
                        : materialise_file(s, &o->digest, o->executable, path, how, stop, err);
}

int store_materialise(struct store *s, const struct object *o, const char *path, enum materialise how,
                      struct error *err) {
    return materialise(s, o, path, how, NULL, err);
}

int store_copy(struct store *s, const struct object *o, const char *path, const atomic_bool *stop, struct error *err) {
    return materialise(s, o, path, MATERIALISE_COPY, stop, err);
}

int store_materialise_part(struct store *s, const struct object *whole, const char *part, const char *path,
                           enum materialise how, struct error *err) {
    int rc = make_parent(path, err);
    return rc < 0 ? rc : materialise_directory(s, whole, part, path, how, NULL, err);
}
