/* Reads a directory into a listing. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/memory.h"
#include "store/internal.h"

enum { MAX_DEPTH = 128, SKIPPED = 1 };

struct walk {
    struct listing *out;
    int at;             /* the path is relative to this folder */
    struct buffer path; /* of the current directory or entry */
    size_t root;        /* length of the part above the listing, with its "/" */
    int depth;
    const struct tree_options *options;
    const struct followed *followed; /* NULL: on no link */
    tree_file *file;
    void *context;
};

/* Faults in the path are the user's to mend (ERR_INVALID); all others are the system's. */
int tree_fault(int errnum, const char *path, struct error *err) {
    char target[PATH_MAX];
    ssize_t length = errnum == ENOENT ? readlink(path, target, sizeof target - 1) : -1;
    if (length >= 0)
        return error_set(err, ERR_INVALID, "%s: is a link to %.*s, which does not exist", path, (int)length, target);
    switch (errnum) {
    case ENOENT:
    case ENOTDIR:
        return error_set(err, ERR_NOT_FOUND, "%s: does not exist", path);
    case ELOOP:
        return error_set(err, ERR_INVALID, "%s: is a link that leads in a circle", path);
    case EACCES:
        return error_set(err, ERR_INVALID, "%s: may not be read (permission denied)", path);
    default:
        return error_errno(err, errnum, "%s: cannot be opened", path);
    }
}

static int walk_directory(struct walk *w, struct error *err);

static int walk_file(struct walk *w, const struct stat *st, struct error *err) {
    struct object o;
    int rc = w->file(w->context, w->path.data, st, &o, err);
    if (rc < 0)
        return rc;
    *listing_add(w->out) = (struct listing_entry){
        .path = mem_strdup(w->path.data + w->root), .digest = o.digest, .size = o.size, .executable = o.executable};
    w->out->size += o.size;
    return 0;
}

static int walk_lost(const struct walk *w, int errnum, struct error *err);

/* A link as an entry of its own. */
static int walk_link(struct walk *w, struct error *err) {
    char target[PATH_MAX];
    ssize_t length = readlinkat(w->at, w->path.data, target, sizeof target - 1);
    if (length < 0)
        return walk_lost(w, errno, err);
    target[length] = '\0';
    if (!listing_takes(target))
        return error_set(err, ERR_INVALID, "%s: is a link whose target is not UTF-8", w->path.data);
    *listing_add(w->out) =
        (struct listing_entry){.path = mem_strdup(w->path.data + w->root), .link = mem_strdup(target)};
    return 0;
}

/* An entry that has just vanished means that somebody works in the folder; all other faults are the system's. */
static int walk_lost(const struct walk *w, int errnum, struct error *err) {
    if (errnum == ENOENT)
        return error_set(err, ERR_FAILED,
                         "%s: was removed while its folder was read; start again when that is finished", w->path.data);
    return error_errno(err, errnum, "%s: cannot be examined", w->path.data);
}

static int walk_kept(struct walk *w, const char *name, const struct stat *st, struct error *err) {
    if (!listing_takes(name))
        return error_set(err, ERR_INVALID, "%s: its name is not UTF-8: rename it", w->path.data);
    if (S_ISDIR(st->st_mode))
        return walk_directory(w, err);
    if (S_ISREG(st->st_mode))
        return walk_file(w, st, err);
    if (S_ISLNK(st->st_mode) && w->options->keep)
        return walk_link(w, err);
    return error_set(err, ERR_INVALID, "%s: is %s; only files and directories can be stored", w->path.data,
                     file_type_name(st->st_mode));
}

/* `st`: of what the link leads to. */
static int walk_linked(struct walk *w, const char *name, const struct stat *st, struct error *err) {
    const struct followed *outer = w->followed;
    struct followed f = {0};
    bool directory = S_ISDIR(st->st_mode);
    int rc = directory ? followed_enter(&f, outer, w->path.data, err) : 0;
    if (rc == 0)
        rc = w->options->follow(w->options->follow_context, w->path.data, directory, err);
    w->followed = directory ? &f : outer;
    if (rc == 0)
        rc = walk_kept(w, name, st, err);
    w->followed = outer;
    followed_leave(&f);
    return rc;
}

static bool is_skipped(const struct walk *w, const struct stat *st) {
    const struct folder_filter *f = w->options->filter;
    return f && f->skips && f->skips(f->context, w->path.data, S_ISDIR(st->st_mode));
}

/* 0, SKIPPED: the entry is no part of the folder; or an error. */
static int walk_found(struct walk *w, const char *name, struct stat *st, struct error *err) {
    bool link = w->options->follow && S_ISLNK(st->st_mode);
    int fault = link && stat(w->path.data, st) < 0 ? errno : 0;
    if (is_skipped(w, st))
        return SKIPPED;
    if (fault)
        return tree_fault(fault, w->path.data, err);
    return link ? walk_linked(w, name, st, err) : walk_kept(w, name, st, err);
}

static int walk_entry(struct walk *w, const char *name, struct error *err) {
    struct stat st;
    size_t length = w->path.size;
    if (w->options->filter && folder_skips_name(name))
        return SKIPPED;
    buffer_putc(&w->path, '/');
    buffer_puts(&w->path, name);
    int rc = fstatat(w->at, w->path.data, &st, AT_SYMLINK_NOFOLLOW) < 0 ? walk_lost(w, errno, err)
                                                                        : walk_found(w, name, &st, err);
    w->path.size = length;
    w->path.data[length] = '\0';
    return rc;
}

static int walk_entries(struct walk *w, struct folder *entries, struct error *err) {
    size_t count = 0;
    const char *name;
    int rc = 0;
    while (rc >= 0 && (rc = folder_next(entries, &name, err)) > 0) {
        rc = walk_entry(w, name, err);
        count += rc != SKIPPED;
    }
    if (rc == 0 && count == 0 && w->path.size > w->root)
        *listing_add(w->out) = (struct listing_entry){.path = mem_strdup(w->path.data + w->root), .directory = true};
    return rc;
}

static int walk_directory(struct walk *w, struct error *err) {
    if (w->depth == MAX_DEPTH)
        return error_set(err, ERR_INVALID, "%s: directories nest deeper than %d", w->path.data, MAX_DEPTH);
    int fd = openat(w->at, w->path.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (w->options->follow ? 0 : O_NOFOLLOW));
    struct folder entries;
    int rc = folder_open_fd(&entries, fd, w->path.data, err);
    w->depth++;
    if (rc == 0)
        rc = walk_entries(w, &entries, err);
    w->depth--;
    folder_close(&entries);
    return rc;
}

int tree_walk(struct listing *out, int at, const char *directory, const struct tree_options *options, tree_file *file,
              void *context, struct error *err) {
    struct walk w = {.out = out, .at = at, .options = options, .file = file, .context = context};
    buffer_puts(&w.path, directory);
    while (w.path.size > 1 && w.path.data[w.path.size - 1] == '/')
        w.path.data[--w.path.size] = '\0';
    w.root = w.path.size + 1;
    int rc = walk_directory(&w, err);
    buffer_close(&w.path);
    return rc;
}

int tree_object(struct object *out, const char *directory, const struct tree_options *options, tree_file *file,
                void *context, struct error *err) {
    struct listing l = {0};
    struct buffer text = {0};
    int rc = tree_walk(&l, AT_FDCWD, directory, options, file, context, err);
    if (rc == 0) {
        *out = (struct object){.directory = true, .size = l.size};
        listing_write(&text, &l);
        listing_digest(&out->digest, text.data, text.size);
    }
    buffer_close(&text);
    listing_close(&l);
    return rc;
}
