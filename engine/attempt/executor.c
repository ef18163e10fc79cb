#include "engine/attempt/executor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/base/process.h"

enum {
    FIRST_FREE_FD = 16, /* pipes stay clear of the numbers that a keeper gets */
    READ_SIZE = 64 * 1024,
    SWEEP_ROUNDS = 50,
    SWEEP_PAUSE_NS = 5000000
};

struct executor {
    uv_loop_t *loop;
    const char *program;
    int lifeline[2]; /* read, write */
    char **environment;
    pid_t guard;      /* 0: none */
    pid_t *strangers; /* children from before, and the guard: not ours to sweep */
    size_t stranger_count;
    struct execution *executions;
};

struct execution {
    struct executor *executor;
    struct execution *next;
    struct execution_observer observer;
    pid_t pid;
    int pid_fd, events_fd;
    uv_poll_t exit_poll, events_poll;
    int handles; /* those of the loop that are not closed yet */
};

/* ---- the executor ---- */

static bool is_blas_choice(const char *entry) {
    return strncmp(entry, "OPENBLAS_NUM_THREADS=", 21) == 0 || strncmp(entry, "OPENBLAS_CORETYPE=", 18) == 0;
}

/* Ours, for the variables that stages let through, with one BLAS thread: a keeper computes nothing, and its library would
   start a thread for each processor. */
static char **keeper_environment(void) {
    size_t count = 0;
    while (environ[count])
        count++;
    char **all = mem_array(count + 2, sizeof *all);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_blas_choice(environ[i]))
            all[kept++] = mem_strdup(environ[i]);
    all[kept] = mem_strdup("OPENBLAS_NUM_THREADS=1");
    return all;
}

/* Moves a descriptor out of the way of low numbers. */
static int raise_fd(int *fd) {
    int raised = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
    close(*fd);
    *fd = raised;
    return raised < 0 ? -1 : 0;
}

static int make_pipe(int fds[2], struct error *err) {
    if (pipe2(fds, O_CLOEXEC) < 0) {
        fds[0] = fds[1] = -1;
        return error_errno(err, errno, "a pipe cannot be made");
    }
    if (raise_fd(&fds[0]) < 0 || raise_fd(&fds[1]) < 0)
        return error_errno(err, errno, "a pipe cannot be made");
    return 0;
}

static void close_pipe(int fds[2]) {
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

/* A program of ours in a session of its own, with the lifeline and, where there is one, a pipe for events; what it has to
   say goes to `log`. */
static int spawn(pid_t *pid, const struct executor *e, const char *const *arguments, char **environment,
                 const char *directory, const char *log, int events_fd, struct error *err) {
    char *argv[5] = {0};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    /* A request that comes before the keeper listens waits for it. */
    sigset_t held, all;
    sigemptyset(&held);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGQUIT);
    sigfillset(&all);
    size_t count = 0;
    do
        argv[count] = mem_strdup(arguments[count]);
    while (arguments[++count]);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (events_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, events_fd, EXECUTOR_EVENTS_FD);
    else
        posix_spawn_file_actions_addclose(&actions, EXECUTOR_EVENTS_FD);
    posix_spawn_file_actions_adddup2(&actions, e->lifeline[0], EXECUTOR_LIFELINE_FD);
    posix_spawn_file_actions_addclosefrom_np(&actions, EXECUTOR_LIFELINE_FD + 1);
    if (directory)
        posix_spawn_file_actions_addchdir_np(&actions, directory);
    posix_spawnattr_setsigmask(&attributes, &held);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int failed = posix_spawn(pid, e->program, &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    for (size_t i = 0; i < count; i++)
        free(argv[i]);
    return failed ? error_errno(err, failed, "%s cannot be started", e->program) : 0;
}

/* For what is lost when all of us are killed together: without one, runs are as right. Its environment is none of ours, so
   that the guard of an engine that this one is a stage of does not take it for the stage's. */
static void start_guard(struct executor *e, const char *mark) {
    char one_thread[] = "OPENBLAS_NUM_THREADS=1", *environment[] = {one_thread, NULL};
    char fd[16];
    snprintf(fd, sizeof fd, "%d", EXECUTOR_LIFELINE_FD);
    const char *const arguments[] = {"stage-guard", "guard", fd, mark, NULL};
    if (spawn(&e->guard, e, arguments, environment, "/", "/dev/null", -1, NULL) < 0)
        e->guard = 0;
}

static void end_guard(struct executor *e) {
    if (e->guard == 0)
        return;
    kill(e->guard, SIGKILL);
    while (waitpid(e->guard, NULL, 0) < 0 && errno == EINTR)
        ;
}

int executor_create(struct executor **out, uv_loop_t *loop, const char *program, const char *mark, struct error *err) {
    struct executor *e = mem_alloc(sizeof *e);
    e->loop = loop;
    e->program = program;
    int rc = make_pipe(e->lifeline, err);
    if (rc == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        rc = error_errno(err, errno, "orphaned processes cannot be adopted");
    if (rc < 0) {
        executor_free(e);
        return rc;
    }
    e->environment = keeper_environment();
    start_guard(e, mark);
    e->stranger_count = process_children(&e->strangers, getpid());
    *out = e;
    return 0;
}

void executor_free(struct executor *e) {
    if (!e)
        return;
    end_guard(e);
    close_pipe(e->lifeline);
    for (size_t i = 0; e->environment && e->environment[i]; i++)
        free(e->environment[i]);
    free(e->environment);
    free(e->strangers);
    free(e);
}

/* ---- orphans of a keeper that did not end in order ---- */

static bool is_orphan(const struct executor *e, pid_t pid) {
    for (const struct execution *x = e->executions; x; x = x->next)
        if (x->pid == pid)
            return false;
    for (size_t i = 0; i < e->stranger_count; i++)
        if (e->strangers[i] == pid)
            return false;
    return true;
}

/* Kills and reaps what is there now; returns how many there were. */
static size_t sweep_round(const struct executor *e) {
    pid_t *children;
    size_t count = process_children(&children, getpid()), orphans = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_orphan(e, children[i]))
            continue;
        orphans++;
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, WNOHANG);
    }
    free(children);
    return orphans;
}

