/*
 * A recorder: a library that is loaded into a program before all others. It writes down, in order, the calls by which
 * the program changes files below one directory. powercut.c rebuilds from that what a disk may hold after a power cut.
 *
 *   LD_PRELOAD=.../tracelib.so RETORT_TRACE=file RETORT_TRACE_ROOT=/absolute/directory program
 *
 * One line an event; files and directories are named by inode number:
 *
 *   C dir inode f|d name          a name was made             W inode offset size, a newline, the bytes, a newline
 *   R inode dir dir2 name/name2   it was renamed              T inode size          cut or extended
 *   L inode dir name              a second name was made      A inode mode sec nsec  mode or modification time changed
 *   U dir name                    a name was removed          S inode               synced
 *   M text                        trace_mark(text) was called by the program
 *
 * trace_kill_before_sync(part) lets a process die between a write and its sync.
 *
 * For programs that do this on one thread. Writes of other processes and to mapped memory are not seen.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/fault/fortified.h"

enum { LINE = 2 * NAME_MAX + 128 };

static int trace_fd = -1;
static char root[PATH_MAX];
static size_t root_length;

static const char *fatal_sync;

void trace_mark(const char *text);
void trace_kill_before_sync(const char *part);

/* ---- the trace ---- */

static void event(const void *bytes, size_t size, const char *format, ...) {
    char line[LINE];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    char newline = '\n';
    struct iovec parts[] = {{line, (size_t)length}, {(void *)(uintptr_t)bytes, size}, {&newline, bytes ? 1 : 0}};
    if (syscall(SYS_writev, trace_fd, parts, 3) < 0)
        _exit(2);
}

void trace_mark(const char *text) {
    event(NULL, 0, "M %s\n", text);
}

/* SIGKILL to this process in place of the first sync of a path that holds `part`. */
void trace_kill_before_sync(const char *part) {
    fatal_sync = part;
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("RETORT_TRACE");
    const char *below = getenv("RETORT_TRACE_ROOT");
    struct stat st;
    if (!path || !below || !realpath(below, root) || stat(root, &st) < 0)
        return;
    root_length = strlen(root);
    trace_fd = (int)syscall(SYS_open, path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    event(NULL, 0, "C 0 %ju d .\n", (uintmax_t)st.st_ino);
}

/* ---- places ---- */

static bool is_below(const char *path) {
    return trace_fd >= 0 && strncmp(path, root, root_length) == 0 && path[root_length] == '/';
}

static bool path_of_fd(char out[PATH_MAX], int fd) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, out, PATH_MAX - 1);
    out[length > 0 ? length : 0] = '\0';
    return length > 0;
}

struct place {
    bool traced;
    ino_t directory;
    char name[NAME_MAX + 1];
};

static struct place locate(int fd, const char *path) {
    struct place p = {0};
    struct stat st;
    char full[2 * PATH_MAX] = "";
    int saved = errno;
    if (path[0] != '/' && fd == AT_FDCWD && !getcwd(full, PATH_MAX))
        return p;
    if (path[0] != '/' && fd != AT_FDCWD && !path_of_fd(full, fd))
        return p;
    snprintf(full + strlen(full), PATH_MAX, "%s%s", *full ? "/" : "", path);
    char *slash = strrchr(full, '/');
    if (is_below(full) && slash) {
        snprintf(p.name, sizeof p.name, "%.*s", NAME_MAX, slash + 1);
        *slash = '\0';
        p.traced = stat(full, &st) == 0;
        p.directory = st.st_ino;
    }
    errno = saved;
    return p;
}

/* The inode behind a descriptor; 0 when it is not of ours. */
static ino_t inode_of(int fd, struct stat *st) {
    char path[PATH_MAX];
    int saved = errno;
    bool ours =
        trace_fd >= 0 && path_of_fd(path, fd) && (is_below(path) || strcmp(path, root) == 0) && fstat(fd, st) == 0;
    errno = saved;
    return ours ? st->st_ino : 0;
}

static ino_t inode_at(int fd, const char *path) {
    struct stat st;
    int saved = errno;
    ino_t inode = fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
    errno = saved;
    return inode;
}

