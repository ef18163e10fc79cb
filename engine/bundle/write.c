/* Writes the file of a bundle. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/bundle/bundle.h"
#include "engine/bundle/libarchive.h"

enum { PIECE = 1 << 18, MTIME = 946684800 /* 2000-01-01, as of objects: zip knows no time before 1980 */ };

struct writing {
    struct archive *archive;
    const char *path; /* for messages */
    const struct bundle_watch *watch;
    uint64_t done, of;
};

static bool has_ending(const char *path, const char *ending) {
    size_t length = strlen(path), size = strlen(ending);
    return length > size && strcmp(path + length - size, ending) == 0;
}

int bundle_check_ending(const char *path, struct error *err) {
    if (has_ending(path, ".zip") || has_ending(path, ".tar.zst"))
        return 0;
    return error_set(err, ERR_USAGE, "%s: the name of a bundle ends in .zip or .tar.zst", path);
}

static int archive_fault(const struct writing *w, struct error *err) {
    const char *text = libarchive.error_string(w->archive);
    return error_set(err, ERR_IO, "%s: cannot be written: %s", w->path, text ? text : "libarchive does not say why");
}

static int put_header(const struct writing *w, const char *name, uint64_t size, struct error *err) {
    struct archive_entry *e = mem_checked(libarchive.entry_new());
    libarchive.entry_set_pathname(e, name);
    libarchive.entry_set_size(e, (la_int64_t)size);
    libarchive.entry_set_filetype(e, S_IFREG);
    libarchive.entry_set_perm(e, 0644);
    libarchive.entry_set_mtime(e, MTIME, 0);
    int rc = libarchive.write_header(w->archive, e) == ARCHIVE_OK ? 0 : archive_fault(w, err);
    libarchive.entry_free(e);
    return rc;
}

static int put_bytes(struct writing *w, const void *bytes, size_t size, struct error *err) {
    if (size > 0 && libarchive.write_data(w->archive, bytes, size) != (la_ssize_t)size)
        return archive_fault(w, err);
    w->done += size;
    if (w->watch->progress)
        w->watch->progress(w->watch->context, w->done, w->of);
    if (w->watch->stop && atomic_load(w->watch->stop))
        return error_set(err, ERR_INTERRUPTED, "interrupted; %s was not written", w->path);
    return 0;
}

/* The bytes are those that were hashed. */
static int put_file(struct writing *w, const struct bundle_file *f, struct error *err) {
    char *piece = mem_scratch(PIECE);
    struct sha256 *h = sha256_create();
    struct digest found;
    uint64_t size = 0;
    ssize_t n = 1;
    int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int rc = fd < 0 ? error_errno(err, errno, "%s: cannot be opened", f->path) : 0;
    while (rc == 0 && n > 0 && size <= f->size) {
        n = read(fd, piece, PIECE);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0)
            rc = error_errno(err, errno, "%s: cannot be read", f->path);
        else if ((size += (uint64_t)n) <= f->size) {
            sha256_update(h, piece, (size_t)n);
            rc = put_bytes(w, piece, (size_t)n, err);
        }
    }
    sha256_finish(h, &found);
    if (rc == 0 && (size != f->size || !digest_equal(&found, &f->digest)))
        rc = error_set(err, ERR_FAILED, "%s: changed while the bundle was written", f->path);
    if (fd >= 0)
        close(fd);
    free(piece);
    return rc;
}

static int put(struct writing *w, const struct bundle_file *f, struct error *err) {
    int rc = put_header(w, f->name, f->size, err);
    if (rc < 0)
        return rc;
    return f->path ? put_file(w, f, err) : put_bytes(w, f->text.data, f->text.size, err);
}

static int put_all(struct writing *w, const struct bundle *b, struct error *err) {
    struct buffer manifest = {0};
    bundle_manifest(&manifest, b);
    int rc = put_header(w, BUNDLE_MANIFEST, manifest.size, err);
    if (rc == 0)
        rc = put_bytes(w, manifest.data, manifest.size, err);
    for (size_t i = 0; rc == 0 && i < b->count; i++)
        rc = put(w, &b->files[i], err);
    buffer_close(&manifest);
    return rc;
}

static int begin(struct writing *w, int fd, bool zip, struct error *err) {
    struct archive *a = w->archive = mem_checked(libarchive.write_new());
    int code = zip ? libarchive.write_set_format_zip(a) : libarchive.write_set_format_pax_restricted(a);
    if (code == ARCHIVE_OK && !zip)
        code = libarchive.write_add_filter_zstd(a);
    if (code == ARCHIVE_OK)
        code = libarchive.write_open_fd(a, fd);
    return code == ARCHIVE_OK ? 0 : archive_fault(w, err);
}

static int fill(int fd, const struct bundle *b, const char *path, const struct bundle_watch *watch, struct error *err) {
    struct writing w = {.path = path, .watch = watch, .of = bundle_size(b)};
    locale_t before = libarchive_enter();
    int rc = begin(&w, fd, has_ending(path, ".zip"), err);
    if (rc == 0)
        rc = put_all(&w, b, err);
    if (rc == 0 && libarchive.write_close(w.archive) != ARCHIVE_OK)
        rc = archive_fault(&w, err);
    libarchive.write_free(w.archive);
    libarchive_leave(before);
    if (rc == 0 && fsync(fd) < 0)
        rc = error_errno(err, errno, "%s: cannot be synced", path);
    return rc;
}

int bundle_write(const struct bundle *b, const char *path, const struct bundle_watch *watch, struct error *err) {
    char *mark = mem_printf("%06x", (unsigned)getpid() & 0xFFFFFF), *temporary = path_temporary(path, mark);
    int rc = bundle_check_ending(path, err), fd = -1;
    if (rc == 0)
        rc = libarchive_load(err);
    if (rc == 0 && (fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) < 0)
        rc = error_errno(err, errno, "%s: cannot be made", temporary);
    if (fd >= 0) {
        rc = fill(fd, b, path, watch, err);
        if (rc == 0 && rename(temporary, path) < 0)
            rc = error_errno(err, errno, "%s: cannot be renamed to %s", temporary, path);
        if (rc < 0)
            unlink(temporary);
        close(fd);
    }
    free(temporary);
    free(mark);
    return rc;
}
