/*
 * A gate: a library that is loaded into the engine before all others and waits for one name.
 *
 *   LD_PRELOAD=.../gatelib.so RETORT_GATE=results/p/o retort run ...
 *
 *   RETORT_GATE      the engine stops, as by SIGSTOP, before its first rename to, or openat of, a name that ends so.
 *                    The test does its part meanwhile, and SIGCONT lets the engine go on
 *   RETORT_GATE_SYNC the same before it syncs a file whose path holds this: a copy that has no name yet
 *   RETORT_GATE_EIO  stat, lstat, access and readdir fail with EIO for a path that ends so
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fault/fortified.h"

static const char *stop_at, *stop_in, *fail_at;

__attribute__((constructor)) static void begin(void) {
    if (strcmp(program_invocation_short_name, "retort") != 0)
        return;
    stop_at = getenv("RETORT_GATE");
    stop_in = getenv("RETORT_GATE_SYNC");
    fail_at = getenv("RETORT_GATE_EIO");
}

static bool is_at(const char *path, const char *end) {
    size_t length = strlen(path), wanted = end ? strlen(end) : 0;
    return end && length >= wanted && strcmp(path + length - wanted, end) == 0;
}

/* ISO C has no cast from an object's address to a function's. */
#define FIND_NEXT(name)                                                                                                \
    if (!next)                                                                                                         \
    *(void **)(&next) = dlsym(RTLD_NEXT, #name)

static void stop_before(const char *to) {
    if (!is_at(to, stop_at))
        return;
    stop_at = NULL;
    raise(SIGSTOP);
}

int rename(const char *from, const char *to) {
    static int (*next)(const char *, const char *);
    FIND_NEXT(rename);
    stop_before(to);
    return next(from, to);
}

int openat(int folder, const char *path, int flags, ...) {
    static int (*next)(int, const char *, int, ...);
    FIND_NEXT(openat);
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    stop_before(path);
    return next(folder, path, flags, mode);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to) {
    static int (*next)(int, const char *, int, const char *);
    FIND_NEXT(renameat);
    stop_before(to);
    return next(from_fd, from, to_fd, to);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
    static int (*next)(int, const char *, int, const char *, unsigned);
    FIND_NEXT(renameat2);
    stop_before(to);
    return next(from_fd, from, to_fd, to, flags);
}

static void path_of(char path[PATH_MAX], int fd) {
    char link[64];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = '\0';
    errno = before;
}

int fsync(int fd) {
    static int (*next)(int);
    char path[PATH_MAX] = "";
    FIND_NEXT(fsync);
    if (stop_in)
        path_of(path, fd);
    if (stop_in && strstr(path, stop_in)) {
        stop_in = NULL;
        raise(SIGSTOP);
    }
    return next(fd);
}

int lstat(const char *restrict path, struct stat *restrict st) {
    static int (*next)(const char *, struct stat *);
    FIND_NEXT(lstat);
    if (!is_at(path, fail_at))
        return next(path, st);
    errno = EIO;
    return -1;
}

int stat(const char *restrict path, struct stat *restrict st) {
    static int (*next)(const char *, struct stat *);
    FIND_NEXT(stat);
    if (!is_at(path, fail_at))
        return next(path, st);
    errno = EIO;
    return -1;
}

int access(const char *path, int how) {
    static int (*next)(const char *, int);
    FIND_NEXT(access);
    if (!is_at(path, fail_at))
        return next(path, how);
    errno = EIO;
    return -1;
}

struct dirent *readdir(DIR *entries) {
    static struct dirent *(*next)(DIR *);
    char path[PATH_MAX] = "";
    FIND_NEXT(readdir);
    if (fail_at)
        path_of(path, dirfd(entries));
    if (!is_at(path, fail_at))
        return next(entries);
    errno = EIO;
    return NULL;
}
