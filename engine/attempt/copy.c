#include "engine/attempt/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"

enum {
    COPY_CHUNK = 1 << 30,
    SHARED_BYTES = 64 << 10 /* a smaller file is copied as fast as it is shared */
};

/* Of a file that grows meanwhile the first `size` bytes. */
static int copy_content(int from, int to, off_t size) {
    if (size >= SHARED_BYTES && ioctl(to, FICLONE, from) == 0)
        return 0;
    ssize_t copied = 1;
    for (off_t done = 0; done < size && copied != 0; done += copied > 0 ? copied : 0) {
        copied = sendfile(to, from, NULL, COPY_CHUNK);
        if (copied < 0 && errno != EINTR)
            return -1;
    }
    return 0;
}

static int open_fault(int errnum, const char *path, struct error *err) {
    if (errnum == ENOENT || errnum == ENOTDIR)
        return error_set(err, ERR_NOT_FOUND, "%s: does not exist", path);
    if (errnum == ELOOP)
        return error_set(err, ERR_INVALID, "%s: is a link that leads in a circle", path);
    if (errnum == EACCES)
        return error_set(err, ERR_INVALID, "%s: may not be read (permission denied)", path);
    return error_errno(err, errnum, "%s: cannot be opened", path);
}

/* Opens a regular file. */
static int open_source(int *fd, struct stat *st, const char *path, struct error *err) {
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0)
        return open_fault(errno, path, err);
    if (fstat(*fd, st) < 0)
        return error_errno(err, errno, "%s: cannot be examined", path);
    return S_ISREG(st->st_mode) ? 0 : error_set(err, ERR_INVALID, "%s: is no regular file", path);
}

static int copy_file(const char *from, const char *to, struct error *err) {
    struct stat st = {0};
    int source, target = -1;
    int rc = open_source(&source, &st, from, err);
    if (rc == 0 && (target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st.st_mode & S_IXUSR ? 0755 : 0644)) < 0)
        rc = error_errno(err, errno, "%s: cannot be created", to);
    if (rc == 0 && copy_content(source, target, st.st_size) < 0)
        rc = error_errno(err, errno, "%s: cannot be copied to %s", from, to);
    if (source >= 0)
        close(source);
    if (target >= 0 && close(target) < 0 && rc == 0)
        rc = error_errno(err, errno, "%s: cannot be written", to);
    return rc;
}

int copy_over(const char *from, int target, off_t old_size, const char *to, struct error *err) {
    struct stat st = {0};
    int source;
    int rc = open_source(&source, &st, from, err);
    if (rc == 0 &&
        ((old_size > st.st_size && ftruncate(target, st.st_size) < 0) || copy_content(source, target, st.st_size) < 0))
        rc = error_errno(err, errno, "%s: cannot be copied to %s", from, to);
    if (source >= 0)
        close(source);
    return rc;
}

/* The folder that is copied, and the way to it over links. */
struct copied {
    const struct folder_filter *filter;
    const struct followed *followed; /* NULL: over none */
};

static int copy_entry(const char *from, const char *to, const char *name, const struct copied *in, struct error *err);

static int copy_directory(const char *from, const char *to, const struct copied *in, struct error *err) {
    struct folder folder;
    const char *name;
    int fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return open_fault(errno, from, err);
    int rc = folder_open_fd(&folder, fd, from, err);
    if (rc == 0 && mkdir(to, 0777) < 0)
        rc = error_errno(err, errno, "%s: cannot be made", to);
    while (rc >= 0 && (rc = folder_next(&folder, &name, err)) > 0)
        rc = folder_skips_name(name) ? 0 : copy_entry(from, to, name, in, err);
    folder_close(&folder);
    return rc;
}

static bool is_skipped(const struct folder_filter *filter, const char *path, bool directory) {
    return filter->skips && filter->skips(filter->context, path, directory);
}

/* A link is followed: the copy has what it leads to. */
static int copy_linked(const char *from, const char *to, const struct copied *in, struct error *err) {
    struct followed f = {0};
    int rc = followed_enter(&f, in->followed, from, err);
    if (rc == 0)
        rc = copy_directory(from, to, &(struct copied){in->filter, &f}, err);
    followed_leave(&f);
    return rc;
}

static int copy_entry(const char *from, const char *to, const char *name, const struct copied *in, struct error *err) {
    char *source = path_join(from, name), *target = path_join(to, name);
    struct stat st;
    int rc = 0, fault = lstat(source, &st) < 0 ? errno : 0;
    bool link = !fault && S_ISLNK(st.st_mode);
    if (link && stat(source, &st) < 0)
        fault = errno;
    if (is_skipped(in->filter, source, S_ISDIR(st.st_mode)))
        rc = 0;
    else if (fault)
        rc = open_fault(fault, source, err);
    else if (S_ISDIR(st.st_mode))
        rc = link ? copy_linked(source, target, in, err) : copy_directory(source, target, in, err);
    else
        rc = copy_file(source, target, err);
    free(source);
    free(target);
    return rc;
}

/* Rules are for paths without links. */
static int copy_folder(const char *from, const char *to, const struct folder_filter *filter, struct error *err) {
    const struct copied in = {.filter = filter};
    if (!filter->skips)
        return copy_directory(from, to, &in, err);
    char *real = realpath(from, NULL);
    int rc = real ? copy_directory(real, to, &in, err) : open_fault(errno, from, err);
    free(real);
    return rc;
}

int copy_tree(const char *from, const char *to, const struct folder_filter *filter, struct error *err) {
    return file_is_directory(from) ? copy_folder(from, to, filter, err) : copy_file(from, to, err);
}

/* ---- whether anything stays behind ---- */

static bool is_whole(const char *path, const struct folder_filter *filter) {
    struct folder folder;
    const char *name;
    int rc = folder_open(&folder, path, NULL);
    bool whole = rc == 0;
    while (whole && (rc = folder_next(&folder, &name, NULL)) > 0) {
        char *entry = path_join(path, name);
        struct stat st;
        bool there = lstat(entry, &st) == 0, directory = there && S_ISDIR(st.st_mode);
        whole = there && !S_ISLNK(st.st_mode) && !folder_skips_name(name) && !is_skipped(filter, entry, directory) &&
                (!directory || is_whole(entry, filter));
        free(entry);
    }
    folder_close(&folder);
    return whole && rc == 0;
}

bool copy_is_whole(const char *path, const struct folder_filter *filter) {
    char *real = realpath(path, NULL);
    bool whole = real && is_whole(real, filter);
    free(real);
    return whole;
}
