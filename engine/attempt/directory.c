#include "engine/attempt/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"

enum { COPY_MODE = 0644 };

static const char stage_name[] = "dir", spec_name[] = "spec.json";

struct attempt_directory *directory_create(int work_fd, char *root, char *stdout_log, char *stderr_log) {
    struct attempt_directory *d = mem_alloc(sizeof *d);
    *d = (struct attempt_directory){.work_fd = work_fd,
                                    .root_fd = -1,
                                    .stage_fd = -1,
                                    .root = root,
                                    .stage = path_join(root, stage_name),
                                    .spec = path_join(root, spec_name),
                                    .stdout_log = stdout_log,
                                    .stderr_log = stderr_log};
    return d;
}

/* Whether a name still is what was opened under it. */
static bool is_same(int at, const char *name, int fd) {
    struct stat there, opened;
    return fstatat(at, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &opened) == 0 &&
           there.st_dev == opened.st_dev && there.st_ino == opened.st_ino;
}

static void close_folder(struct attempt_folder *f) {
    folder_close(&f->entries);
    free(f->path);
}

/* Forgets what was made. */
static void leave(struct attempt_directory *d) {
    if (d->root_fd >= 0)
        close(d->root_fd);
    if (d->stage_fd >= 0)
        close(d->stage_fd);
    d->root_fd = d->stage_fd = -1;
    folder_close(&d->root_entries);
    for (size_t i = 0; i < d->folder_count; i++)
        close_folder(&d->folders[i]);
    for (size_t i = 0; i < d->copy_count; i++)
        free(d->copies[i].path);
    d->folder_count = d->copy_count = 0;
}

/* Removes what was made, or what a stage has put in its place: of a link the link alone. */
static void discard(struct attempt_directory *d) {
    if (d->root_fd >= 0)
        file_remove_tree_at(d->work_fd, path_base(d->root), NULL);
    leave(d);
}

static void remove_empty(const char *log) {
    struct stat st;
    if (lstat(log, &st) == 0 && st.st_size == 0)
        unlink(log);
}

void directory_free(struct attempt_directory *d) {
    if (!d)
        return;
    discard(d);
    remove_empty(d->stdout_log);
    remove_empty(d->stderr_log);
    free(d->folders);
    free(d->root);
    free(d->stage);
    free(d->spec);
    free(d->stdout_log);
    free(d->stderr_log);
    free(d);
}

/* ---- folders ---- */

static int note_folder(struct attempt_directory *d, const char *path, struct error *err) {
    struct attempt_folder f = {.path = mem_strdup(path), .needed = true};
    struct stat st = {0};
    int fd = file_open_beneath(d->stage_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY);
    int rc = folder_open_fd(&f.entries, fd, path, err);
    if (rc == 0 && fstat(fd, &st) < 0)
        rc = error_errno(err, errno, "cannot be examined");
    if (rc < 0) {
        close_folder(&f);
        return error_prefix(err, "%s/%s", d->stage, path);
    }
    f.inode = st.st_ino;
    f.mode = st.st_mode;
    f.attributes = flistxattr(fd, NULL, 0);
    mem_grow(d->folders, &d->folder_capacity, d->folder_count + 1);
    d->folders[d->folder_count++] = f;
    return 0;
}

static struct attempt_folder *find_folder(const struct attempt_directory *d, const char *path, size_t length) {
    for (size_t i = 0; i < d->folder_count; i++)
        if (strncmp(d->folders[i].path, path, length) == 0 && d->folders[i].path[length] == '\0')
            return &d->folders[i];
    return NULL;
}

/* A folder and those that it lies in. */
static int need_folder(struct attempt_directory *d, const char *path, struct error *err) {
    int rc = 0;
    for (size_t length = 1; rc == 0; length++) {
        if (path[length] != '/' && path[length] != '\0')
            continue;
        struct attempt_folder *f = find_folder(d, path, length);
        char *part = mem_strndup(path, length);
        if (f)
            f->needed = true;
        else if (mkdirat(d->stage_fd, part, 0777) < 0)
            rc = error_errno(err, errno, "%s/%s: cannot be made", d->stage, part);
        else
            rc = note_folder(d, part, err);
        free(part);
        if (path[length] == '\0')
            break;
    }
    return rc;
}

/* Later folders lie in earlier ones. */
static void remove_unneeded(struct attempt_directory *d) {
    for (size_t i = d->folder_count; i-- > 0;) {
        struct attempt_folder *f = &d->folders[i];
        if (f->needed)
            continue;
        unlinkat(d->stage_fd, f->path, AT_REMOVEDIR);
        close_folder(f);
        memmove(f, f + 1, (--d->folder_count - i) * sizeof *f);
    }
}

