#include "engine/base/folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"

/* `entries` is NULL, with errno, if the folder could not be opened. */
static int hold_entries(struct folder *out, DIR *entries, const char *path, struct error *err) {
    int failed = entries ? 0 : errno;
    *out = (struct folder){entries, mem_strdup(path)};
    return failed ? error_errno(err, failed, "%s: cannot be opened", path) : 0;
}

int folder_open(struct folder *out, const char *path, struct error *err) {
    return hold_entries(out, opendir(path), path, err);
}

int folder_open_if_there(struct folder *out, const char *path, struct error *err) {
    DIR *entries = opendir(path);
    if (entries || errno != ENOENT)
        return hold_entries(out, entries, path, err);
    *out = (struct folder){0};
    return 0;
}

int folder_open_fd(struct folder *out, int fd, const char *path, struct error *err) {
    int rc = hold_entries(out, fd < 0 ? NULL : fdopendir(fd), path, err);
    if (rc < 0 && fd >= 0)
        close(fd);
    return rc;
}

void folder_rewind(struct folder *f) {
    if (f->entries)
        rewinddir(f->entries);
}

int folder_next(struct folder *f, const char **name, struct error *err) {
    const struct dirent *e = NULL;
    do {
        errno = 0;
        e = f->entries ? readdir(f->entries) : NULL;
    } while (e && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0));
    if (!e)
        return errno ? error_errno(err, errno, "%s: cannot be read", f->path) : 0;
    *name = e->d_name;
    return 1;
}

bool folder_skips_name(const char *name) {
    static const char *const names[] = {"__pycache__", ".git", ".ipynb_checkpoints", ".DS_Store"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

bool folder_holds(const char *folder, const char *path) {
    size_t length = strlen(folder);
    if (strncmp(path, folder, length) != 0)
        return false;
    return folder[length - 1] == '/' || path[length] == '/' || path[length] == '\0';
}

int followed_enter(struct followed *out, const struct followed *outer, const char *path, struct error *err) {
    char *beside = path_directory(path), *target = realpath(path, NULL);
    *out = (struct followed){outer, realpath(beside, NULL)};
    bool circle = false;
    int rc = target && out->folder ? 0 : error_errno(err, errno, "%s: cannot be followed", path);
    for (const struct followed *f = out; target && f && f->folder; f = f->outer)
        circle |= folder_holds(target, f->folder);
    free(beside);
    free(target);
    return circle ? error_set(err, ERR_INVALID, "%s: is a link that leads in a circle", path) : rc;
}

void followed_leave(struct followed *f) {
    free(f->folder);
    f->folder = NULL;
}

void folder_close(struct folder *f) {
    if (f->entries)
        closedir(f->entries);
    free(f->path);
    *f = (struct folder){0};
}
