/* The calls of a program that faultlib.c counts and fails, but allocations. */
#include "tests/fault/faultlib.h"
#include "tests/fault/fortified.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

/* The function that ours stands before. ISO C has no cast from an object's address to a function's. */
#define FIND_NEXT(name)                                                                                                \
    if (!next)                                                                                                         \
    *(void **)(&next) = dlsym(RTLD_NEXT, #name)

/* A call that fails with -1 and errno. */
#define CALL(name, parameters, arguments, can, fd, path)                                                               \
    int name parameters {                                                                                              \
        static int(*next) parameters;                                                                                  \
        FIND_NEXT(name);                                                                                               \
        int failed = fault_failure(#name, can, fd, path);                                                              \
        if (!failed)                                                                                                   \
            return next arguments;                                                                                     \
        errno = failed;                                                                                                \
        return -1;                                                                                                     \
    }

CALL(fsync, (int fd), (fd), KILL | IO | SPACE, fd, NULL)
CALL(fdatasync, (int fd), (fd), KILL | IO | SPACE, fd, NULL)
CALL(ftruncate, (int fd, off_t size), (fd, size), KILL | IO | SPACE, fd, NULL)
CALL(ftruncate64, (int fd, off64_t size), (fd, size), KILL | IO | SPACE, fd, NULL)
CALL(fchmod, (int fd, mode_t mode), (fd, mode), KILL | IO, fd, NULL)
CALL(fchmodat, (int fd, const char *path, mode_t mode, int flags), (fd, path, mode, flags), KILL | IO | KERNEL, fd,
     path)
CALL(futimens, (int fd, const struct timespec times[2]), (fd, times), KILL | IO, fd, NULL)
CALL(utimensat, (int fd, const char *path, const struct timespec times[2], int flags), (fd, path, times, flags),
     KILL | IO | KERNEL, fd, path)
CALL(rename, (const char *from, const char *to), (from, to), KILL | IO | SPACE | KERNEL, -1, from)
CALL(renameat, (int from_fd, const char *from, int to_fd, const char *to), (from_fd, from, to_fd, to),
     KILL | IO | SPACE | KERNEL, from_fd, from)
CALL(renameat2, (int from_fd, const char *from, int to_fd, const char *to, unsigned flags),
     (from_fd, from, to_fd, to, flags), KILL | IO | SPACE | KERNEL, from_fd, from)
CALL(link, (const char *from, const char *to), (from, to), KILL | IO | SPACE | KERNEL, -1, from)
CALL(linkat, (int from_fd, const char *from, int to_fd, const char *to, int flags), (from_fd, from, to_fd, to, flags),
     KILL | IO | SPACE | KERNEL, from_fd, from)
CALL(symlink, (const char *to, const char *path), (to, path), KILL | IO | SPACE | KERNEL, -1, path)
CALL(unlink, (const char *path), (path), KILL | IO | KERNEL, -1, path)
CALL(unlinkat, (int fd, const char *path, int flags), (fd, path, flags), KILL | IO | KERNEL, fd, path)
CALL(rmdir, (const char *path), (path), KILL | IO | KERNEL, -1, path)
CALL(mkdir, (const char *path, mode_t mode), (path, mode), KILL | IO | SPACE | KERNEL, -1, path)
CALL(mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode), KILL | IO | SPACE | KERNEL, fd, path)
CALL(chmod, (const char *path, mode_t mode), (path, mode), KILL | IO | KERNEL, -1, path)
CALL(fsetxattr, (int fd, const char *name, const void *value, size_t size, int flags), (fd, name, value, size, flags),
     KILL | IO | SPACE, fd, NULL)
CALL(chdir, (const char *path), (path), IO | KERNEL, -1, path)
CALL(flock, (int fd, int how), (fd, how), IO, fd, NULL)
CALL(socketpair, (int domain, int type, int protocol, int fds[2]), (domain, type, protocol, fds), HANDLE, -1, NULL)
CALL(pipe, (int fds[2]), (fds), HANDLE, -1, NULL)
CALL(pipe2, (int fds[2], int flags), (fds, flags), HANDLE, -1, NULL)
CALL(epoll_create1, (int flags), (flags), HANDLE | KERNEL, -1, NULL)
CALL(eventfd, (unsigned first, int flags), (first, flags), HANDLE | KERNEL, -1, NULL)

CALL(signalfd, (int fd, const sigset_t *mask, int flags), (fd, mask, flags), HANDLE | KERNEL, -1, NULL)
CALL(memfd_create, (const char *name, unsigned flags), (name, flags), HANDLE | KERNEL, -1, NULL)

/* A file that cannot be closed properly is closed nevertheless. */
int close(int fd) {
    static int (*next)(int);
    FIND_NEXT(close);
    int failed = fault_is_file(fd) ? fault_failure("close", KILL | IO | SPACE, fd, NULL) : 0;
    int rc = next(fd);
    if (!failed)
        return rc;
    errno = failed;
    return -1;
}

#define OPEN_CAN(flags) (((flags) & (O_CREAT | O_TRUNC) ? KILL | SPACE : 0) | IO | HANDLE | KERNEL)

/* The mode is there when the flags say so; else what is read is not used. */
#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        static int (*next)(const char *, int, ...);                                                                    \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;                                                 \
        va_end(arguments);                                                                                             \
        FIND_NEXT(name);                                                                                               \
        int failed = fault_failure("open", OPEN_CAN(flags), -1, path);                                                 \
        if (!failed)                                                                                                   \
            return next(path, flags, mode);                                                                            \
        errno = failed;                                                                                                \
        return -1;                                                                                                     \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                   \
    int name(int fd, const char *path, int flags, ...) {                                                               \
        static int (*next)(int, const char *, int, ...);                                                               \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;                                                 \
        va_end(arguments);                                                                                             \
        FIND_NEXT(name);                                                                                               \
        int failed = fault_failure("openat", OPEN_CAN(flags), fd, path);                                               \
        if (!failed)                                                                                                   \
            return next(fd, path, flags, mode);                                                                        \
        errno = failed;                                                                                                \
        return -1;                                                                                                     \
    }
OPENAT(openat)
OPENAT(openat64)

/* Descriptors copied upwards; everything else that fcntl does passes. */
int fcntl(int fd, int command, ...) {
    static int (*next)(int, int, ...);
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    FIND_NEXT(fcntl);
    int failed = command == F_DUPFD || command == F_DUPFD_CLOEXEC ? fault_failure("fcntl", HANDLE, fd, NULL) : 0;
    if (!failed)
        return next(fd, command, argument);
    errno = failed;
    return -1;
}

/* pidfd_open, which has no wrapper; other numbers pass. */
long syscall(long number, ...) {
    static long (*next)(long, ...);
    va_list arguments;
    long a[6];
    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    FIND_NEXT(syscall);
    int failed = number == SYS_pidfd_open ? fault_failure("pidfd_open", HANDLE | KERNEL, -1, NULL) : 0;
    if (!failed)
        return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    errno = failed;
    return -1;
}

DIR *opendir(const char *path) {
    static DIR *(*next)(const char *);
    FIND_NEXT(opendir);
    int failed = fault_failure("opendir", IO | HANDLE | KERNEL, -1, path);
    if (!failed)
        return next(path);
    errno = failed;
    return NULL;
}

DIR *fdopendir(int fd) {
    static DIR *(*next)(int);
    FIND_NEXT(fdopendir);
    int failed = fault_failure("fdopendir", IO | KERNEL, fd, NULL);
    if (!failed)
        return next(fd);
    errno = failed;
    return NULL;
}

char *mkdtemp(char *path) {
    static char *(*next)(char *);
    FIND_NEXT(mkdtemp);
    int failed = fault_failure("mkdtemp", KILL | IO | SPACE | KERNEL, -1, path);
    if (!failed)
        return next(path);
    errno = failed;
    return NULL;
}

FILE *fopen(const char *path, const char *mode) {
    static FILE *(*next)(const char *, const char *);
    FIND_NEXT(fopen);
    int failed = fault_failure("fopen", IO | HANDLE | KERNEL, -1, path);
    if (!failed)
        return next(path, mode);
    errno = failed;
    return NULL;
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *files,
                const posix_spawnattr_t *attributes, char *const argv[], char *const environment[]) {
    static int (*next)(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                       char *const[], char *const[]);
    FIND_NEXT(posix_spawn);
    int failed = fault_failure("posix_spawn", KILL | KERNEL | PROCESS, -1, path);
    return failed ? failed : next(pid, path, files, attributes, argv, environment);
}

/* A keeper gives what it starts an environment without us. We go along into the program that is meant: built-in
   kinds. */
int execve(const char *path, char *const argv[], char *const environment[]) {
    enum { MOST = 4096, NAMES = 4 };
    static const char *const names[NAMES] = {"LD_PRELOAD", "RETORT_FAULT", "RETORT_FAULT_LOG", "RETORT_FAULT_PROGRAM"};
    static int (*next)(const char *, char *const[], char *const[]);
    static char *with_us[MOST + NAMES + 1];
    size_t count = 0;
    FIND_NEXT(execve);
    const char *meant = getenv("RETORT_FAULT_PROGRAM");
    if (!meant || strcmp(argv[0], meant) != 0)
        return next(path, argv, environment);
    while (environment[count] && count < MOST) {
        with_us[count] = environment[count];
        count++;
    }
    for (char **entry = environ; *entry && count < MOST + NAMES; entry++)
        for (int i = 0; i < NAMES; i++)
            if (strncmp(*entry, names[i], strlen(names[i])) == 0 && (*entry)[strlen(names[i])] == '=')
                with_us[count++] = *entry;
    with_us[count] = NULL;
    return next(path, argv, with_us);
}

pid_t fork(void) {
    static pid_t (*next)(void);
    FIND_NEXT(fork);
    int failed = fault_failure("fork", KILL | KERNEL | PROCESS, -1, NULL);
    if (!failed)
        return next();
    errno = failed;
    return -1;
}

/* A keeper's leader. */
int clone(int (*run)(void *), void *stack, int flags, void *argument, ...) {
    static int (*next)(int (*)(void *), void *, int, void *, ...);
    FIND_NEXT(clone);
    int failed = fault_failure("clone", KILL | KERNEL | PROCESS, -1, NULL);
    if (!failed)
        return next(run, stack, flags, argument);
    errno = failed;
    return -1;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) {
    static int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    FIND_NEXT(pthread_create);
    int failed = fault_failure("pthread_create", PROCESS, -1, NULL);
    return failed ? failed : next(thread, attributes, run, argument);
}

/* ---- looking ---- */

CALL(stat, (const char *path, struct stat *out), (path, out), LOOK, -1, path)
CALL(stat64, (const char *path, struct stat64 *out), (path, out), LOOK, -1, path)
CALL(lstat, (const char *path, struct stat *out), (path, out), LOOK, -1, path)
CALL(lstat64, (const char *path, struct stat64 *out), (path, out), LOOK, -1, path)
CALL(fstat, (int fd, struct stat *out), (fd, out), fault_is_file(fd) ? LOOK : 0, fd, NULL)
CALL(fstat64, (int fd, struct stat64 *out), (fd, out), fault_is_file(fd) ? LOOK : 0, fd, NULL)
CALL(fstatat, (int fd, const char *path, struct stat *out, int flags), (fd, path, out, flags), LOOK, fd, path)
CALL(access, (const char *path, int how), (path, how), LOOK, -1, path)
CALL(faccessat, (int fd, const char *path, int how, int flags), (fd, path, how, flags), LOOK, fd, path)
CALL(fstatvfs, (int fd, struct statvfs *out), (fd, out), LOOK, fd, NULL)
CALL(scandir,
     (const char *path, struct dirent ***out, int (*choose)(const struct dirent *),
      int (*compare)(const struct dirent **, const struct dirent **)),
     (path, out, choose, compare), IO | HANDLE | KERNEL, -1, path)
CALL(nftw, (const char *path, __nftw_func_t visit, int fds, int flags), (path, visit, fds, flags), IO | KERNEL, -1,
     path)

ssize_t fgetxattr(int fd, const char *name, void *value, size_t size) {
    static ssize_t (*next)(int, const char *, void *, size_t);
    FIND_NEXT(fgetxattr);
    int failed = fault_failure("fgetxattr", LOOK, fd, NULL);
    if (!failed)
        return next(fd, name, value, size);
    errno = failed;
    return -1;
}

ssize_t flistxattr(int fd, char *names, size_t size) {
    static ssize_t (*next)(int, char *, size_t);
    FIND_NEXT(flistxattr);
    int failed = fault_failure("flistxattr", LOOK, fd, NULL);
    if (!failed)
        return next(fd, names, size);
    errno = failed;
    return -1;
}

ssize_t readlink(const char *path, char *out, size_t size) {
    static ssize_t (*next)(const char *, char *, size_t);
    FIND_NEXT(readlink);
    int failed = fault_failure("readlink", LOOK, -1, path);
    if (!failed)
        return next(path, out, size);
    errno = failed;
    return -1;
}

char *realpath(const char *path, char *out) {
    static char *(*next)(const char *, char *);
    FIND_NEXT(realpath);
    int failed = fault_failure("realpath", LOOK, -1, path);
    if (!failed)
        return next(path, out);
    errno = failed;
    return NULL;
}

#define READDIR(name, entry)                                                                                           \
    struct entry *name(DIR *directory) {                                                                               \
        static struct entry *(*next)(DIR *);                                                                           \
        FIND_NEXT(name);                                                                                               \
        int failed = fault_failure(#name, IO, dirfd(directory), NULL);                                                 \
        if (!failed)                                                                                                   \
            return next(directory);                                                                                    \
        errno = failed;                                                                                                \
        return NULL;                                                                                                   \
    }
READDIR(readdir, dirent)
READDIR(readdir64, dirent64)

off_t lseek(int fd, off_t at, int whence) {
    static off_t (*next)(int, off_t, int);
    FIND_NEXT(lseek);
    int failed = fault_is_file(fd) ? fault_failure("lseek", IO, fd, NULL) : 0;
    if (!failed)
        return next(fd, at, whence);
    errno = failed;
    return -1;
}

/* ---- bytes ---- */

/* A write can fail, or take only half of its bytes. */
#define TRANSFER(name, parameters, arguments, can, fd, size)                                                           \
    ssize_t name parameters {                                                                                          \
        static ssize_t(*next) parameters;                                                                              \
        FIND_NEXT(name);                                                                                               \
        bool file = fault_is_file(fd);                                                                                 \
        int failed = file ? fault_failure(#name, can, fd, NULL) : 0;                                                   \
        if (!failed && file && size > 1 && fault_is_due(#name, (can)&WRITE, fd, NULL))                                 \
            size /= 2;                                                                                                 \
        if (!failed)                                                                                                   \
            return next arguments;                                                                                     \
        errno = failed;                                                                                                \
        return -1;                                                                                                     \
    }

TRANSFER(write, (int fd, const void *bytes, size_t size), (fd, bytes, size), KILL | IO | SPACE | WRITE, fd, size)
TRANSFER(pwrite, (int fd, const void *bytes, size_t size, off_t at), (fd, bytes, size, at), KILL | IO | SPACE | WRITE,
         fd, size)
TRANSFER(pwrite64, (int fd, const void *bytes, size_t size, off64_t at), (fd, bytes, size, at),
         KILL | IO | SPACE | WRITE, fd, size)
TRANSFER(sendfile, (int to, int from, off_t *at, size_t size), (to, from, at, size), KILL | IO | SPACE | WRITE, to,
         size)
TRANSFER(read, (int fd, void *bytes, size_t size), (fd, bytes, size), IO, fd, size)
TRANSFER(pread, (int fd, void *bytes, size_t size, off_t at), (fd, bytes, size, at), IO, fd, size)
TRANSFER(pread64, (int fd, void *bytes, size_t size, off64_t at), (fd, bytes, size, at), IO, fd, size)
