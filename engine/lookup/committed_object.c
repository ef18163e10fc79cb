#include "engine/lookup/committed_object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"

#define FILE_MOST ((size_t)1 << 30)
#define FOLDER_MOST ((uint64_t)4 << 30)

/* A place below the store's work/, from which an object is taken. */
struct place {
    char *path;
    int fd;
};

static const char content_name[] = "content";

static int open_place(struct place *out, struct store *store, struct error *err) {
    out->path = store_work_path(store, "commit");
    out->fd = -1;
    if (mkdir(out->path, 0777) == 0)
        out->fd = open(out->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return out->fd < 0 ? error_errno(err, errno, "%s: cannot be made", out->path) : 0;
}

static void close_place(struct place *p) {
    if (p->fd >= 0) {
        close(p->fd);
        file_remove_tree(p->path, NULL);
    }
    free(p->path);
}

static int write_file(const struct place *p, const char *name, const struct buffer *bytes, bool executable,
                      struct error *err) {
    int fd = openat(p->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return error_errno(err, errno, "%s/%s: cannot be created", p->path, name);
    int rc = file_write_all(fd, bytes->data, bytes->size, p->path, err);
    if (rc == 0 && executable && fchmod(fd, 0755) < 0)
        rc = error_errno(err, errno, "%s/%s: cannot be made executable", p->path, name);
    if (close(fd) < 0 && rc == 0)
        rc = error_errno(err, errno, "%s/%s: cannot be written", p->path, name);
    return rc;
}

static int put(struct content *out, struct store *store, const struct place *p, struct error *err) {
    struct object o;
    int rc = store_object_put(store, p->fd, content_name, &o, err);
    if (rc == 0)
        *out = (struct content){o.digest, o.size, o.directory, o.executable};
    return rc;
}

static bool is_there(struct store *store, const struct content *c) {
    return store_object_require(store, &(struct object){c->digest, c->size, c->directory, c->executable}, NULL) == 0;
}

int committed_put_bytes(struct content *out, struct store *store, const struct buffer *bytes, bool executable,
                        struct error *err) {
    struct place place;
    *out = (struct content){.size = bytes->size, .executable = executable};
    sha256_bytes(&out->digest, bytes->data, bytes->size);
    if (is_there(store, out))
        return 0;
    int rc = open_place(&place, store, err);
    if (rc == 0)
        rc = write_file(&place, content_name, bytes, executable, err);
    if (rc == 0)
        rc = put(out, store, &place, err);
    close_place(&place);
    return rc;
}

int committed_put_file(struct content *out, struct store *store, struct repository *r, const struct git_entry *entry,
                       struct error *err) {
    struct buffer bytes = {0};
    int rc = repository_read(r, entry, FILE_MOST, &bytes, err);
    if (rc == 0)
        rc = committed_put_bytes(out, store, &bytes, entry->type == GIT_EXECUTABLE, err);
    buffer_close(&bytes);
    return rc;
}

/* ---- folders ---- */

struct writer {
    const struct committed_folder *folder;
    struct repository *repository;
    struct store *store;
    struct place place;
    uint64_t written;
};

enum { LEFT_OUT = 1 };

static bool is_left_out(const struct writer *w, const char *path, bool directory) {
    const struct folder_filter *filter = w->folder->filter;
    if (folder_skips_name(path_base(path)))
        return true;
    if (!filter->skips)
        return false;
    char *inside = path_join(w->folder->path, path), *normal = path_normal(inside), *full = path_join("/", normal);
    bool left_out = filter->skips(filter->context, full, directory);
    free(inside);
    free(normal);
    free(full);
    return left_out;
}

static int write_entry(struct writer *w, const char *name, const struct git_entry *entry, struct error *err) {
    struct buffer bytes = {0};
    store_read_tick(w->store);
    if (entry->type == GIT_FOLDER)
        return mkdirat(w->place.fd, name, 0777) < 0
                   ? error_errno(err, errno, "%s/%s: cannot be made", w->place.path, name)
                   : 0;
    w->written += entry->size;
    if (w->written > FOLDER_MOST)
        return error_set(err, ERR_INVALID, "%s: a folder of a commit has at most 4 GiB", w->folder->path);
    int rc = repository_read(w->repository, entry, FILE_MOST, &bytes, err);
    if (rc == 0)
        rc = write_file(&w->place, name, &bytes, entry->type == GIT_EXECUTABLE, err);
    buffer_close(&bytes);
    return rc;
}

static int visit_entry(void *context, const char *path, const struct git_entry *entry, struct error *err) {
    struct writer *w = context;
    if (is_left_out(w, path, entry->type == GIT_FOLDER))
        return LEFT_OUT;
    char *name = path_join(content_name, path);
    int rc = write_entry(w, name, entry, err);
    free(name);
    return rc;
}

int committed_put_folder(struct content *out, struct store *store, struct repository *r,
                         const struct committed_folder *folder, struct error *err) {
    struct writer w = {.folder = folder, .repository = r, .store = store};
    const struct git_entry top = {.type = GIT_FOLDER};
    int rc = open_place(&w.place, store, err);
    if (rc == 0)
        rc = write_entry(&w, content_name, &top, err);
    if (rc == 0)
        rc = repository_list(r, folder->commit, folder->path, visit_entry, &w, err);
    if (rc == 0)
        rc = put(out, store, &w.place, err);
    close_place(&w.place);
    return rc;
}
