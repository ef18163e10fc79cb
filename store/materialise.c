#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "store/internal.h"

static int make_parents(const char *path, struct error *err) {
    char *directory = path_directory(path);
    int rc = file_make_directory(directory, err);
    free(directory);
    return rc;
}

/* Clones, or copies once and hashes on the way. ERR_CORRUPT after a damaged object was set aside. */
static int copy_checked(struct store *s, int to, int from, const struct digest *d, const char *path, const char *source,
                        struct error *err) {
    struct digest found;
    if (clone_file(s, to, from))
        return object_check_file(s, d, false, false, err);
    struct sha256 *h = sha256_create();
    int rc = copy_bytes(to, from, h, NULL, path, source, err);
    sha256_finish(h, &found);
    if (rc < 0 || digest_equal(&found, d))
        return rc;
    rc = object_examine(s, d, false, err);
    return rc < 0 ? rc : error_set(err, ERR_IO, "%s: is not what was copied from %s", path, source);
}

/* A file of the target's own. */
static int copy_out(struct store *s, int from, const struct digest *d, const char *source, const char *path,
                    bool executable, bool writable, struct error *err) {
    mode_t mode = executable ? 0777 : 0666;
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, writable ? mode : 0600);
    if (to < 0)
        return error_errno(err, errno, "%s: cannot be made", path);
    int rc = copy_checked(s, to, from, d, path, source, err);
    if (rc == 0 && !writable && fchmod(to, mode & 0555) < 0)
        rc = error_errno(err, errno, "%s: its mode cannot be set", path);
    if (rc == 0 && writable && fsync(to) < 0)
        rc = error_errno(err, errno, "%s: cannot be synced", path);
    if (close(to) < 0 && rc == 0)
        rc = error_errno(err, errno, "%s: cannot be written", path);
    if (rc < 0)
        unlink(path);
    return rc;
}

/* 1: the file system, or the object's own mode, does not allow a link. */
static int link_out(const struct store *s, int from, const char *source, const char *path, bool executable,
                    struct error *err) {
    struct stat st;
    if (!atomic_load(&s->no_reflink)) /* sharing blocks is safer than sharing an inode: the copier tries that first */
        return 1;
    if (fstat(from, &st) < 0)
        return error_errno(err, errno, "%s: cannot be examined", source);
    if (executable != !!(st.st_mode & S_IXUSR))
        return 1;
    if (link(source, path) == 0)
        return 0;
    if (errno == EXDEV || errno == EMLINK || errno == EPERM || errno == EOPNOTSUPP)
        return 1;
    return error_errno(err, errno, "%s: cannot be made", path);
}

static int materialise_file(struct store *s, const struct digest *d, bool executable, const char *path,
                            enum materialise how, struct error *err) {
    char *source = store_object_path(s, d);
    int from = open(source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int rc = 1;
    if (from < 0)
        rc = error_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: cannot be opened: %s", source,
                       strerror(errno));
    if (rc > 0 && how == MATERIALISE_LINK)
        rc = link_out(s, from, source, path, executable, err);
    if (rc > 0)
        rc = copy_out(s, from, d, source, path, executable, how == MATERIALISE_COPY, err);
    if (from >= 0)
        close(from);
    free(source);
    return rc;
}

/* What was made at a path and below it, each folder once: names that begin alike stand together. */
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

static int materialise_directory(struct store *s, const struct object *o, const char *path, enum materialise how,
                                 struct error *err) {
    struct listing l = {0};
    int rc = listing_load(&l, s, &o->digest, err);
    if (rc == 0 && mkdir(path, 0777) < 0)
        rc = error_errno(err, errno, "%s: cannot be made", path);
    for (size_t i = 0; rc == 0 && i < l.count; i++) {
        const struct listing_entry *e = &l.entries[i];
        char *entry = path_join(path, e->path);
        rc = e->directory ? file_make_directory(entry, err) : make_parents(entry, err);
        if (rc == 0 && !e->directory)
            rc = materialise_file(s, &e->digest, e->executable, entry, how, err);
        free(entry);
    }
    if (rc == 0 && how == MATERIALISE_COPY)
        rc = sync_folders(path, &l, err);
    listing_close(&l);
    return rc;
}

int store_materialise(struct store *s, const struct object *o, const char *path, enum materialise how,
                      struct error *err) {
    int rc = how == MATERIALISE_LINK ? object_check(s, o, err) : 0; /* a copy is hashed as it is made */
    if (rc == 0)
        rc = make_parents(path, err);
    if (rc < 0)
        return rc;
    return o->directory ? materialise_directory(s, o, path, how, err)
                        : materialise_file(s, &o->digest, o->executable, path, how, err);
}
