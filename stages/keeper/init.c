#include "stages/keeper/init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct init_report *init_report_create(void) {
    void *memory = mmap(NULL, sizeof(struct init_report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* ---- in the first process: only system calls, since the keeper may have threads ---- */

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static _Noreturn void fail(struct init_report *report, int failure, const char *what) {
    report->failure = failure;
    snprintf(report->what, sizeof report->what, "%s", what);
    _exit(127);
}

struct watch {
    pid_t leader;
    struct init_report *report;
    uint64_t ended_ns;
    bool leaving;
};

/* Whether children are left. */
static bool reap(struct watch *w) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0)
        if (pid == w->leader) {
            w->report->status = status;
            w->ended_ns = now_ns();
        }
    return pid == 0;
}

static void pass_on(struct watch *w) {
    w->leaving = true;
    if (w->ended_ns)
        return;
    kill(-w->leader, SIGTERM);
    kill(-w->leader, SIGCONT);
}

static bool has_time(const struct watch *w) {
    return !w->leaving && now_ns() - w->ended_ns < INIT_LINGER_MS * UINT64_C(1000000);
}

static void await_end(struct watch *w) {
    static const struct timespec often = {.tv_nsec = 10L * 1000 * 1000};
    sigset_t handled;
    sigemptyset(&handled);
    sigaddset(&handled, SIGCHLD);
    sigaddset(&handled, SIGTERM);
    while (reap(w) && (!w->ended_ns || has_time(w)))
        if (sigtimedwait(&handled, NULL, w->ended_ns ? &often : NULL) == SIGTERM)
            pass_on(w);
}

static void kill_rest(struct watch *w) {
    kill(-1, SIGKILL);
    while (waitpid(-1, NULL, __WALL) > 0)
        w->report->survivors++;
}

/* A keeper that died before the first call does not kill this process. */
static bool keeper_lives(int fd) {
    struct pollfd end = {.fd = fd};
    return poll(&end, 1, 0) == 0;
}

static _Noreturn void run_init(const struct init_options *o, const struct isolation_identity *identity,
                               const int ends[2]) {
    struct watch w = {.report = o->report};
    const char *what = "";
    close(ends[0]);
    setpgid(0, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || !keeper_lives(ends[1]))
        _exit(127);
    int failure = sandbox_enter(o->sandbox, identity, o->directory, &what);
    if (failure)
        fail(o->report, failure, what);
    prctl(PR_SET_DUMPABLE, 0); /* its memory is a copy of the keeper's */
    prctl(PR_SET_NAME, "sandbox-init");
    w.leader = o->start(o->context, &what);
    if (w.leader < 0)
        fail(o->report, errno, what);
    close_range(0, ~0U, 0); /* among them the pipe: the keeper hears that the leader runs */
    await_end(&w);
    kill_rest(&w);
    w.report->after_ns = now_ns() - w.ended_ns;
    w.report->ended = true;
    _exit(0);
}

/* ---- in the keeper ---- */

/* Waits until the other end is closed. */
static void await_start(int fd) {
    char byte;
    while (read(fd, &byte, 1) < 0 && errno == EINTR)
        ;
}

int init_start(pid_t *pid, const struct init_options *o, struct error *err) {
    const struct isolation_identity identity = isolation_identity();
    int ends[2];
    if (!o->report || pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, errno, "a sandbox cannot be made");
    long child = syscall(SYS_clone, (long)(sandbox_flags(o->sandbox) | SIGCHLD), NULL, NULL, NULL, 0L);
    if (child == 0)
        run_init(o, &identity, ends);
    int rc = child < 0 ? error_errno(err, errno, "a sandbox cannot be made") : 0;
    close(ends[1]);
    if (rc == 0)
        await_start(ends[0]);
    close(ends[0]);
    *pid = (pid_t)child;
    return rc;
}
