/* Writes a bundle's pipeline into a fresh folder. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/bundle/import.h"

struct unpacking {
    const char *folder; /* for messages */
    int root, fd;
};

/* Never leaves the folder, and follows no link, whatever the name says. */
static int open_beneath(int root, const char *path, int flags, mode_t mode) {
    const struct open_how how = {.flags = (uint64_t)flags | O_CLOEXEC,
                                 .mode = mode,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

static int make_folders(const struct unpacking *u, const char *name, struct error *err) {
    int rc = 0;
    for (const char *slash = strchr(name, '/'); rc == 0 && slash; slash = strchr(slash + 1, '/')) {
        char *folder = mem_strndup(name, (size_t)(slash - name)), *parent = path_directory(folder);
        int fd = open_beneath(u->root, parent, O_PATH | O_DIRECTORY, 0);
        if (fd < 0 || (mkdirat(fd, path_base(folder), 0777) < 0 && errno != EEXIST))
            rc = error_errno(err, errno, "%s/%s: cannot be made", u->folder, folder);
        if (fd >= 0)
            close(fd);
        free(parent);
        free(folder);
    }
    return rc;
}

static int unpack_begin(void *context, const struct bundle_file *f, struct error *err) {
    struct unpacking *u = context;
    const char *name = f->name + sizeof BUNDLE_PIPELINE - 1;
    u->fd = -1;
    if (strncmp(f->name, BUNDLE_PIPELINE, sizeof BUNDLE_PIPELINE - 1) != 0)
        return 0;
    int rc = make_folders(u, name, err);
    if (rc < 0)
        return rc;
    u->fd = open_beneath(u->root, name, O_WRONLY | O_CREAT | O_EXCL, f->executable ? 0777 : 0666);
    return u->fd < 0 ? error_errno(err, errno, "%s/%s: cannot be made", u->folder, name) : 0;
}

static int unpack_bytes(void *context, const struct bundle_file *f, const void *bytes, size_t size, struct error *err) {
    const struct unpacking *u = context;
    return u->fd < 0 ? 0 : file_write_all(u->fd, bytes, size, f->name, err);
}

static int unpack_end(void *context, const struct bundle_file *f, struct error *err) {
    struct unpacking *u = context;
    int rc = u->fd >= 0 && fsync(u->fd) < 0 ? error_errno(err, errno, "%s: cannot be synced", f->name) : 0;
    if (u->fd >= 0)
        close(u->fd);
    u->fd = -1;
    return rc;
}

static int fill(struct import *i, const char *folder, const char *path, const struct bundle_watch *watch,
                struct error *err) {
    struct unpacking u = {folder, open(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), -1};
    const struct bundle_visitor visitor = {&u, unpack_begin, unpack_bytes, unpack_end};
    int rc = u.root < 0 ? error_errno(err, errno, "%s: cannot be opened", folder)
                        : bundle_read(&i->bundle, path, &visitor, watch, err);
    if (u.fd >= 0)
        close(u.fd);
    if (u.root >= 0)
        close(u.root);
    return rc;
}

int import_pipeline(struct import *i, const char *folder, const char *path, const struct bundle_watch *watch,
                    struct error *err) {
    char *plain = path_normal(folder), *temporary = path_temporary(plain, "XXXXXX");
    struct stat st;
    mode_t mask = umask(0);
    umask(mask);
    int rc = 0;
    if (lstat(plain, &st) == 0)
        rc = error_set(err, ERR_USAGE, "%s exists already; --to takes the name of a new folder", folder);
    else if (!mkdtemp(temporary))
        rc = error_errno(err, errno, "%s: cannot be made", temporary);
    if (rc == 0) {
        rc = fill(i, temporary, path, watch, err);
        if (rc == 0 && (chmod(temporary, 0777 & ~mask) < 0 ||
                        renameat2(AT_FDCWD, temporary, AT_FDCWD, plain, RENAME_NOREPLACE) < 0))
            rc = error_errno(err, errno, "%s: cannot be renamed to %s", temporary, folder);
        if (rc < 0)
            file_remove_tree(temporary, NULL);
    }
    free(temporary);
    free(plain);
    return rc;
}
