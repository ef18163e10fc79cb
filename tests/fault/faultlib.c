/*
 * Faults: a library that is loaded into one program before all others, counts the calls by which it changes or reads
 * the world, and lets the Nth of them fail.
 *
 *   LD_PRELOAD=.../faultlib.so RETORT_FAULT=ENOSPC:17+ retort run ...
 *
 *   RETORT_FAULT          kill:N     SIGKILL to the process in place of the Nth call
 *                         EIO:N, ENOSPC:N, EMFILE:N, ENOMEM:N
 *                                    the Nth of the calls that can fail so does; "N+": every later one too
 *                         EAGAIN:N   the Nth process or thread cannot be made; "N+": no later one either
 *                         look:N     the Nth look at a file (stat, access, readlink, realpath) gives EIO; "N+": every
 *                                    later one too: by themselves, since there are thousands of them
 *                         short:N    the Nth write is given half of its bytes; "N+": every later one too
 *                         memory:N   the Nth allocation fails; "N+": every later one too
 *                         memory:N@L the Nth of those for the library whose name begins with L, counted by themselves
 *                         An N of 0 lets nothing fail: what could have is counted; of allocations, whose each was.
 *   RETORT_FAULT_PROGRAM  whom it concerns (default retort): keepers inherit the environment, and are left alone
 *   RETORT_FAULT_LOG      a file; appended "fault <n> <call> <path>" when one fails, "calls <count>" at the end; of an
 *                         allocation the library that wanted it, in place of a path; "allocation <n> <library>" for memory:0
 *
 * What the standard streams say is never kept from being said. Memory-mapped writes and locks are not counted; nor is a
 * kill at a call that only reads, which leaves what a kill at the next change leaves.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LINE_SIZE = PATH_MAX + 64, LAST_STREAM = 2 };

/* What can happen to a call. */
enum {
    KILL = 1,    /* it changes something: an instant to be killed at */
    IO = 2,      /* EIO */
    SPACE = 4,   /* ENOSPC */
    HANDLE = 8,  /* EMFILE */
    KERNEL = 16, /* ENOMEM */
    WRITE = 32,  /* a part of its bytes */
    MEMORY = 64,
    LOOK = 128,   /* EIO, where nothing is asked but what a file is */
    PROCESS = 256 /* EAGAIN */
};

static const struct action {
    const char *name;
    unsigned happens_to;
    int failure;
} actions[] = {
    {"kill", KILL, 0},          {"EIO", IO, EIO},           {"ENOSPC", SPACE, ENOSPC},
    {"EMFILE", HANDLE, EMFILE}, {"ENOMEM", KERNEL, ENOMEM}, {"short", WRITE, 0},
    {"memory", MEMORY, ENOMEM}, {"look", LOOK, EIO},        {"EAGAIN", PROCESS, EAGAIN},
};

static const struct action *action; /* NULL: this program is not meant */
static unsigned long wanted;
static bool for_good;
static const char *library = ""; /* whose allocations are counted; "": everybody's */
static atomic_ulong calls;
static int log_fd = -1;

/* ---- the log: no call of our own may be counted ---- */

static void log_line(const char *text) {
    if (log_fd >= 0)
        syscall(SYS_write, log_fd, text, strlen(text));
}

/* "directory/name", as far as it is known. */
static void describe(char *out, size_t size, int fd, const char *path) {
    char link[64];
    char directory[PATH_MAX] = "";
    if (fd >= 0 && (!path || path[0] != '/')) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, directory, sizeof directory - 1);
        directory[length > 0 ? length : 0] = '\0';
    }
    snprintf(out, size, "%s%s%s", directory, *directory && path ? "/" : "", path ? path : "");
}

static void log_fault(unsigned long n, const char *call, int fd, const char *path) {
    char where[PATH_MAX];
    char line[LINE_SIZE + PATH_MAX];
    describe(where, sizeof where, fd, path);
    snprintf(line, sizeof line, "fault %lu %s %s\n", n, call, where);
    log_line(line);
}

/* ---- which call it is ---- */

/* Whether this call is one that shall not go as asked. Does not return when it is the one to be killed at. */
static bool is_due(const char *call, unsigned can, int fd, const char *path) {
    if (!action || !(can & action->happens_to) || (!path && fd >= 0 && fd <= LAST_STREAM))
        return false;
    unsigned long n = atomic_fetch_add(&calls, 1) + 1;
    if (wanted == 0 || (for_good ? n < wanted : n != wanted))
        return false;
    if (n == wanted)
        log_fault(n, call, fd, path);
    if (can & action->happens_to & KILL)
        syscall(SYS_kill, getpid(), SIGKILL);
    return true;
}

