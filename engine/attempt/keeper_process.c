#include "engine/attempt/keeper_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "stages/protocol/attempt.h"

enum { FIRST_FREE_FD = 16, GUARD_LIFELINE_FD = 3 }; /* pipes stay clear of the numbers that a keeper gets */

static const char mark_name[] = "RETORT_KEEPER=";

/* Moves a descriptor out of the way of low numbers. */
static int raise_fd(int *fd) {
    int raised = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
    int errnum = errno;
    close(*fd);
    *fd = raised;
    errno = errnum;
    return raised < 0 ? -1 : 0;
}

static void close_pair(int fds[2]) {
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static int make_pair(int fds[2], int socket, struct error *err) {
    int failed = socket ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) : pipe2(fds, O_CLOEXEC);
    if (failed)
        fds[0] = fds[1] = -1;
    if (failed || raise_fd(&fds[0]) < 0 || raise_fd(&fds[1]) < 0)
        return error_errno(err, errno, "a keeper cannot be connected");
    return fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? error_errno(err, errno, "a keeper cannot be connected") : 0;
}

/* A program in a session of its own that inherits `fds` as ATTEMPT_EVENTS_FD and the next number, -1: not. */
static int spawn(pid_t *pid, const char *program, char *const argv[], char *const environment[], const int fds[2],
                 struct error *err) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t held, all;
    sigemptyset(&held); /* a signal that comes before the keeper listens waits for it */
    sigaddset(&held, SIGTERM);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    for (int fd = 0; fd < 3; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    int next = 3;
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            posix_spawn_file_actions_adddup2(&actions, fds[i], next++);
    posix_spawn_file_actions_addclosefrom_np(&actions, next);
    posix_spawn_file_actions_addchdir_np(&actions, "/");
    posix_spawnattr_setsigmask(&attributes, &held);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int failed = posix_spawn(pid, program, &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed ? error_errno(err, failed, "%s cannot be started", program) : 0;
}

/* This process's, and the mark by which the guard knows the keeper. The caller frees it and its last text. */
static char **keeper_environment(size_t *last, const char *mark) {
    size_t count = 0;
    while (environ[count])
        count++;
    char **all = mem_array(count + 2, sizeof *all);
    *last = 0;
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], mark_name, sizeof mark_name - 1) != 0)
            all[(*last)++] = environ[i];
    all[*last] = mem_printf("%s%s", mark_name, mark);
    return all;
}

int keeper_spawn(pid_t *pid, int *control, int *events, const char *program, const char *mark, struct error *err) {
    char name[] = "retort-keeper", verb[] = "serve", *argv[] = {name, verb, NULL};
    int sockets[2], pipe_ends[2] = {-1, -1};
    size_t last;
    int rc = make_pair(sockets, 1, err);
    if (rc == 0)
        rc = make_pair(pipe_ends, 0, err);
    if (rc == 0) {
        char **environment = keeper_environment(&last, mark);
        rc = spawn(pid, program, argv, environment, (int[]){pipe_ends[1], sockets[1]}, err);
        free(environment[last]);
        free(environment);
    }
    if (rc < 0) {
        close_pair(sockets);
        close_pair(pipe_ends);
        return rc;
    }
    close(sockets[1]);
    close(pipe_ends[1]);
    *control = sockets[0];
    *events = pipe_ends[0];
    return 0;
}

int guard_spawn(pid_t *pid, const char *program, int lifeline, const char *mark, struct error *err) {
    char name[] = "stage-guard", verb[] = "guard", fd[16], *text = mem_strdup(mark), *environment[] = {NULL};
    snprintf(fd, sizeof fd, "%d", GUARD_LIFELINE_FD);
    char *argv[] = {name, verb, fd, text, NULL};
    int rc = spawn(pid, program, argv, environment, (int[]){lifeline, -1}, err);
    free(text);
    return rc;
}
