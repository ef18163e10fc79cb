#include "engine/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/memory.h"

enum { READ_SIZE = 4096 }; /* at once, at least */

static int read_all(struct buffer *out, int fd, const char *path, size_t limit, struct error *err) {
    size_t start = out->size;
    for (;;) {
        buffer_reserve(out, READ_SIZE);
        ssize_t got = read(fd, out->data + out->size, out->capacity - out->size - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(err, errno, "%s: cannot be read", path);
        if (got == 0)
            return 0;
        if ((size_t)got > limit - (out->size - start))
            return error_set(err, ERR_INVALID, "%s: is larger than the %zu bytes allowed", path, limit);
        out->size += (size_t)got;
        out->data[out->size] = '\0';
    }
}

int file_read_open(struct buffer *out, int fd, const char *path, size_t limit, struct error *err) {
    size_t start = out->size;
    int rc = read_all(out, fd, path, limit, err);
    if (rc < 0 && out->data) {
        out->size = start;
        out->data[start] = '\0';
    }
    return rc;
}

const char *file_type_name(mode_t mode) {
    return S_ISREG(mode)    ? "a regular file"
           : S_ISDIR(mode)  ? "a directory"
           : S_ISLNK(mode)  ? "a symbolic link"
           : S_ISFIFO(mode) ? "a named pipe"
           : S_ISSOCK(mode) ? "a socket"
                            : "a device";
}

int file_read(struct buffer *out, const char *path, size_t limit, struct error *err) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return error_set(err, ERR_NOT_FOUND, "%s: does not exist", path);
    if (fd < 0)
        return error_errno(err, errno, "%s: cannot be opened", path);
    int rc = 0;
    if (fstat(fd, &st) < 0)
        rc = error_errno(err, errno, "%s: cannot be examined", path);
    else if (S_ISDIR(st.st_mode))
        rc = error_errno(err, EISDIR, "%s: cannot be read", path);
    else if (!S_ISREG(st.st_mode))
        rc = error_set(err, ERR_INVALID, "%s: is %s; a regular file is needed", path, file_type_name(st.st_mode));
    else if ((uint64_t)st.st_size <= limit)
        buffer_reserve(out, (size_t)st.st_size + READ_SIZE);
    if (rc == 0)
        rc = file_read_open(out, fd, path, limit, err);
    close(fd);
    return rc;
}

int file_open_beneath(int at, const char *path, int flags) {
    int folder = at;
    for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
        char *part = mem_strndup(path, (size_t)(slash - path));
        int next = openat(folder, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int errnum = errno;
        free(part);
        if (folder != at)
            close(folder);
        errno = errnum;
        if (next < 0)
            return -1;
        folder = next;
    }
    int fd = openat(folder, *path ? path : ".", flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    int errnum = errno;
    if (folder != at)
        close(folder);
    errno = errnum;
    return fd;
}

int file_write_all(int fd, const void *bytes, size_t size, const char *path, struct error *err) {
    const char *next = bytes;
    while (size > 0) {
        ssize_t written = write(fd, next, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_errno(err, errno, "%s: cannot be written", path);
        next += written;
        size -= (size_t)written;
    }
    return 0;
}

int file_sync(const char *path, struct error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return error_errno(err, errno, "%s: cannot be opened for syncing", path);
    int rc = fsync(fd) < 0 ? error_errno(err, errno, "%s: cannot be synced", path) : 0;
    close(fd);
    return rc;
}

static int write_and_close(int fd, const void *bytes, size_t size, const char *path, struct error *err) {
    int rc = file_write_all(fd, bytes, size, path, err);
    if (rc == 0 && fsync(fd) < 0)
        rc = error_errno(err, errno, "%s: cannot be synced", path);
    if (close(fd) < 0 && rc == 0)
        rc = error_errno(err, errno, "%s: cannot be closed", path);
    return rc;
}

/* Like mkostemp, with a mode: mkostemp's files are closed to all but their owner. To read the umask one must set it,
   which another thread would see. `path` ends with the six characters to choose. */
static int make_temporary(char *path, mode_t mode) {
    static const char digits[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    enum { CHOSEN = 6 };
    for (;;) {
        unsigned char random[CHOSEN];
        while (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
            ;
        for (int i = 0; i < CHOSEN; i++)
            path[strlen(path) - CHOSEN + (size_t)i] = digits[random[i] % (sizeof digits - 1)];
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
}

int file_replace(const char *path, const void *bytes, size_t size, mode_t mode, struct error *err) {
    char *directory = path_directory(path);
    char *temporary = path_temporary(path, "XXXXXX");
    int rc = 0;
    int fd = make_temporary(temporary, mode);
    if (fd < 0) {
        rc = error_errno(err, errno, "%s: no temporary file can be made beside it", path);
        goto out;
    }
    rc = write_and_close(fd, bytes, size, path, err);
    if (rc == 0 && rename(temporary, path) < 0)
        rc = error_errno(err, errno, "%s: cannot be replaced", path);
    if (rc < 0) {
        unlink(temporary);
        goto out;
    }
    rc = file_sync(directory, err);
out:
    free(temporary);
    free(directory);
    return rc;
}

/* Why there is no directory after mkdir failed with `refused`; 0: there is one. */
static int no_directory(const char *path, int refused) {
    struct stat st;
    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? 0 : refused;
    return refused == EEXIST && errno != ENOENT ? errno : refused;
}

int file_make_directory(const char *path, struct error *err) {
    int rc = 0, refusal = mkdir(path, 0777) < 0 ? errno : 0;
    if (refusal == ENOENT && strcmp(path, path_base(path)) != 0) {
        char *parent = path_directory(path);
        rc = file_make_directory(parent, err);
        free(parent);
        refusal = rc == 0 && mkdir(path, 0777) < 0 ? errno : 0;
    }
    if (rc == 0 && refusal)
        refusal = no_directory(path, refusal);
    return rc == 0 && refusal ? error_errno(err, refusal, "%s: cannot be made a directory", path) : rc;
}

int file_stat(struct stat *st, const char *path, struct error *err) {
    if (stat(path, st) == 0)
        return 1;
    bool nothing = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
    return nothing ? 0 : error_errno(err, errno, "%s: cannot be examined", path);
}

bool file_exists(const char *path) {
    return access(path, F_OK) == 0;
}

bool file_is_directory(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}
