#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "store/internal.h"

enum { SMALL_SIZE = 16 * 1024, READ_SIZE = 256 * 1024 };

static int missing(const struct store *s, const struct digest *d, struct error *err) {
    char name[OBJECT_NAME_SIZE];
    object_name(name, d);
    return error_set(err, ERR_NOT_FOUND, "%s/objects/%s: the object is missing", s->directory, name);
}

int object_stat(const struct store *s, const struct digest *d, struct stat *st, struct error *err) {
    char name[OBJECT_NAME_SIZE];
    object_name(name, d);
    int failed = fstatat(s->objects_fd, name, st, AT_SYMLINK_NOFOLLOW) < 0 ? errno : 0;
    if (failed && failed != ENOENT)
        return error_errno(err, failed, "%s/objects/%s: cannot be examined", s->directory, name);
    return failed || !S_ISREG(st->st_mode) ? missing(s, d, err) : 0;
}

/* Whether stat alone shows a regular file that nobody wrote to since it was stored. */
static bool object_stat_sound(const struct stat *st) {
    return S_ISREG(st->st_mode) && st->st_mtim.tv_sec == OBJECT_MTIME && st->st_mtim.tv_nsec == 0;
}

int object_hash(struct digest *out, uint64_t *size, int fd, bool listing, const atomic_bool *stop, const char *path,
                struct error *err) {
    struct buffer text = {0};
    struct sha256 *h = sha256_create();
    char small[SMALL_SIZE], *chunk = small;
    size_t room = sizeof small;
    ssize_t got;
    int rc = 0;
    *size = 0;
    while ((got = read(fd, chunk, room)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (stop && atomic_load(stop)) {
            rc = error_set(err, ERR_INTERRUPTED, "%s: interrupted while it was hashed", path);
            break;
        }
        if (got < 0) {
            rc = error_errno(err, errno, "%s: cannot be read", path);
            break;
        }
        if (listing)
            buffer_append(&text, chunk, (size_t)got);
        else
            sha256_update(h, chunk, (size_t)got);
        *size += (uint64_t)got;
        if (chunk == small && got == SMALL_SIZE) {
            chunk = mem_scratch(READ_SIZE);
            room = READ_SIZE;
        }
    }
    sha256_finish(h, out);
    if (listing)
        listing_digest(out, buffer_text(&text), text.size);
    buffer_close(&text);
    if (chunk != small)
        free(chunk);
    return rc;
}

static int set_time(int fd, const char *path, struct error *err) {
    const struct timespec times[2] = {{.tv_sec = OBJECT_MTIME}, {.tv_sec = OBJECT_MTIME}};
    return futimens(fd, times) < 0 ? error_errno(err, errno, "%s: its time cannot be set", path) : 0;
}

int object_seal(int fd, bool executable, const char *path, struct error *err) {
    if (fchmod(fd, executable ? 0555 : 0444) < 0)
        return error_errno(err, errno, "%s: its mode cannot be set", path);
    int rc = set_time(fd, path, err);
    if (rc == 0 && fsync(fd) < 0)
        rc = error_errno(err, errno, "%s: cannot be synced", path);
    return rc;
}

int object_set_aside(struct store *s, const struct digest *d, struct error *err) {
    char name[OBJECT_NAME_SIZE];
    char hex[DIGEST_HEX_SIZE];
    char aside[sizeof "damaged/" + DIGEST_HEX_SIZE];
    object_name(name, d);
    digest_hex(hex, d);
    snprintf(aside, sizeof aside, "damaged/%s", hex);
    if (mkdirat(s->objects_fd, "damaged", 0777) < 0 && errno != EEXIST)
        return error_errno(err, errno, "%s/objects/damaged: cannot be made", s->directory);
    if (renameat(s->objects_fd, name, s->objects_fd, aside) < 0 && errno != ENOENT)
        return error_errno(err, errno, "%s/objects/%s: cannot be set aside", s->directory, name);
    notice(s, "%s/objects/%s: damaged; it was moved to objects/%s", s->directory, name, aside);
    return 0;
}

/* ---- objects that this process has hashed ---- */

static bool is_checked(struct store *s, const struct digest *d) {
    pthread_mutex_lock(&s->lock);
    bool found = digest_set_has(&s->checked, d);
    pthread_mutex_unlock(&s->lock);
    return found;
}

void object_set_checked(struct store *s, const struct digest *d) {
    pthread_mutex_lock(&s->lock);
    digest_set_add(&s->checked, d);
    pthread_mutex_unlock(&s->lock);
}

/* ---- checking ---- */

/* A whole object that was touched, or copied here, gets its time and mode back. Another user's stays as it is, and is
   hashed again the next time. */
static void mend(int fd, const struct stat *st, const char *path) {
    if ((st->st_mode & 0222) != 0 && fchmod(fd, st->st_mode & 0555) < 0)
        return;
    if (!object_stat_sound(st))
        set_time(fd, path, NULL);
}

int object_examine(struct store *s, const struct digest *d, bool listing, struct error *err) {
    struct digest found;
    struct stat st = {0};
    uint64_t size;
    char *path = store_object_path(s, d);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int rc = 0;
    if (fd < 0 && errno != ENOENT && errno != ELOOP)
        rc = error_errno(err, errno, "%s: cannot be opened", path);
    else if (fd >= 0 && fstat(fd, &st) < 0)
        rc = error_errno(err, errno, "%s: cannot be examined", path);
    else if (fd < 0 || !S_ISREG(st.st_mode))
        rc = missing(s, d, err);
    if (rc == 0)
        rc = object_hash(&found, &size, fd, listing, NULL, path, err);
    if (rc == 0 && !digest_equal(&found, d)) {
        rc = object_set_aside(s, d, err);
        if (rc == 0)
            rc = error_set(err, ERR_CORRUPT, "%s: is damaged; it was set aside in objects/damaged", path);
    } else if (rc == 0) {
        mend(fd, &st, path);
        object_set_checked(s, d);
    }
    if (fd >= 0)
        close(fd);
    free(path);
    return rc;
}

int object_present(struct store *s, const struct digest *d, uint64_t size, bool any_size, bool listing,
                   struct error *err) {
    struct stat st;
    int rc = object_stat(s, d, &st, err);
    if (rc < 0)
        return rc;
    if (object_stat_sound(&st) && (any_size || (uint64_t)st.st_size == size))
        return 0;
    return object_examine(s, d, listing, err);
}

int object_check_file(struct store *s, const struct digest *d, bool listing, bool always, struct error *err) {
    struct stat st;
    int rc = object_stat(s, d, &st, err);
    if (rc < 0)
        return rc;
    if (!always && object_stat_sound(&st) && is_checked(s, d))
        return 0;
    return object_examine(s, d, listing, err);
}

struct objects {
    const char *folder; /* two digits */
    object_visit *visit;
    void *context;
};

static int visit_object(void *context, const char *path, const char *name, struct error *err) {
    const struct objects *o = context;
    char hex[3 + NAME_MAX];
    struct digest d;
    snprintf(hex, sizeof hex, "%s%s", o->folder, name);
    return o->visit(o->context, digest_parse(&d, hex) ? &d : NULL, path, err);
}

int object_each(const struct store *s, object_visit *visit, void *context, struct error *err) {
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < 256; i++) {
        char folder[3], path[16];
        snprintf(folder, sizeof folder, "%02x", i);
        snprintf(path, sizeof path, "objects/%s", folder);
        rc = layout_each(s, path, visit_object, &(struct objects){folder, visit, context}, err);
    }
    return rc;
}