static int make(int *fd, int at, const char *name, const char *path, struct error *err) {
    *fd = mkdirat(at, name, 0777) < 0 ? -1 : openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *fd < 0 ? error_errno(err, errno, "%s: cannot be made", path) : 0;
}

static int make_directories(struct attempt_directory *d, struct error *err) {
    int rc = make(&d->root_fd, d->work_fd, path_base(d->root), d->root, err);
    if (rc == 0)
        rc =
            folder_open_fd(&d->root_entries, openat(d->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), d->root, err);
    if (rc == 0)
        rc = make(&d->stage_fd, d->root_fd, stage_name, d->stage, err);
    return rc == 0 ? note_folder(d, "", err) : rc;
}

/* Another stage may have put a link or a pipe in the place of a log while this directory was idle. */
static void remove_replaced(const char *log) {
    struct stat st;
    if (lstat(log, &st) == 0 && (!S_ISREG(st.st_mode) || st.st_nlink > 1))
        file_remove_tree(log, NULL);
}

int directory_prepare(struct attempt_directory *d, const char *const *paths, size_t count, struct error *err) {
    int rc = d->root_fd < 0 ? make_directories(d, err) : 0;
    remove_replaced(d->stdout_log);
    remove_replaced(d->stderr_log);
    for (size_t i = 1; i < d->folder_count; i++)
        d->folders[i].needed = false;
    if (rc == 0)
        rc = need_folder(d, ".home", err);
    if (rc == 0)
        rc = need_folder(d, ".tmp", err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = need_folder(d, paths[i], err);
    if (rc == 0)
        remove_unneeded(d);
    else
        discard(d);
    return rc;
}

/* ---- files that are used again ---- */

/* A file of the attempt before, to be written over. -1: a stage has replaced it, or has given it another name too.
   Not truncated: ext4 would write such a file to the disk when it is closed. */
static int reopen(int at, const char *name, struct stat *st) {
    int fd = openat(at, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, st) == 0 && S_ISREG(st->st_mode) && st->st_nlink == 1 && (st->st_mode & S_IRUSR))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static int open_spec(const struct attempt_directory *d, off_t *old_size) {
    struct stat st;
    int fd = reopen(d->root_fd, spec_name, &st);
    *old_size = fd >= 0 ? st.st_size : 0;
    if (fd >= 0)
        return fd;
    file_remove_tree_at(d->root_fd, spec_name, NULL);
    return openat(d->root_fd, spec_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

struct copy_name {
    char text[8];
};

static struct copy_name copy_name(size_t index) {
    struct copy_name name;
    snprintf(name.text, sizeof name.text, "%zu", index);
    return name;
}

/* Returns the descriptor of a copy that waits, moved to its new place; -1: a stage has changed it. */
static int reuse_copy(const struct attempt_directory *d, size_t index, const char *path, off_t *old_size) {
    const struct attempt_copy *c = &d->copies[index];
    const struct copy_name name = copy_name(index);
    struct stat st = {0};
    int fd = reopen(d->root_fd, name.text, &st);
    *old_size = st.st_size;
    if (fd >= 0 && st.st_ino == c->inode && (st.st_mode & 07777) == COPY_MODE &&
        flistxattr(fd, NULL, 0) == c->attributes && renameat(d->root_fd, name.text, d->stage_fd, path) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    file_remove_tree_at(d->root_fd, name.text, NULL);
    return -1;
}

static int make_copy(const struct attempt_directory *d, struct attempt_copy *out, const char *path) {
    struct stat st;
    int fd = openat(d->stage_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, COPY_MODE);
    if (fd >= 0 && out && fstat(fd, &st) == 0)
        *out = (struct attempt_copy){.inode = st.st_ino, .attributes = flistxattr(fd, NULL, 0)};
    return fd;
}

int directory_open_copy(struct attempt_directory *d, const char *path, off_t *old_size) {
    size_t i = 0;
    while (i < d->copy_count && d->copies[i].path)
        i++;
    struct attempt_copy *c = i < ATTEMPT_COPIES ? &d->copies[i] : NULL;
    int fd = i < d->copy_count ? reuse_copy(d, i, path, old_size) : -1;
    if (fd < 0) {
        *old_size = 0;
        fd = make_copy(d, c, path);
    }
    if (fd >= 0 && c) {
        c->path = mem_strdup(path);
        d->copy_count += i == d->copy_count;
    }
    return fd;
}

int directory_write_spec(const struct attempt_directory *d, const void *bytes, size_t size, struct error *err) {
    off_t old_size;
    int fd = open_spec(d, &old_size);
    if (fd < 0)
        return error_errno(err, errno, "%s: cannot be made", d->spec);
    int rc = file_write_all(fd, bytes, size, d->spec, err);
    if (rc == 0 && old_size > (off_t)size && ftruncate(fd, (off_t)size) < 0)
        rc = error_errno(err, errno, "%s: cannot be written", d->spec);
    if (close(fd) < 0 && rc == 0)
        rc = error_errno(err, errno, "%s: cannot be written", d->spec);
    return rc;
}

/* ---- after ---- */

int directory_check(const struct attempt_directory *d, struct error *err) {
    if (is_same(d->work_fd, path_base(d->root), d->root_fd) && is_same(d->root_fd, stage_name, d->stage_fd))
        return 0;
    return error_set(err, ERR_FAILED, "it replaced its working directory, %s; nothing is taken from there", d->stage);
}

/* They held inputs of other stages. */
static void remove_waiting(const struct attempt_directory *d) {
    for (size_t i = 0; i < d->copy_count; i++)
        if (!d->copies[i].path)
            file_remove_tree_at(d->root_fd, copy_name(i).text, NULL);
}

int directory_keep(struct attempt_directory *d, int folder, const char *name, struct error *err) {
    int rc = directory_check(d, err);
    if (rc == 0)
        remove_waiting(d);
    if (rc == 0)
        rc = file_remove_tree_at(folder, name, err);
    if (rc == 0 && renameat(d->work_fd, path_base(d->root), folder, name) < 0)
        rc = error_errno(err, errno, "%s: cannot be moved", d->root);
    if (rc == 0)
        leave(d);
    return rc;
}

static bool is_waiting(const struct attempt_directory *d, const char *name) {
    for (size_t i = 0; i < d->copy_count; i++)
        if (!d->copies[i].path && strcmp(name, copy_name(i).text) == 0)
            return true;
    return false;
}

static bool empty_root(struct attempt_directory *d) {
    const char *name;
    bool good = true;
    int rc = 0;
    folder_rewind(&d->root_entries);
    while (good && (rc = folder_next(&d->root_entries, &name, NULL)) > 0)
        if (strcmp(name, stage_name) != 0 && strcmp(name, spec_name) != 0 && !is_waiting(d, name))
            good = file_remove_tree_at(d->root_fd, name, NULL) == 0;
    return good && rc == 0;
}

static struct attempt_copy *find_copy(struct attempt_directory *d, const char *path) {
    for (size_t i = 0; i < d->copy_count; i++)
        if (d->copies[i].path && strcmp(d->copies[i].path, path) == 0)
            return &d->copies[i];
    return NULL;
}

/* Lets a copy wait in the root. Another file in its place is noticed when it is used. */
static bool keep_copy(struct attempt_directory *d, struct attempt_copy *c, int folder, const char *name) {
    if (renameat(folder, name, d->root_fd, copy_name((size_t)(c - d->copies)).text) < 0)
        return false;
    free(c->path);
    c->path = NULL;
    return true;
}

/* Removes an entry of a folder that is not the directory's own. */
static bool remove_entry(struct attempt_directory *d, const struct attempt_folder *in, const char *name) {
    int folder = dirfd(in->entries.entries);
    char *path = *in->path ? path_join(in->path, name) : mem_strdup(name);
    struct attempt_copy *c = find_copy(d, path);
    bool good = find_folder(d, path, strlen(path)) || (c && keep_copy(d, c, folder, name)) ||
                file_remove_tree_at(folder, name, NULL) == 0;
    free(path);
    return good;
}

/* The folders that it lies in were compared before. */
static bool is_as_made(const struct attempt_directory *d, const struct attempt_folder *f) {
    struct stat st;
    return fstatat(d->stage_fd, *f->path ? f->path : ".", &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == f->inode &&
           st.st_mode == f->mode && flistxattr(dirfd(f->entries.entries), NULL, 0) == f->attributes;
}

/* False: it is not as it was made, or cannot be emptied. */
static bool empty_folder(struct attempt_directory *d, struct attempt_folder *f) {
    const char *name;
    bool good = is_as_made(d, f);
    int rc = 0;
    folder_rewind(&f->entries);
    while (good && (rc = folder_next(&f->entries, &name, NULL)) > 0)
        good = remove_entry(d, f, name);
    return good && rc == 0;
}

/* Those that the stage has moved or removed: in their places new ones are made. */
static void forget_copies(struct attempt_directory *d) {
    for (size_t i = 0; i < d->copy_count; i++) {
        struct attempt_copy *c = &d->copies[i];
        if (c->path)
            c->inode = 0;
        free(c->path);
        c->path = NULL;
    }
}

void directory_reset(struct attempt_directory *d) {
    bool good = d->root_fd >= 0 && directory_check(d, NULL) == 0 && empty_root(d);
    for (size_t i = 0; good && i < d->folder_count; i++)
        good = empty_folder(d, &d->folders[i]);
    forget_copies(d);
    if (!good)
        discard(d);
}
