/*
 * Puts content into objects/. A file there is always whole and synced under its digest: it is hashed, sealed and synced
 * first, and only then renamed. The next commit syncs the names, before it writes a record that needs them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "store/internal.h"
#include "store/side_by_side.h"

enum { PLACE_TRIES = 100 };

/* ---- placing ---- */

/* 1: the store has the object, whole, and ours is dropped. 0: it has not. ERR_IO: unknown. */
static int have_already(struct store *s, const struct digest *d, uint64_t size, bool listing, struct error *err) {
    struct error why = {0};
    int rc = object_present(s, d, size, false, listing, &why);
    if (rc == ERR_NOT_FOUND || rc == ERR_CORRUPT)
        return 0;
    return rc < 0 ? error_set(err, rc, "%s", why.message) : 1;
}

static int make_folder(const struct store *s, const char *name, struct error *err) {
    char folder[3] = {name[0], name[1], '\0'};
    if (mkdirat(s->objects_fd, folder, 0777) == 0 || errno == EEXIST)
        return 0;
    return error_errno(err, errno, "%s/objects/%s: cannot be made", s->directory, folder);
}

/* Moves a sealed file to its name. */
static int place(struct store *s, int at, const char *path, const struct digest *d, uint64_t size, bool listing,
                 struct error *err) {
    char name[OBJECT_NAME_SIZE];
    object_name(name, d);
    int rc = 0;
    for (int tries = 0; rc == 0; tries++) {
        if (rename_new(s->objects_fd, name, at, path) == 0) {
            object_set_checked(s, d); /* it was hashed on its way */
            break;
        }
        if (errno == ENOENT && tries == 0)
            rc = make_folder(s, name, err);
        else if (errno != EEXIST || tries == PLACE_TRIES)
            rc = error_errno(err, errno, "%s: cannot be moved to %s/objects/%s", path, s->directory, name);
        else if ((rc = have_already(s, d, size, listing, err)) > 0)
            rc = unlinkat(at, path, 0) < 0 ? error_errno(err, errno, "%s: cannot be removed", path) : 1;
        else if (rc == 0)
            rc = object_set_aside(s, d, err); /* the file under its name is no such object */
    }
    if (rc < 0)
        return rc;
    objects_mark(s, d); /* another engine may have placed it and not synced the name yet */
    return 0;
}

/* Seals, syncs and places an open file whose digest is known. If the store has it, only removes the file. */
static int seal_and_place(struct store *s, int fd, int at, const char *path, const struct object *o, uint64_t size,
                          struct error *err) {
    int rc = lease_object(s, &o->digest, err); /* before it is looked for: gc takes nothing away that is found here */
    if (rc < 0)
        return rc;
    rc = have_already(s, &o->digest, size, o->directory, err);
    if (rc < 0)
        return rc;
    if (rc > 0) {
        objects_mark(s, &o->digest);
        return unlinkat(at, path, 0) < 0 ? error_errno(err, errno, "%s: cannot be removed", path) : 0;
    }
    rc = object_seal(fd, o->executable, path, err);
    return rc < 0 ? rc : place(s, at, path, &o->digest, size, o->directory, err);
}

/* ---- files ---- */

