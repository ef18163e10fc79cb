#include "stages/keeper/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/base/process.h"
#include "stages/keeper/internal.h"
#include "stages/keeper/leader.h"
#include "stages/keeper/log_limit.h"

enum {
    LINGER_MS = 900,       /* under the second that the protocol grants to what the leader leaves behind */
    KILL_LIMIT_MS = 5000,  /* a process that does not die of SIGKILL hangs in the kernel */
    PREDECESSOR_MS = 1000, /* the guard of a dead engine comes by before that */
    LOGS_MS = 1000,        /* how often the length of the logs is checked */
    POLL_MS = 10
};

static const struct kept_attempt no_attempt = {.lock_fd = -1, .log_fds = {-1, -1}};

/* For waiting: the time that a machine sleeps does not count. */
static uint64_t now_ms(void) {
    return clock_awake_ns() / 1000000;
}

static int keeper_open(struct keeper *k, struct error *err) {
    static const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGCONT};
    sigset_t handled;
    sigemptyset(&handled);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaddset(&handled, numbers[i]);
    signal(SIGXFSZ, SIG_IGN); /* as in the engine */
    leader_note_signals();
    if (fcntl(ATTEMPT_CONTROL_FD, F_SETFD, FD_CLOEXEC) < 0 || fcntl(ATTEMPT_EVENTS_FD, F_SETFD, FD_CLOEXEC) < 0)
        return error_errno(err, errno, "the engine's descriptors cannot be used");
    k->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    k->report = init_report_create();
    k->status_fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (k->null_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || sigprocmask(SIG_BLOCK, &handled, NULL) < 0)
        return error_errno(err, errno, "the keeper cannot be set up");
    k->signal_fd = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
    return k->signal_fd < 0 ? error_errno(err, errno, "the keeper cannot be set up") : 0;
}

static void keeper_close(struct keeper *k) {
    if (k->signal_fd >= 0)
        close(k->signal_fd);
    if (k->null_fd >= 0)
        close(k->null_fd);
    if (k->status_fd >= 0)
        close(k->status_fd);
    isolation_views_close(&k->views);
    meter_close(k->meter);
    buffer_close(&k->inbox);
}

/* ---- dead processes ---- */

static double seconds(struct timeval t) {
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void add_usage(struct keeper *k, const struct rusage *u) {
    double memory = (double)u->ru_maxrss * 1024;
    k->attempt.user_s += seconds(u->ru_utime);
    k->attempt.system_s += seconds(u->ru_stime);
    k->attempt.usage.cpu_s = k->attempt.user_s + k->attempt.system_s;
    k->attempt.read_bytes += (double)u->ru_inblock * 512;
    k->attempt.written_bytes += (double)u->ru_oublock * 512;
    if (memory > k->attempt.usage.memory_bytes)
        k->attempt.usage.memory_bytes = memory;
}

/* An init ends some time after the stage's own first process. */
static void note_end(struct keeper *k, int status) {
    const struct init_report *report = k->report;
    k->attempt.leader = 0;
    k->attempt.status = status;
    k->attempt.ended_ns = clock_working_ns();
    if (!report || !report->ended)
        return;
    k->attempt.status = report->status;
    k->attempt.ended_ns -= report->after_ns;
    k->attempt.survivors += report->survivors;
}

/* Reaps the dead. Returns whether children are left. */
static bool reap(struct keeper *k) {
    struct rusage usage;
    int status;
    pid_t pid;
    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        add_usage(k, &usage);
        if (pid == k->attempt.leader) {
            note_end(k, status);
        } else if (k->attempt.sweeping) {
            k->attempt.survivors++;
        }
    }
    return pid == 0;
}

/* Processes that the leader left may end by themselves: a logger that still empties its pipe. */
static void linger(struct keeper *k) {
    uint64_t until = now_ms() + LINGER_MS;
    while (!k->attempt.kill && !k->attempt.terminate && now_ms() < until && reap(k))
        keeper_wait(k, POLL_MS);
}

/* Kills every descendant. The children of a killed child become the keeper's own and are found in the next round. */
static void kill_remaining(struct keeper *k) {
    k->attempt.sweeping = !k->attempt.kill;
    keeper_signal_leader(k, SIGKILL);
    uint64_t until = now_ms() + KILL_LIMIT_MS;
    while (reap(k)) {
        pid_t *children;
        size_t count = process_children(&children, getpid());
        for (size_t i = 0; i < count; i++)
            kill(children[i], SIGKILL);
        free(children);
        if (now_ms() >= until) {
            k->disturbed = true;
            return;
        }
        keeper_wait(k, POLL_MS);
    }
}

/* ---- the start ---- */

static bool is_in_use(const char *checkpoint) {
    pid_t *users;
    size_t count = process_with_variable(&users, "RETORT_CHECKPOINT", checkpoint);
    free(users);
    return count > 0;
}

/* A keeper that was killed holds no lock, and the processes of its stage may write until the guard has come by. */
static void await_predecessors(struct keeper *k, const char *checkpoint) {
    uint64_t until = now_ms() + PREDECESSOR_MS;
    while (!k->attempt.kill && !k->attempt.terminate && now_ms() < until && is_in_use(checkpoint))
        keeper_wait(k, POLL_MS);
}