/* Of the loop's pipes and event counters none fails. */
static bool is_file(int fd) {
    struct stat st;
    return action && syscall(SYS_fstat, fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
}

/* The errno that the call fails with; 0: it goes on. */
static int failure(const char *call, unsigned can, int fd, const char *path) {
    return is_due(call, can & ~(unsigned)WRITE, fd, path) ? action->failure : 0;
}

static bool is_meant(void) {
    const char *program = getenv("RETORT_FAULT_PROGRAM");
    return strcmp(program_invocation_short_name, program ? program : "retort") == 0;
}

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("RETORT_FAULT");
    const char *log = getenv("RETORT_FAULT_LOG");
    if (!text || !is_meant())
        return;
    const char *colon = strchr(text, ':');
    for (size_t i = 0; colon && i < sizeof actions / sizeof *actions; i++) {
        if (strlen(actions[i].name) != (size_t)(colon - text) ||
            strncmp(actions[i].name, text, (size_t)(colon - text)) != 0)
            continue;
        char *end;
        wanted = strtoul(colon + 1, &end, 10);
        for_good = *end == '+';
        library = *end == '@' ? end + 1 : "";
        log_fd = log ? (int)syscall(SYS_open, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
        if (log_fd >= 0) { /* out of the way of the numbers that a program gives its children */
            int high = (int)syscall(SYS_fcntl, log_fd, F_DUPFD_CLOEXEC, 900);
            syscall(SYS_close, log_fd);
            log_fd = high;
        }
        void *frame;
        if (actions[i].happens_to == MEMORY)
            backtrace(&frame, 1); /* loads what it needs */
        action = &actions[i];
        return;
    }
    fprintf(stderr, "faultlib: RETORT_FAULT=%s: not known\n", text);
    _exit(2);
}

__attribute__((destructor)) static void end(void) {
    char line[64];
    if (!action)
        return;
    snprintf(line, sizeof line, "calls %lu\n", atomic_load(&calls));
    log_line(line);
}

/* ---- the calls ---- */

/* The function that ours stands before. ISO C has no cast from an object's address to a function's. */
#define FIND_NEXT(name)                                                                                                \
    if (!next)                                                                                                         \
    *(void **)(&next) = dlsym(RTLD_NEXT, #name)

/* A call that fails with -1 and errno. */
#define CALL(name, parameters, arguments, can, fd, path)                                                               \
    int name parameters {                                                                                              \
        static int(*next) parameters;                                                                                  \
        FIND_NEXT(name);                                                                                               \
        int failed = failure(#name, can, fd, path);                                                                    \
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
CALL(flock, (int fd, int how), (fd, how), IO, fd, NULL)
CALL(pipe2, (int fds[2], int flags), (fds, flags), HANDLE, -1, NULL)
CALL(epoll_create1, (int flags), (flags), HANDLE | KERNEL, -1, NULL)
CALL(eventfd, (unsigned first, int flags), (first, flags), HANDLE | KERNEL, -1, NULL)

/* A file that cannot be closed properly is closed nevertheless. */
int close(int fd) {
    static int (*next)(int);
    FIND_NEXT(close);
    int failed = is_file(fd) ? failure("close", KILL | IO | SPACE, fd, NULL) : 0;
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
        int failed = failure("open", OPEN_CAN(flags), -1, path);                                                       \
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
        int failed = failure("openat", OPEN_CAN(flags), fd, path);                                                     \
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
    int failed = command == F_DUPFD_CLOEXEC ? failure("fcntl", HANDLE, fd, NULL) : 0;
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
    int failed = number == SYS_pidfd_open ? failure("pidfd_open", HANDLE | KERNEL, -1, NULL) : 0;
    if (!failed)
        return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    errno = failed;
    return -1;
}

DIR *opendir(const char *path) {
    static DIR *(*next)(const char *);
    FIND_NEXT(opendir);
    int failed = failure("opendir", IO | HANDLE | KERNEL, -1, path);
    if (!failed)
        return next(path);
    errno = failed;
    return NULL;
}

FILE *fopen(const char *path, const char *mode) {
    static FILE *(*next)(const char *, const char *);
    FIND_NEXT(fopen);
    int failed = failure("fopen", IO | HANDLE | KERNEL, -1, path);
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
    int failed = failure("posix_spawn", KILL | KERNEL | PROCESS, -1, path);
    return failed ? failed : next(pid, path, files, attributes, argv, environment);
}

/* A keeper gives what it starts an environment without us; the built-in kind that it runs is its own program once more. */
int execve(const char *path, char *const argv[], char *const environment[]) {
    enum { MOST = 4096, NAMES = 4 };
    static const char *const names[NAMES] = {"LD_PRELOAD", "RETORT_FAULT", "RETORT_FAULT_LOG", "RETORT_FAULT_PROGRAM"};
    static int (*next)(const char *, char *const[], char *const[]);
    static char *with_us[MOST + NAMES + 1];
    size_t count = 0;
    FIND_NEXT(execve);
    if (!action || strcmp(argv[0], program_invocation_short_name) != 0)
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
    int failed = failure("fork", KILL | KERNEL | PROCESS, -1, NULL);
    if (!failed)
        return next();
    errno = failed;
    return -1;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) {
    static int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    FIND_NEXT(pthread_create);
    int failed = failure("pthread_create", PROCESS, -1, NULL);
    return failed ? failed : next(thread, attributes, run, argument);
}

/* ---- looking ---- */

CALL(stat, (const char *path, struct stat *out), (path, out), LOOK, -1, path)
CALL(stat64, (const char *path, struct stat64 *out), (path, out), LOOK, -1, path)
CALL(lstat, (const char *path, struct stat *out), (path, out), LOOK, -1, path)
CALL(lstat64, (const char *path, struct stat64 *out), (path, out), LOOK, -1, path)
CALL(fstat, (int fd, struct stat *out), (fd, out), is_file(fd) ? LOOK : 0, fd, NULL)
CALL(fstat64, (int fd, struct stat64 *out), (fd, out), is_file(fd) ? LOOK : 0, fd, NULL)
CALL(fstatat, (int fd, const char *path, struct stat *out, int flags), (fd, path, out, flags), LOOK, fd, path)
CALL(access, (const char *path, int how), (path, how), LOOK, -1, path)
CALL(scandir,
     (const char *path, struct dirent ***out, int (*choose)(const struct dirent *),
      int (*compare)(const struct dirent **, const struct dirent **)),
     (path, out, choose, compare), IO | HANDLE | KERNEL, -1, path)
CALL(nftw, (const char *path, __nftw_func_t visit, int fds, int flags), (path, visit, fds, flags), IO | KERNEL, -1,
     path)

ssize_t readlink(const char *path, char *out, size_t size) {
    static ssize_t (*next)(const char *, char *, size_t);
    FIND_NEXT(readlink);
    int failed = failure("readlink", LOOK, -1, path);
    if (!failed)
        return next(path, out, size);
    errno = failed;
    return -1;
}

char *realpath(const char *path, char *out) {
    static char *(*next)(const char *, char *);
    FIND_NEXT(realpath);
    int failed = failure("realpath", LOOK, -1, path);
    if (!failed)
        return next(path, out);
    errno = failed;
    return NULL;
}

#define READDIR(name, entry)                                                                                           \
    struct entry *name(DIR *directory) {                                                                               \
        static struct entry *(*next)(DIR *);                                                                           \
        FIND_NEXT(name);                                                                                               \
        int failed = failure(#name, IO, dirfd(directory), NULL);                                                       \
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
    int failed = is_file(fd) ? failure("lseek", IO, fd, NULL) : 0;
    if (!failed)
        return next(fd, at, whence);
    errno = failed;
    return -1;
}

/* ---- bytes ---- */

/* What is written: failing it is one thing, taking only half of it another. */
#define TRANSFER(name, parameters, arguments, can, fd, size)                                                           \
    ssize_t name parameters {                                                                                          \
        static ssize_t(*next) parameters;                                                                              \
        FIND_NEXT(name);                                                                                               \
        bool file = is_file(fd);                                                                                       \
        int failed = file ? failure(#name, can, fd, NULL) : 0;                                                         \
        if (!failed && file && size > 1 && is_due(#name, (can)&WRITE, fd, NULL))                                       \
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

/* ---- memory ---- */

/* glibc's own names: dlsym allocates. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

enum { OURS = 3, DEEPEST = OURS + 2 };

/* The library that wants it: the caller of malloc or that one's caller, where the first is the C library or the program,
   whose allocator cJSON is given; else the program. */
static const char *whose(char *out, size_t size) {
    void *frames[DEEPEST];
    int count = backtrace(frames, DEEPEST); /* this function, memory_fails, malloc, and who called it */
    snprintf(out, size, "%s", program_invocation_short_name);
    for (int i = OURS; i < count; i++) {
        Dl_info from;
        const char *base = dladdr(frames[i], &from) && from.dli_fname ? strrchr(from.dli_fname, '/') : NULL;
        if (base && strncmp(base + 1, "libc.so", 7) != 0 && strcmp(base + 1, program_invocation_short_name) != 0) {
            snprintf(out, size, "%s", base + 1);
            break;
        }
    }
    return out;
}

__attribute__((noinline)) static bool memory_fails(const char *call) {
    static __thread bool looking; /* what looking for its owner allocates is our own */
    char owner[NAME_MAX] = "";
    if (!action || action->happens_to != MEMORY || looking)
        return false;
    unsigned long next = atomic_load(&calls) + 1;
    if (wanted == 0 || next == wanted || *library) {
        looking = true;
        whose(owner, sizeof owner);
        looking = false;
    }
    if (strncmp(owner, library, strlen(library)) != 0)
        return false;
    if (wanted == 0) {
        char line[LINE_SIZE];
        snprintf(line, sizeof line, "allocation %lu %s\n", next, owner);
        log_line(line);
    }
    if (!is_due(call, MEMORY, -1, owner))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size) {
    return memory_fails("malloc") ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return memory_fails("calloc") ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
    return memory_fails("realloc") ? NULL : __libc_realloc(memory, size);
}
