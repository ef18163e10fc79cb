/*
 * Removes a tree without recursion, with three descriptors however deep the tree is. A directory that is not empty is
 * moved up beside the first level, and emptied there. Passes over the first level repeat until nothing is left.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"

enum { NAMES_SIZE = 16 << 10 }; /* of one read */

struct removal {
    const char *path;
    int top;         /* descriptor of the tree's root */
    unsigned serial; /* for the names of directories moved up */
    size_t left;     /* directories of this pass that remain */
};

static int removal_failed(const struct removal *r, const char *name, struct error *err) {
    return error_errno(err, errno, "%s: cannot be removed: %s", r->path, name);
}

/* Opens a directory and lets its owner change it. Another user's directory may allow that as it is. */
static int open_directory(int parent, const char *name) {
    enum { HOW = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
    struct stat st;
    int fd = openat(parent, name, HOW);
    if (fd < 0 && errno == EACCES && fchmodat(parent, name, S_IRWXU, AT_SYMLINK_NOFOLLOW) == 0)
        fd = openat(parent, name, HOW);
    if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & S_IRWXU) != S_IRWXU)
        fchmod(fd, S_IRWXU);
    return fd;
}

/* Moves directory `name` of `parent` to the first level, under a free name. */
static int move_up(struct removal *r, int parent, const char *name, struct error *err) {
    for (bool changed = false;;) {
        char moved[32];
        snprintf(moved, sizeof moved, ".removing-%u", r->serial++);
        if (renameat(parent, name, r->top, moved) == 0)
            return 0;
        if (errno == EACCES && !changed && fchmodat(parent, name, S_IRWXU, AT_SYMLINK_NOFOLLOW) == 0)
            changed = true;
        else if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
            return removal_failed(r, name, err);
    }
}

/* 0: removed; 1: a directory that is not empty; negative: failed. */
static int remove_entry(struct removal *r, int parent, const char *name, struct error *err) {
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return removal_failed(r, name, err);
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0)
        return 0;
    return errno == ENOTEMPTY || errno == EEXIST ? 1 : removal_failed(r, name, err);
}

typedef int visit_entry(struct removal *r, int directory, const char *name, struct error *err);

/* The names of one read. */
static int visit_names(struct removal *r, int fd, const char *names, size_t size, visit_entry *visit,
                       struct error *err) {
    int rc = 0;
    for (size_t at = 0; rc >= 0 && at < size;) {
        const struct dirent64 *e = (const void *)(names + at);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            rc = visit(r, fd, e->d_name, err);
        at += e->d_reclen;
    }
    return rc;
}

/* Calls `visit` for each entry of an open directory, from its first one on. A DIR would take three calls more. */
static int each_entry(struct removal *r, int fd, visit_entry *visit, struct error *err) {
    _Alignas(struct dirent64) char names[NAMES_SIZE];
    ssize_t size = 0;
    int rc = 0;
    while (rc >= 0 && (size = getdents64(fd, names, sizeof names)) > 0)
        rc = visit_names(r, fd, names, (size_t)size, visit, err);
    return rc >= 0 && size < 0 ? removal_failed(r, ".", err) : rc;
}

static int visit_second_level(struct removal *r, int directory, const char *name, struct error *err) {
    int rc = remove_entry(r, directory, name, err);
    return rc > 0 ? move_up(r, directory, name, err) : rc;
}

static int visit_first_level(struct removal *r, int directory, const char *name, struct error *err) {
    int rc = remove_entry(r, directory, name, err);
    if (rc <= 0)
        return rc;
    r->left++;
    int fd = open_directory(directory, name);
    if (fd < 0)
        return removal_failed(r, name, err);
    rc = each_entry(r, fd, visit_second_level, err);
    close(fd);
    return rc;
}

static int remove_contents(struct removal *r, struct error *err) {
    int rc = 0;
    do {
        r->left = 0;
        rc = each_entry(r, r->top, visit_first_level, err);
    } while (rc >= 0 && r->left > 0 && lseek(r->top, 0, SEEK_SET) == 0);
    return rc;
}

static int remove_directory(int at, const char *name, struct error *err) {
    struct removal r = {.path = name, .top = open_directory(at, name)};
    if (r.top < 0) {
        int failed = errno;
        return unlinkat(at, name, AT_REMOVEDIR) == 0 ? 0 : error_errno(err, failed, "%s: cannot be removed: .", name);
    }
    int rc = remove_contents(&r, err);
    close(r.top);
    return rc >= 0 && unlinkat(at, name, AT_REMOVEDIR) < 0 ? removal_failed(&r, ".", err) : rc;
}

int file_remove_tree_at(int at, const char *name, struct error *err) {
    struct removal r = {.path = name, .top = -1};
    if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
        return 0;
    return errno == EISDIR || errno == EPERM ? remove_directory(at, name, err) : removal_failed(&r, name, err);
}

int file_remove_tree(const char *path, struct error *err) {
    return file_remove_tree_at(AT_FDCWD, path, err);
}