/* One attempt at a time works on a checkpoint. A survivor of a killed engine is dead within a second. */
static int lock_checkpoint(struct keeper *k, struct error *err) {
    const char *path = k->attempt.request->checkpoint;
    if (!path)
        return 0;
    k->attempt.lock_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (k->attempt.lock_fd < 0)
        return error_errno(err, errno, "%s: cannot be opened", path);
    while (flock(k->attempt.lock_fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_errno(err, errno, "%s: cannot be locked", path);
        if (k->attempt.kill || k->attempt.terminate)
            return 0;
        keeper_wait(k, POLL_MS);
    }
    await_predecessors(k, path);
    return 0;
}

/* An earlier stage may have put a link, a pipe or a second name of the user's file there. */
static int open_log(int *fd, const char *path, struct error *err) {
    struct stat st;
    *fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (*fd < 0 || fstat(*fd, &st) < 0)
        return error_errno(err, errno, "%s: cannot be opened", path);
    return S_ISREG(st.st_mode) && st.st_nlink <= 1
               ? 0
               : error_set(err, ERR_IO, "%s: cannot be opened: it is no regular file of its own", path);
}

/* An attempt that cannot start is a result, not a fault of the keeper: `k->attempt.error` says why. */
static int start(struct keeper *k, struct error *err) {
    struct error cause = {0};
    int rc = open_log(&k->attempt.log_fds[0], k->attempt.request->logs[0].path, err);
    if (rc == 0)
        rc = open_log(&k->attempt.log_fds[1], k->attempt.request->logs[1].path, err);
    if (rc < 0)
        return rc;
    dup2(k->attempt.log_fds[1], STDERR_FILENO); /* last words of the keeper itself */
    k->attempt.started_ns = clock_working_ns();
    k->attempt.started_s = clock_wall_s();
    keeper_begin_memory(k);
    if (k->report)
        *k->report = (struct init_report){0};
    const struct leader_options options = {
        .null_fd = k->null_fd,
        .log_fds = k->attempt.log_fds,
        .group_fd = k->attempt.memory_group ? memory_group_entry(k->attempt.memory_group) : -1,
        .views = &k->views,
        .report = k->report};
    if (leader_start(&k->attempt.leader, k->attempt.request, &options, &cause) < 0)
        k->attempt.error = mem_strdup(cause.message);
    keeper_begin_meter(k);
    return 0;
}

static void write_account_so_far(struct keeper *k) {
    struct attempt_result so_far;
    keeper_describe_so_far(k, &so_far);
    keeper_write_account(k, &so_far, "running");
    attempt_result_close(&so_far);
}

static void limit_logs(const struct keeper *k, void (*limit)(int, const struct attempt_log *, double)) {
    for (int i = 0; i < 2; i++)
        if (k->attempt.log_fds[i] >= 0)
            limit(k->attempt.log_fds[i], &k->attempt.request->logs[i], k->attempt.request->log_limit_bytes);
}

/* Something that is done at times; UINT64_MAX: never. */
static bool is_due(uint64_t due) {
    return due != UINT64_MAX && now_ms() >= due;
}

static void await_leader(struct keeper *k) {
    const struct attempt_account *account = &k->attempt.request->account;
    uint64_t every = account->path && account->every_ms > 0 ? (uint64_t)account->every_ms : 0;
    uint64_t first = account->first_ms > 0 ? (uint64_t)account->first_ms : every;
    uint64_t account_due = every ? now_ms() + first : UINT64_MAX;
    uint64_t memory_due = keeper_watches_memory(k) ? now_ms() : UINT64_MAX, logs_due = now_ms() + LOGS_MS;
    while (k->attempt.leader && !k->attempt.kill) {
        uint64_t due = account_due < memory_due ? account_due : memory_due, now = now_ms();
        due = logs_due < due ? logs_due : due;
        keeper_wait(k, due > now ? (int)(due - now) : 0);
        reap(k);
        if (is_due(logs_due)) {
            limit_logs(k, log_free_middle);
            logs_due = now_ms() + LOGS_MS;
        }
        if (k->attempt.leader && is_due(memory_due))
            memory_due = now_ms() + (uint64_t)keeper_check_memory(k);
        if (k->attempt.leader && is_due(account_due)) {
            write_account_so_far(k);
            account_due = now_ms() + every;
        }
    }
}

/* The leader was asked to leave before it was there. */
static void never_started(struct keeper *k) {
    k->attempt.started_ns = k->attempt.ended_ns = clock_working_ns();
    k->attempt.started_s = clock_wall_s();
    k->attempt.status = k->attempt.kill ? SIGKILL : SIGTERM;
}

static int try_run(struct keeper *k, struct error *err) {
    int rc = lock_checkpoint(k, err);
    if (rc < 0)
        return rc;
    keeper_wait(k, 0);
    if (k->attempt.kill || k->attempt.terminate) {
        never_started(k);
        return 0;
    }
    rc = start(k, err);
    if (rc < 0)
        return rc;
    await_leader(k);
    linger(k);
    kill_remaining(k);
    keeper_end_memory(k);
    if (!k->attempt.ended_ns) { /* it could not start, or hangs in the kernel */
        k->attempt.ended_ns = clock_working_ns();
        k->attempt.status = SIGKILL;
    }
    return 0;
}

/* A log or a checkpoint that cannot be used is a result, too: the attempt could not start. */
static void run(struct keeper *k) {
    struct error fault = {0};
    if (try_run(k, &fault) == 0)
        return;
    k->attempt.error = mem_strdup(fault.message);
    k->attempt.started_ns = k->attempt.ended_ns = clock_working_ns();
    k->attempt.started_s = clock_wall_s();
}

/* ---- the result ---- */

static int send_result(const struct attempt_result *r, struct error *err) {
    struct buffer frame = {0};
    cJSON *json = attempt_result_json(r);
    frame_write(&frame, FRAME_RESULT, json);
    cJSON_Delete(json);
    int rc = 0;
    for (size_t sent = 0; rc == 0 && sent < frame.size;) {
        ssize_t wrote = send(ATTEMPT_CONTROL_FD, frame.data + sent, frame.size - sent, MSG_NOSIGNAL);
        if (wrote < 0 && errno != EINTR)
            rc = error_errno(err, errno, "the result cannot be sent");
        sent += wrote > 0 ? (size_t)wrote : 0;
    }
    buffer_close(&frame);
    return rc;
}

/* Sends the result to the engine. If the engine is gone, the account replaces the result. If a checkpoint outlives
   the attempt, the account is written too, until the engine has written its own record. */
static int report(struct keeper *k, struct error *err) {
    struct attempt_result result;
    bool ran = k->attempt.ended_ns > k->attempt.started_ns;
    keeper_describe(k, &result);
    if (k->attempt.request->account.path && ran && (k->engine_gone || k->attempt.request->checkpoint))
        keeper_write_account(k, &result, k->engine_gone ? "cut" : "ended");
    int rc = k->engine_gone ? error_set(err, ERR_INTERRUPTED, "the engine is gone") : send_result(&result, err);
    attempt_result_close(&result);
    return rc;
}

/* Whether the next attempt can use the empty log. It cannot if the stage has closed it to its owner, given it
   another name, or put another file in its place. */
static bool is_usable(const char *log) {
    struct stat st;
    return lstat(log, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0 && st.st_nlink == 1 && (st.st_mode & S_IWUSR);
}

static void keep_log(const struct keeper *k, int fd, const struct attempt_log *log, double *size) {
    struct stat st;
    *size = 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return;
    *size = (double)st.st_size;
    if (st.st_size > 0 ? rename(log->path, log->kept) < 0 : k->engine_gone || !is_usable(log->path))
        file_remove_tree(log->path, NULL);
}

/* Before the result is told: whoever hears it reads the logs. */
static void keep_logs(struct keeper *k) {
    dup2(k->null_fd, STDERR_FILENO);
    limit_logs(k, log_shorten);
    for (int i = 0; i < 2; i++) {
        keep_log(k, k->attempt.log_fds[i], &k->attempt.request->logs[i], &k->attempt.log_bytes[i]);
        if (k->attempt.log_fds[i] >= 0)
            close(k->attempt.log_fds[i]);
        k->attempt.log_fds[i] = -1;
    }
}

/* Forgets the attempt. */
static void end(struct keeper *k) {
    isolation_views_release(&k->views);
    if (k->attempt.lock_fd >= 0)
        close(k->attempt.lock_fd);
    if (k->attempt.metered)
        meter_end(k->attempt.metered, &k->attempt.usage, &(struct energy_record){0});
    free(k->attempt.error);
    k->attempt = no_attempt;
}

static bool is_traced(const struct keeper *k) {
    static const char name[] = "\nTracerPid:";
    char text[4096];
    ssize_t got = pread(k->status_fd, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    const char *line = strstr(text, name);
    return line && strtol(line + sizeof name - 1, NULL, 10) != 0;
}

static int serve_one(struct keeper *k, struct error *err) {
    struct attempt_request request = {0};
    cJSON *json;
    int rc = keeper_next(k, &json, err);
    if (rc < 0)
        return rc;
    k->disturbed = false; /* while it was idle, no stage can have done it */
    rc = attempt_request_read(&request, json, err);
    k->attempt.request = &request;
    if (rc == 0) {
        run(k);
        k->disturbed |= is_traced(k);
        keep_logs(k);
        rc = report(k, err);
    }
    end(k);
    attempt_request_close(&request);
    cJSON_Delete(json);
    return rc;
}

int keeper_serve(struct error *err) {
    struct keeper k = {.signal_fd = -1, .null_fd = -1, .status_fd = -1, .attempt = no_attempt};
    int rc = keeper_open(&k, err);
    while (rc == 0 && !k.disturbed)
        rc = serve_one(&k, err);
    keeper_close(&k);
    return rc;
}