/* ISO C has no cast from an object's address to a function's. */
#define FIND_NEXT(name)                                                                                                \
    if (!next)                                                                                                         \
    *(void **)(&next) = dlsym(RTLD_NEXT, #name)

/* ---- names ---- */

static void note_open(int fd, int at, const char *path, int flags, bool was_there) {
    struct stat st;
    struct place p;
    if (fd < 0 || !(flags & (O_CREAT | O_TRUNC)))
        return;
    ino_t inode = inode_of(fd, &st);
    if (inode == 0)
        return;
    if (was_there && flags & O_TRUNC)
        event(NULL, 0, "T %ju 0\n", (uintmax_t)inode);
    p = locate(at, path);
    if (!was_there && p.traced)
        event(NULL, 0, "C %ju %ju f %s\n", (uintmax_t)p.directory, (uintmax_t)inode, p.name);
}

#define OPEN(name, parameters, at, arguments)                                                                          \
    int name parameters {                                                                                              \
        static int(*next) parameters;                                                                                  \
        va_list list;                                                                                                  \
        va_start(list, flags);                                                                                         \
        mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;                                                      \
        va_end(list);                                                                                                  \
        FIND_NEXT(name);                                                                                               \
        bool was_there = inode_at(at, path) != 0;                                                                      \
        int opened = next arguments;                                                                                   \
        note_open(opened, at, path, flags, was_there);                                                                 \
        return opened;                                                                                                 \
    }
OPEN(open, (const char *path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPEN(openat, (int at, const char *path, int flags, ...), at, (at, path, flags, mode))
OPEN(openat64, (int at, const char *path, int flags, ...), at, (at, path, flags, mode))

static int note_directory(int rc, int at, const char *path) {
    struct place p = locate(at, path);
    if (rc == 0 && p.traced)
        event(NULL, 0, "C %ju %ju d %s\n", (uintmax_t)p.directory, (uintmax_t)inode_at(at, path), p.name);
    return rc;
}

int mkdir(const char *path, mode_t mode) {
    static int (*next)(const char *, mode_t);
    FIND_NEXT(mkdir);
    return note_directory(next(path, mode), AT_FDCWD, path);
}

int mkdirat(int at, const char *path, mode_t mode) {
    static int (*next)(int, const char *, mode_t);
    FIND_NEXT(mkdirat);
    return note_directory(next(at, path, mode), at, path);
}

static int note_rename(int rc, ino_t inode, const struct place *from, const struct place *to) {
    if (rc == 0 && from->traced && to->traced)
        event(NULL, 0, "R %ju %ju %ju %s/%s\n", (uintmax_t)inode, (uintmax_t)from->directory, (uintmax_t)to->directory,
              from->name, to->name);
    return rc;
}

#define RENAME(name, parameters, from_at, to_at, arguments)                                                            \
    int name parameters {                                                                                              \
        static int(*next) parameters;                                                                                  \
        FIND_NEXT(name);                                                                                               \
        struct place source = locate(from_at, from), target = locate(to_at, to);                                       \
        ino_t inode = inode_at(from_at, from);                                                                         \
        return note_rename(next arguments, inode, &source, &target);                                                   \
    }
RENAME(rename, (const char *from, const char *to), AT_FDCWD, AT_FDCWD, (from, to))
RENAME(renameat, (int a, const char *from, int b, const char *to), a, b, (a, from, b, to))
RENAME(renameat2, (int a, const char *from, int b, const char *to, unsigned flags), a, b, (a, from, b, to, flags))

int linkat(int a, const char *from, int b, const char *to, int flags) {
    static int (*next)(int, const char *, int, const char *, int);
    FIND_NEXT(linkat);
    struct place p = locate(b, to);
    int rc = next(a, from, b, to, flags);
    if (rc == 0 && p.traced)
        event(NULL, 0, "L %ju %ju %s\n", (uintmax_t)inode_at(b, to), (uintmax_t)p.directory, p.name);
    return rc;
}

#define REMOVE(call, parameters, at, arguments)                                                                        \
    int call parameters {                                                                                              \
        static int(*next) parameters;                                                                                  \
        FIND_NEXT(call);                                                                                               \
        struct place p = locate(at, path);                                                                             \
        int rc = next arguments;                                                                                       \
        if (rc == 0 && p.traced)                                                                                       \
            event(NULL, 0, "U %ju %s\n", (uintmax_t)p.directory, p.name);                                              \
        return rc;                                                                                                     \
    }
REMOVE(unlink, (const char *path), AT_FDCWD, (path))
REMOVE(rmdir, (const char *path), AT_FDCWD, (path))
REMOVE(unlinkat, (int at, const char *path, int flags), at, (at, path, flags))

/* ---- content ---- */

static ssize_t note_write(ssize_t written, ino_t inode, const void *bytes, off_t at) {
    if (written > 0 && inode != 0)
        event(bytes, (size_t)written, "W %ju %jd %zd\n", (uintmax_t)inode, (intmax_t)at, written);
    return written;
}

ssize_t write(int fd, const void *bytes, size_t size) {
    static ssize_t (*next)(int, const void *, size_t);
    struct stat st;
    FIND_NEXT(write);
    ino_t inode = inode_of(fd, &st);
    off_t at = inode == 0 ? 0 : fcntl(fd, F_GETFL) & O_APPEND ? st.st_size : lseek(fd, 0, SEEK_CUR);
    return note_write(next(fd, bytes, size), inode, bytes, at);
}

#define PWRITE(name, offset)                                                                                           \
    ssize_t name(int fd, const void *bytes, size_t size, offset at) {                                                  \
        static ssize_t (*next)(int, const void *, size_t, offset);                                                     \
        struct stat st;                                                                                                \
        FIND_NEXT(name);                                                                                               \
        ino_t inode = inode_of(fd, &st);                                                                               \
        return note_write(next(fd, bytes, size, at), inode, bytes, at);                                                \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define TRUNCATE(name, offset)                                                                                         \
    int name(int fd, offset size) {                                                                                    \
        static int (*next)(int, offset);                                                                               \
        struct stat st;                                                                                                \
        FIND_NEXT(name);                                                                                               \
        ino_t inode = inode_of(fd, &st);                                                                               \
        int rc = next(fd, size);                                                                                       \
        if (rc == 0 && inode != 0)                                                                                     \
            event(NULL, 0, "T %ju %jd\n", (uintmax_t)inode, (intmax_t)size);                                           \
        return rc;                                                                                                     \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

static int note_attributes(int rc, int fd) {
    struct stat st;
    ino_t inode = inode_of(fd, &st);
    if (rc == 0 && inode != 0)
        event(NULL, 0, "A %ju %o %jd %ld\n", (uintmax_t)inode, (unsigned)(st.st_mode & 07777),
              (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    return rc;
}

int fchmod(int fd, mode_t mode) {
    static int (*next)(int, mode_t);
    FIND_NEXT(fchmod);
    return note_attributes(next(fd, mode), fd);
}

int futimens(int fd, const struct timespec times[2]) {
    static int (*next)(int, const struct timespec[2]);
    FIND_NEXT(futimens);
    return note_attributes(next(fd, times), fd);
}

static int note_sync(int rc, int fd) {
    struct stat st;
    ino_t inode = inode_of(fd, &st);
    if (rc == 0 && inode != 0)
        event(NULL, 0, "S %ju\n", (uintmax_t)inode);
    return rc;
}

static void die_if_fatal(int fd) {
    char path[PATH_MAX];
    if (fatal_sync && path_of_fd(path, fd) && strstr(path, fatal_sync))
        syscall(SYS_kill, getpid(), SIGKILL);
}

int fsync(int fd) {
    static int (*next)(int);
    FIND_NEXT(fsync);
    die_if_fatal(fd);
    return note_sync(next(fd), fd);
}

int fdatasync(int fd) {
    static int (*next)(int);
    FIND_NEXT(fdatasync);
    return note_sync(next(fd), fd);
}

int syncfs(int fd) { /* everything written so far */
    static int (*next)(int);
    FIND_NEXT(syncfs);
    int rc = next(fd);
    if (rc == 0 && trace_fd >= 0)
        event(NULL, 0, "S 0\n");
    return rc;
}
