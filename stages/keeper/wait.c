#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "engine/meter/tree.h"
#include "stages/keeper/internal.h"

enum { READ_SIZE = 16 * 1024 };

void keeper_signal_leader(struct keeper *k, int number) {
    if (k->attempt.leader == 0)
        return;
    kill(-k->attempt.leader, number);
    kill(-k->attempt.leader, SIGCONT);
}

static void ask_to_leave(struct keeper *k) {
    k->attempt.terminate = true;
    keeper_signal_leader(k, SIGTERM);
}

static void read_signals(struct keeper *k) {
    struct signalfd_siginfo info;
    while (read(k->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCONT)
            k->disturbed = true;
        else if (info.ssi_signo != SIGCHLD)
            ask_to_leave(k);
    }
}

static void read_control(struct keeper *k) {
    char bytes[READ_SIZE];
    ssize_t got = read(ATTEMPT_CONTROL_FD, bytes, sizeof bytes);
    if (got > 0)
        buffer_append(&k->inbox, bytes, (size_t)got);
    else if (got == 0 || (errno != EINTR && errno != EAGAIN))
        k->engine_gone = k->attempt.kill = true;
}

/* Notes what the engine asks while an attempt is under way. */
static void read_requests(struct keeper *k) {
    enum frame_type type;
    cJSON *body;
    int rc;
    while ((rc = frame_read(&k->inbox, &type, &body, NULL)) > 0) {
        cJSON_Delete(body);
        if (type == FRAME_TERMINATE)
            ask_to_leave(k);
        else if (type == FRAME_KILL)
            k->attempt.kill = true;
        else if (type == FRAME_STOP || type == FRAME_GO)
            k->stopped = type == FRAME_STOP;
    }
    if (rc < 0)
        k->engine_gone = k->attempt.kill = true;
}

static void wait_input(struct keeper *k, int timeout_ms) {
    struct pollfd fds[2] = {{.fd = k->signal_fd, .events = POLLIN},
                            {.fd = k->engine_gone ? -1 : ATTEMPT_CONTROL_FD, .events = POLLIN}};
    if (poll(fds, 2, timeout_ms) <= 0)
        return;
    if (fds[1].revents)
        read_control(k);
    if (fds[0].revents)
        read_signals(k);
}

static void signal_all(int number) {
    struct process_list all = process_tree("/", getpid());
    for (size_t i = 1; i < all.count; i++)
        kill(all.list[i], number);
    free(all.list);
}

/* A process that is stopped wakes the keeper, which then stops those that were born meanwhile. */
static void hold(struct keeper *k) {
    bool leaving = k->attempt.terminate;
    uint64_t since_ns = clock_monotonic_ns();
    clock_stop();
    while (k->stopped && !k->attempt.kill && k->attempt.terminate == leaving) {
        signal_all(SIGSTOP);
        wait_input(k, -1);
        read_requests(k);
    }
    clock_go();
    k->stopped = false;
    k->attempt.stopped_s += (double)(clock_monotonic_ns() - since_ns) / 1e9;
    signal_all(SIGCONT);
}

void keeper_wait(struct keeper *k, int timeout_ms) {
    wait_input(k, timeout_ms);
    read_requests(k);
    if (k->stopped)
        hold(k);
}

int keeper_next(struct keeper *k, cJSON **request, struct error *err) {
    enum frame_type type;
    *request = NULL;
    while (!k->engine_gone && !k->attempt.terminate) {
        int rc = frame_read(&k->inbox, &type, request, err);
        if (rc < 0 || (rc > 0 && type == FRAME_ATTEMPT))
            return rc < 0 ? rc : 0;
        cJSON_Delete(*request); /* asked to end an attempt that has ended already */
        *request = NULL;
        if (rc == 0)
            wait_input(k, -1);
    }
    return error_set(err, ERR_INTERRUPTED, "the engine is gone");
}