static int open_source(int *fd, struct stat *st, int at, const char *path, struct error *err) {
    *fd = openat(at, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
    if (*fd < 0 && errno == ENOENT)
        return error_set(err, ERR_NOT_FOUND, "%s: does not exist", path);
    if (*fd < 0 && errno == ELOOP)
        return error_set(err, ERR_INVALID, "%s: is a symbolic link; only files and directories can be stored", path);
    if (*fd < 0 && errno == ENXIO)
        return error_set(err, ERR_INVALID, "%s: is a socket; only files and directories can be stored", path);
    if (*fd < 0)
        return error_errno(err, errno, "%s: cannot be opened", path);
    if (fstat(*fd, st) < 0)
        return error_errno(err, errno, "%s: cannot be examined", path);
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
        return error_set(err, ERR_INVALID, "%s: is a device or pipe; only files and directories can be stored", path);
    return 0;
}

/* A file that changes while it is hashed would get a wrong digest. */
static int check_still(int fd, const struct stat *before, uint64_t size, const char *path, struct error *err) {
    struct stat after;
    if (fstat(fd, &after) < 0)
        return error_errno(err, errno, "%s: cannot be examined", path);
    if ((uint64_t)before->st_size == size && before->st_size == after.st_size &&
        before->st_mtim.tv_sec == after.st_mtim.tv_sec && before->st_mtim.tv_nsec == after.st_mtim.tv_nsec)
        return 0;
    return error_set(err, ERR_FAILED, "%s: was written to while it was stored: a process that wrote it still runs",
                     path);
}

/* Clones or copies into a temporary file, and hashes the bytes that arrived. */
static int fill_temporary(struct store *s, int to, int from, const char *temporary, const char *path, struct object *o,
                          struct error *err) {
    if (clone_file(s, to, from))
        return object_hash(&o->digest, &o->size, to, false, NULL, temporary, err);
    struct sha256 *h = sha256_create();
    int rc = copy_bytes(to, from, h, &o->size, NULL, temporary, path, err);
    sha256_finish(h, &o->digest);
    return rc;
}

static int copy_open_file(struct store *s, int from, const struct stat *st, const char *path, struct object *out,
                          struct error *err) {
    struct object o = {.executable = st->st_mode & S_IXUSR};
    char *temporary = layout_temporary(s);
    int to = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc = to < 0 ? error_errno(err, errno, "%s: cannot be made", temporary) : 0;
    if (rc == 0)
        rc = fill_temporary(s, to, from, temporary, path, &o, err);
    if (rc == 0)
        rc = check_still(from, st, o.size, path, err);
    if (rc == 0)
        rc = seal_and_place(s, to, AT_FDCWD, temporary, &o, o.size, err);
    if (rc < 0 && to >= 0)
        unlink(temporary);
    if (to >= 0)
        close(to);
    free(temporary);
    if (rc == 0)
        *out = o;
    return rc;
}

/* Files can be moved only out of a folder that its owner may write to. Whether it is one now. */
static bool make_folder_writable(int at, const char *path) {
    char *folder = path_directory(path);
    bool writable = faccessat(at, folder, W_OK, 0) == 0 || fchmodat(at, folder, S_IRWXU, 0) == 0;
    free(folder);
    return writable;
}

static int put_open_file(struct store *s, int fd, const struct stat *st, int at, const char *path, struct object *out,
                         struct error *err) {
    struct object o = {.executable = st->st_mode & S_IXUSR};
    /* A file with a second name is somebody else's too (an input, a user's file), so it is copied. So is another
       user's file (a container's root): it cannot be sealed, nor removed from its folder. */
    bool others = !make_folder_writable(at, path) || (geteuid() != 0 && st->st_uid != geteuid());
    if (st->st_nlink > 1 || others) {
        int rc = copy_open_file(s, fd, st, path, out, err);
        if (rc == 0 && unlinkat(at, path, 0) < 0 && !others)
            rc = error_errno(err, errno, "%s: cannot be removed", path);
        return rc;
    }
    int rc = object_hash(&o.digest, &o.size, fd, false, NULL, path, err);
    if (rc == 0)
        rc = check_still(fd, st, o.size, path, err);
    if (rc == 0)
        rc = seal_and_place(s, fd, at, path, &o, o.size, err);
    if (rc == 0)
        *out = o;
    return rc;
}

/* ---- directories ---- */

enum how { PUT_MOVE, PUT_HASH };

struct putting {
    struct store *s;
    enum how how;
    int at; /* paths are relative to this folder */
};

static int hash_open_file(int fd, const struct stat *st, const char *path, struct object *out, struct error *err) {
    struct object o = {.executable = st->st_mode & S_IXUSR};
    int rc = object_hash(&o.digest, &o.size, fd, false, NULL, path, err);
    if (rc == 0)
        rc = check_still(fd, st, o.size, path, err);
    if (rc == 0)
        *out = o;
    return rc;
}

static int store_open_file(const struct putting *t, int fd, const struct stat *st, const char *path, struct object *out,
                           struct error *err) {
    if (t->how == PUT_HASH)
        return hash_open_file(fd, st, path, out, err);
    return put_open_file(t->s, fd, st, t->at, path, out, err);
}

static int put_file(const struct putting *t, const char *path, struct object *out, struct error *err) {
    struct stat st = {0};
    int fd = -1;
    int rc = open_source(&fd, &st, t->at, path, err);
    if (rc == 0 && !S_ISREG(st.st_mode))
        rc = error_set(err, ERR_FAILED, "%s: changed while it was stored: a process that wrote it still runs", path);
    if (rc == 0)
        rc = store_open_file(t, fd, &st, path, out, err);
    if (fd >= 0)
        close(fd);
    return rc;
}

/* Walking only notes names: their files are taken together. */
static int note_file(void *context, const char *path, const struct stat *seen, struct object *out, struct error *err) {
    (void)context;
    (void)path;
    (void)seen;
    (void)err;
    *out = (struct object){0};
    return 0;
}

struct taken_files {
    const struct putting *t;
    const char *folder;
    struct listing *l;
};

static int put_entry(void *context, size_t index, struct error *err) {
    const struct taken_files *f = context;
    struct listing_entry *e = &f->l->entries[index];
    struct object o = {0};
    if (!listing_is_file(e))
        return 0;
    char *path = path_join(f->folder, e->path);
    int rc = put_file(f->t, path, &o, err);
    free(path);
    if (rc < 0)
        return rc;
    e->digest = o.digest;
    e->size = o.size;
    e->executable = o.executable;
    return 0;
}

static int put_files(const struct putting *t, const char *folder, struct listing *l, struct error *err) {
    struct taken_files f = {t, folder, l};
    int rc = side_by_side(l->count, FILES_A_THREAD, put_entry, &f, err);
    for (size_t i = 0; i < l->count; i++)
        l->size += l->entries[i].size;
    return rc;
}

static int write_listing(struct store *s, const struct buffer *text, const struct object *o, struct error *err) {
    char *temporary = layout_temporary(s);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc = fd < 0 ? error_errno(err, errno, "%s: cannot be made", temporary) : 0;
    if (rc == 0)
        rc = file_write_all(fd, text->data, text->size, temporary, err);
    if (rc == 0)
        rc = seal_and_place(s, fd, AT_FDCWD, temporary, o, text->size, err);
    if (rc < 0 && fd >= 0)
        unlink(temporary);
    if (fd >= 0)
        close(fd);
    free(temporary);
    return rc;
}

static int put_listing(const struct putting *t, struct listing *l, struct object *out, struct error *err) {
    struct object o = {.directory = true, .size = l->size};
    struct buffer text = {0};
    listing_write(&text, l);
    listing_digest(&o.digest, text.data, text.size);
    int rc = t->how == PUT_HASH ? 0 : write_listing(t->s, &text, &o, err);
    buffer_close(&text);
    if (rc == 0)
        *out = o;
    return rc;
}

int store_listing_check(const struct digest *d, const char *text, size_t size, struct error *err) {
    struct listing l = {0};
    struct error why = {0};
    struct digest found;
    int rc = listing_parse(&l, text, size, &why);
    listing_close(&l);
    listing_digest(&found, text, size);
    if (rc == 0 && digest_equal(&found, d))
        return 0;
    return error_set(err, ERR_INVALID, "%s", rc < 0 ? why.message : "the listing of a folder has another digest");
}

int store_listing_put(struct store *s, const struct digest *d, const char *text, size_t size, struct error *err) {
    struct buffer copy = {0};
    int rc = store_listing_check(d, text, size, err);
    buffer_append(&copy, text, size);
    if (rc == 0)
        rc = write_listing(s, &copy, &(struct object){.digest = *d, .directory = true}, err);
    buffer_close(&copy);
    return rc;
}

static int put(struct store *s, int at, const char *path, enum how how, struct object *out, struct error *err) {
    struct putting t = {s, how, at};
    struct listing l = {0};
    struct stat st = {0};
    int fd = -1;
    int rc = open_source(&fd, &st, at, path, err);
    if (rc == 0 && S_ISREG(st.st_mode)) {
        rc = store_open_file(&t, fd, &st, path, out, err);
    } else if (rc == 0) {
        rc = tree_walk(&l, at, path, &(struct tree_options){.keep = true}, note_file, NULL, err);
        if (rc == 0)
            rc = listing_check_links(&l, path, err);
        if (rc == 0)
            rc = put_files(&t, path, &l, err);
        if (rc == 0)
            rc = put_listing(&t, &l, out, err);
        if (rc == 0 && how == PUT_MOVE)
            file_remove_tree_at(at, path, NULL); /* the sweep of work/ removes the rest */
    }
    listing_close(&l);
    if (fd >= 0)
        close(fd);
    return rc;
}

int store_object_put(struct store *s, int at, const char *path, struct object *out, struct error *err) {
    return put(s, at, path, PUT_MOVE, out, err);
}

int store_object_hash(int at, const char *path, struct object *out, struct error *err) {
    return put(NULL, at, path, PUT_HASH, out, err);
}
