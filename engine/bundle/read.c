/* Reads the file of a bundle, which anybody may have made. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/bundle/bundle.h"
#include "engine/bundle/libarchive.h"

enum { PIECE = 1 << 18 };

/* A file that claims more than this is made to fill a disk. */
#define UNSUSPICIOUS_BYTES (UINT64_C(1) << 30)
enum { MOST_TIMES = 1000 };

struct reading {
    struct archive *archive;
    struct bundle *b;
    const struct bundle_visitor *visitor;
    const struct bundle_watch *watch;
    uint64_t file_size, done, of;
    char piece[PIECE];
};

static int archive_fault(const struct reading *r, struct error *err) {
    const char *text = libarchive.error_string(r->archive);
    return error_set(err, ERR_INVALID, "it is damaged: %s", text ? text : "libarchive does not say where");
}

/* `*name` is that of the next file; NULL: no more. */
static int next(struct reading *r, const char **name, struct error *err) {
    struct archive_entry *e;
    *name = NULL;
    int code = libarchive.read_next_header(r->archive, &e);
    if (code == ARCHIVE_EOF)
        return 0;
    if (code != ARCHIVE_OK)
        return archive_fault(r, err);
    const char *found = libarchive.entry_pathname(e);
    if (!found)
        return error_set(err, ERR_INVALID, "a name in it is not UTF-8");
    const char *fault = bundle_name_fault(found);
    if (fault)
        return error_set(err, ERR_INVALID, "\"%s\": the name may not stand in a bundle: %s", found, fault);
    if (libarchive.entry_filetype(e) != S_IFREG || libarchive.entry_hardlink(e) || libarchive.entry_symlink(e))
        return error_set(err, ERR_INVALID, "\"%s\" is no regular file; a bundle holds nothing else", found);
    *name = found;
    return 0;
}

static int piece(struct reading *r, size_t *size, struct error *err) {
    la_ssize_t n = libarchive.read_data(r->archive, r->piece, PIECE);
    *size = n > 0 ? (size_t)n : 0;
    if (n < 0)
        return archive_fault(r, err);
    r->done += *size;
    if (r->watch->progress)
        r->watch->progress(r->watch->context, r->done, r->of);
    if (r->watch->stop && atomic_load(r->watch->stop))
        return error_set(err, ERR_INTERRUPTED, "interrupted");
    return 0;
}

/* ---- the manifest ---- */

static int check_sizes(const struct reading *r, struct error *err) {
    uint64_t most = UNSUSPICIOUS_BYTES + MOST_TIMES * r->file_size, size = 0;
    for (size_t i = 0; i < r->b->count; i++) {
        size += r->b->files[i].size;
        if (size > most)
            return error_set(err, ERR_INVALID,
                             "its files would have more than %" PRIu64 " bytes, %d times its own %" PRIu64
                             " and more: it is made to fill a disk",
                             most, MOST_TIMES, r->file_size);
    }
    return 0;
}

static int read_text(struct reading *r, struct buffer *text, struct error *err) {
    size_t size;
    int rc;
    while ((rc = piece(r, &size, err)) == 0 && size > 0) {
        buffer_append(text, r->piece, size);
        if (text->size > JSON_MAX_BYTES)
            return error_set(err, ERR_INVALID, BUNDLE_MANIFEST " has more than %zu bytes", JSON_MAX_BYTES);
    }
    return rc;
}

static int read_manifest(struct reading *r, struct error *err) {
    struct buffer text = {0}, known = {0};
    const char *name;
    int rc = next(r, &name, err);
    if (rc == 0 && (!name || strcmp(name, BUNDLE_MANIFEST) != 0))
        rc = error_set(err, ERR_INVALID, "it does not begin with " BUNDLE_MANIFEST ", so it is no bundle");
    if (rc == 0)
        rc = read_text(r, &text, err);
    if (rc == 0 && r->b->pipeline) {
        struct bundle again = {0};
        rc = bundle_manifest_parse(&again, buffer_text(&text), text.size, err);
        buffer_clear(&text);
        bundle_manifest(&known, r->b);
        bundle_manifest(&text, &again);
        if (rc == 0 && strcmp(buffer_text(&text), buffer_text(&known)) != 0)
            rc = error_set(err, ERR_INVALID, "it changed while it was read");
        bundle_close(&again);
    } else if (rc == 0) {
        rc = bundle_manifest_parse(r->b, buffer_text(&text), text.size, err);
        if (rc < 0)
            error_prefix(err, BUNDLE_MANIFEST);
    }
    buffer_close(&known);
    buffer_close(&text);
    r->of = bundle_size(r->b);
    r->done = 0;
    return rc < 0 ? rc : check_sizes(r, err);
}

/* ---- files ---- */