/* The leader dies of its parent-death signal, what it had orphaned comes to us at once, and what these have when they
   die. Two empty rounds in a row end it. */
static void sweep(const struct executor *e) {
    int empty = 0;
    for (int round = 0; round < SWEEP_ROUNDS && empty < 2; round++) {
        empty = sweep_round(e) == 0 ? empty + 1 : 0;
        nanosleep(&(struct timespec){.tv_nsec = SWEEP_PAUSE_NS}, NULL);
    }
}

/* ---- one execution ---- */

static void on_closed(uv_handle_t *handle) {
    struct execution *x = handle->data;
    if (--x->handles > 0)
        return;
    if (x->pid_fd >= 0)
        close(x->pid_fd);
    close(x->events_fd);
    free(x);
}

static void close_execution(struct execution *x) {
    uv_close((uv_handle_t *)&x->events_poll, on_closed);
    if (x->handles > 1)
        uv_close((uv_handle_t *)&x->exit_poll, on_closed);
}

/* Reads what is there. Returns whether more may come. */
static bool read_events(struct execution *x) {
    char bytes[READ_SIZE];
    for (;;) {
        ssize_t got = read(x->events_fd, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 && errno == EAGAIN;
        x->observer.events(x->observer.context, bytes, (size_t)got);
        if ((size_t)got < sizeof bytes)
            return true;
    }
}

static void on_events(uv_poll_t *handle, int status, int events) {
    struct execution *x = handle->data;
    (void)events;
    if (status < 0 || !read_events(x))
        uv_poll_stop(handle);
}

static void unlink_execution(struct execution *x) {
    struct execution **link = &x->executor->executions;
    while (*link != x)
        link = &(*link)->next;
    *link = x->next;
}

static void on_exit_poll(uv_poll_t *handle, int status, int events) {
    struct execution *x = handle->data;
    int how = 0;
    (void)status;
    (void)events;
    if (x->observer.ending)
        x->observer.ending(x->observer.context);
    pid_t reaped = wait4(x->pid, &how, WNOHANG, NULL);
    if (reaped == 0 || (reaped < 0 && errno == EINTR))
        return;
    unlink_execution(x);
    if (how != 0) /* it was killed, or gave up on its way: no memory */
        sweep(x->executor);
    read_events(x);
    close_execution(x);
    x->observer.exit(x->observer.context, how);
}

static int watch(struct execution *x, uv_poll_t *poll, int fd, uv_poll_cb on_ready, struct error *err) {
    int rc = uv_poll_init(x->executor->loop, poll, fd);
    if (rc < 0)
        return error_errno(err, -rc, "a stage's process cannot be watched");
    poll->data = x;
    x->handles++;
    uv_poll_start(poll, UV_READABLE, on_ready);
    return 0;
}

/* pidfd_open has no wrapper in the C library of Debian 12. Its descriptor is close-on-exec. */
static int watch_exit(struct execution *x, struct error *err) {
    x->pid_fd = (int)syscall(SYS_pidfd_open, x->pid, 0);
    int rc = x->pid_fd < 0 ? error_errno(err, errno, "a stage's process cannot be watched")
                           : watch(x, &x->exit_poll, x->pid_fd, on_exit_poll, err);
    if (rc < 0) {
        kill(x->pid, SIGKILL);
        waitpid(x->pid, NULL, 0);
    }
    return rc;
}

int executor_start(struct execution **out, struct executor *e, const char *attempt_file, const char *log,
                   const struct execution_observer *observer, struct error *err) {
    int events[2];
    int rc = make_pipe(events, err);
    if (rc < 0) {
        close_pipe(events);
        return rc;
    }
    struct execution *x = mem_alloc(sizeof *x);
    *x = (struct execution){.executor = e, .observer = *observer, .pid_fd = -1, .events_fd = events[0]};
    fcntl(x->events_fd, F_SETFL, O_NONBLOCK);
    rc = watch(x, &x->events_poll, x->events_fd, on_events, err);
    if (rc < 0) {
        close_pipe(events);
        free(x);
        return rc;
    }
    const char *const arguments[] = {e->program, "attempt", attempt_file, NULL};
    rc = spawn(&x->pid, e, arguments, e->environment, NULL, log, events[1], err);
    close(events[1]);
    if (rc == 0)
        rc = watch_exit(x, err);
    if (rc < 0) {
        close_execution(x);
        return rc;
    }
    x->next = e->executions;
    e->executions = x;
    *out = x;
    return 0;
}

pid_t execution_keeper(const struct execution *x) {
    return x->pid;
}

void execution_terminate(struct execution *x) {
    kill(x->pid, SIGTERM);
}

void execution_kill(struct execution *x) {
    kill(x->pid, SIGQUIT);
}
