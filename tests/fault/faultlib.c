/*
 * Faults: a library that is loaded into one program before all others. It counts the calls by which the program changes
 * or reads the world, and makes the Nth of them fail.
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
 *                         An N of 0 lets nothing fail: what could have is counted, and written to the log.
 *   RETORT_FAULT_PROGRAM  whom it concerns (default retort): keepers inherit the environment, and are left alone
 *   RETORT_FAULT_LOG      a file; appended "fault <n> <call> <path>" when one fails; of an allocation the library that
 *                         wanted it, in place of a path. For N = 0: "calls <n>" and "call <n> <call> <path>" for each
 *                         call that could have failed, "allocation <n> <library>" for memory:0
 *
 * Writes to the standard streams never fail. Memory-mapped writes and locks are not counted. Nor is a
 * kill at a call that only reads: it leaves the same state as a kill at the next change.
 */
#include "tests/fault/faultlib.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LINE_SIZE = PATH_MAX + 64, LAST_STREAM = 2 };

static const struct action actions[] = {
    {"kill", KILL, 0},          {"EIO", IO, EIO},           {"ENOSPC", SPACE, ENOSPC},
    {"EMFILE", HANDLE, EMFILE}, {"ENOMEM", KERNEL, ENOMEM}, {"short", WRITE, 0},
    {"memory", MEMORY, ENOMEM}, {"look", LOOK, EIO},        {"EAGAIN", PROCESS, EAGAIN},
};

struct fault fault = {.library = ""};
static int log_fd = -1;

/* ---- the log: no call of our own may be counted ---- */

void fault_log(const char *text) {
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

static void log_call(const char *what, unsigned long n, const char *call, int fd, const char *path) {
    char where[PATH_MAX];
    char line[LINE_SIZE + PATH_MAX];
    describe(where, sizeof where, fd, path);
    snprintf(line, sizeof line, "%s %lu %s %s\n", what, n, call, where);
    fault_log(line);
}

/* With each call: a keeper is killed by its engine, and does nothing at its end. */
static void log_count(unsigned long n) {
    char line[64];
    snprintf(line, sizeof line, "calls %lu\n", n);
    fault_log(line);
}

/* ---- identifying a call ---- */

bool fault_is_due(const char *call, unsigned can, int fd, const char *path) {
    if (!fault.action || !(can & fault.action->happens_to) || (!path && fd >= 0 && fd <= LAST_STREAM))
        return false;
    unsigned long n = atomic_fetch_add(&fault.calls, 1) + 1;
    if (fault.wanted == 0 && fault.action->happens_to != MEMORY)
        log_call("call", n, call, fd, path);
    if (fault.wanted == 0)
        log_count(n);
    if (fault.wanted == 0 || (fault.for_good ? n < fault.wanted : n != fault.wanted))
        return false;
    if (n == fault.wanted)
        log_call("fault", n, call, fd, path);
    if (can & fault.action->happens_to & KILL)
        syscall(SYS_kill, getpid(), SIGKILL);
    return true;
}

bool fault_is_file(int fd) {
    struct stat st;
    return fault.action && syscall(SYS_fstat, fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
}

int fault_failure(const char *call, unsigned can, int fd, const char *path) {
    return fault_is_due(call, can & ~(unsigned)WRITE, fd, path) ? fault.action->failure : 0;
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
        fault.wanted = strtoul(colon + 1, &end, 10);
        fault.for_good = *end == '+';
        fault.library = *end == '@' ? end + 1 : "";
        log_fd = log ? (int)syscall(SYS_open, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
        if (log_fd >= 0) { /* out of the way of the numbers that a program gives its children */
            int high = (int)syscall(SYS_fcntl, log_fd, F_DUPFD_CLOEXEC, 900);
            syscall(SYS_close, log_fd);
            log_fd = high;
        }
        void *frame;
        if (actions[i].happens_to == MEMORY)
            backtrace(&frame, 1); /* loads what it needs */
        fault.action = &actions[i];
        return;
    }
    fprintf(stderr, "faultlib: RETORT_FAULT=%s: not known\n", text);
    _exit(2);
}