static int read_bytes(struct reading *r, const struct bundle_file *f, struct error *err) {
    struct sha256 *h = sha256_create();
    struct digest found;
    uint64_t total = 0;
    size_t size = 1;
    int rc = 0;
    while (rc == 0 && size > 0) {
        rc = piece(r, &size, err);
        if (rc == 0 && (total += size) > f->size)
            break;
        sha256_update(h, r->piece, size);
        if (rc == 0 && size > 0)
            rc = r->visitor->bytes(r->visitor->context, f, r->piece, size, err);
    }
    sha256_finish(h, &found);
    if (rc == 0 && total != f->size)
        return error_set(err, ERR_INVALID, "\"%s\" has not the %" PRIu64 " bytes that its manifest says", f->name,
                         f->size);
    if (rc == 0 && !digest_equal(&found, &f->digest))
        return error_set(err, ERR_INVALID, "\"%s\" has not the digest that its manifest says", f->name);
    return rc;
}

static int read_file(struct reading *r, const char *name, struct error *err) {
    struct bundle_file *f = bundle_find(r->b, name);
    if (!f)
        return error_set(err, ERR_INVALID, "\"%s\" is not in its manifest", name);
    if (f->seen)
        return error_set(err, ERR_INVALID, "\"%s\" stands in it twice", name);
    f->seen = true;
    int rc = r->visitor->begin(r->visitor->context, f, err);
    if (rc == 0)
        rc = read_bytes(r, f, err);
    return rc < 0 ? rc : r->visitor->end(r->visitor->context, f, err);
}

static int read_all(struct reading *r, struct error *err) {
    const char *name;
    int rc = read_manifest(r, err);
    for (size_t i = 0; i < r->b->count; i++)
        r->b->files[i].seen = false;
    while (rc == 0 && (rc = next(r, &name, err)) == 0 && name)
        rc = read_file(r, name, err);
    for (size_t i = 0; rc == 0 && i < r->b->count; i++)
        if (!r->b->files[i].seen)
            rc = error_set(err, ERR_INVALID, "\"%s\" of its manifest is missing", r->b->files[i].name);
    return rc;
}

/* ---- the file ---- */

enum kind { KIND_NONE, KIND_ZIP, KIND_TAR_ZST };

static int examine(enum kind *kind, uint64_t *size, const char *path, struct error *err) {
    static const unsigned char zstd[] = {0x28, 0xB5, 0x2F, 0xFD}, zip[] = {'P', 'K', 3, 4};
    unsigned char head[4] = {0};
    struct stat st = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc = 0;
    if (fd < 0 && errno == ENOENT)
        return error_set(err, ERR_NOT_FOUND, "%s: does not exist", path);
    if (fd < 0 || fstat(fd, &st) < 0)
        rc = error_errno(err, errno, "%s: cannot be opened", path);
    else if (!S_ISREG(st.st_mode) || pread(fd, head, sizeof head, 0) < 0)
        rc = error_set(err, ERR_INVALID, "%s: is no regular file", path);
    *size = (uint64_t)st.st_size;
    *kind = memcmp(head, zstd, sizeof head) == 0 ? KIND_TAR_ZST : memcmp(head, zip, sizeof head) == 0 ? KIND_ZIP : 0;
    if (rc == 0 && *kind == KIND_NONE)
        rc = error_set(err, ERR_INVALID, "%s: is neither a zip nor a tar.zst", path);
    if (fd >= 0)
        close(fd);
    return rc;
}

/* Only the one format and filter that the file begins like. */
static int open_archive(struct reading *r, enum kind kind, const char *path, struct error *err) {
    struct archive *a = r->archive = mem_checked(libarchive.read_new());
    int code =
        kind == KIND_ZIP ? libarchive.read_support_format_zip_seekable(a) : libarchive.read_support_format_tar(a);
    if (code == ARCHIVE_OK && kind == KIND_TAR_ZST)
        code = libarchive.read_support_filter_zstd(a);
    if (code == ARCHIVE_OK)
        code = libarchive.read_open_filename(a, path, PIECE);
    return code == ARCHIVE_OK ? 0 : archive_fault(r, err);
}

int bundle_read(struct bundle *b, const char *path, const struct bundle_visitor *visitor,
                const struct bundle_watch *watch, struct error *err) {
    enum kind kind = KIND_NONE;
    struct reading *r = mem_alloc(sizeof *r);
    *r = (struct reading){.b = b, .visitor = visitor, .watch = watch};
    int rc = libarchive_load(err);
    if (rc == 0)
        rc = examine(&kind, &r->file_size, path, err);
    if (rc == 0) {
        locale_t before = libarchive_enter();
        rc = open_archive(r, kind, path, err);
        if (rc == 0)
            rc = read_all(r, err);
        libarchive.read_free(r->archive);
        libarchive_leave(before);
        if (rc < 0 && err)
            error_prefix(err, "%s", path);
    }
    free(r);
    return rc;
}
