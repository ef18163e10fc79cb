/*
 * Removes a tree without recursion, with three descriptors however deep the tree is. A directory that is not empty is
 * moved up beside the first level, and emptied there. Passes over the first level repeat until nothing is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"

struct removal {
    const char *path;
    int top;         /* descriptor of the tree's root */
    unsigned serial; /* for the names of directories moved up */
    size_t left;     /* directories of this pass that remain */
};

static int removal_failed(const struct removal *r, const char *name, struct error *err) {
    return error_errno(err, errno, "%s: cannot be removed: %s", r->path, name);
}

static int open_directory(int parent, const char *name) {
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Moves directory `name` of `parent` to the first level, under a free name. */
static int move_up(struct removal *r, int parent, const char *name, struct error *err) {
    for (;;) {
        char moved[32];
        snprintf(moved, sizeof moved, ".removing-%u", r->serial++);
        if (renameat(parent, name, r->top, moved) == 0)
            return 0;
        if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
            return removal_failed(r, name, err);
    }
}

/* 0: removed; 1: a directory that is not empty, now open to us; negative: failed. */
static int remove_entry(struct removal *r, int parent, const char *name, struct error *err) {
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return removal_failed(r, name, err);
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0)
        return 0;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return removal_failed(r, name, err);
    /* EPERM: another user's directory, which we may be allowed to open as it is. */
    if (fchmodat(parent, name, S_IRWXU, AT_SYMLINK_NOFOLLOW) < 0 && errno != EPERM)
        return removal_failed(r, name, err);
    return 1;
}

/* Calls `visit` for each entry of a directory; closes `fd`. */
static int each_entry(struct removal *r, int fd,
                      int (*visit)(struct removal *r, int directory, const char *name, struct error *err),
                      struct error *err) {
    struct folder entries;
    const char *name;
    int rc = folder_open_fd(&entries, fd, r->path, err);
    while (rc >= 0 && (rc = folder_next(&entries, &name, err)) > 0)
        rc = visit(r, fd, name, err);
    folder_close(&entries);
    return rc;
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
    return fd < 0 ? removal_failed(r, name, err) : each_entry(r, fd, visit_second_level, err);
}

static int remove_contents(struct removal *r, struct error *err) {
    do {
        r->left = 0;
        int fd = open_directory(r->top, ".");
        int rc = fd < 0 ? removal_failed(r, ".", err) : each_entry(r, fd, visit_first_level, err);
        if (rc < 0)
            return rc;
    } while (r->left > 0);
    return 0;
}

int file_remove_tree_at(int at, const char *name, struct error *err) {
    struct removal r = {.path = name, .top = -1};
    int rc = remove_entry(&r, at, name, err);
    if (rc <= 0)
        return rc;
    r.top = open_directory(at, name);
    if (r.top < 0)
        return removal_failed(&r, ".", err);
    rc = remove_contents(&r, err);
    close(r.top);
    if (rc == 0 && unlinkat(at, name, AT_REMOVEDIR) < 0)
        rc = removal_failed(&r, ".", err);
    return rc;
}

int file_remove_tree(const char *path, struct error *err) {
    return file_remove_tree_at(AT_FDCWD, path, err);
}
