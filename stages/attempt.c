#include "stages/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/buffer.h"
#include "engine/base/clock.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/process.h"
#include "engine/base/scratch.h"
#include "engine/meter/cputime.h"
#include "engine/meter/meter.h"
#include "stages/attempt_leader.h"

enum {
    LINGER_MS =
        900, /* what is left behind the leader may leave by itself this long: under the second of the protocol */
    KILL_LIMIT_MS =
        5000, /* a process that does not die of SIGKILL hangs in the kernel: it is not waited for any longer */
    PREDECESSOR_MS = 1000, /* the guard of a dead engine comes by before that */
    POLL_MS = 10
};

struct keeper {
    const cJSON *attempt;
    int signal_fd;
    int lifeline_fd; /* -1: none */
    int lock_fd;     /* of the checkpoint; held until everything is dead */
    pid_t leader;    /* 0: not started, or reaped */
    int status;      /* as of waitpid, once reaped */
    bool terminate;  /* SIGTERM has come */
    bool kill;       /* SIGQUIT has come, or the engine is gone */
    bool engine_gone;
    bool sweeping; /* what dies now was left behind by the leader */
    size_t survivors;
    double started_s;
    uint64_t started_ns, ended_ns;
    char *error;         /* why it could not start */
    struct meter *meter; /* NULL: unavailable, `meter_error` says why */
    struct meter_task *metered;
    struct error meter_error;
};

/* For waiting: who slept with the machine has not had that time. */
static uint64_t now_ms(void) {
    return clock_awake_ns() / 1000000;
}

static int keeper_open(struct keeper *k, const cJSON *attempt, struct error *err) {
    sigset_t handled;
    sigemptyset(&handled);
    static const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaddset(&handled, numbers[i]);
    signal(SIGXFSZ, SIG_IGN); /* as in the engine; the leader gets it back */
    k->attempt = attempt;
    k->lock_fd = -1;
    k->lifeline_fd = (int)json_double(attempt, "lifeline_fd", -1);
    k->signal_fd = -1;
    if (k->lifeline_fd >= 0 && fcntl(k->lifeline_fd, F_SETFD, FD_CLOEXEC) < 0)
        return error_errno(err, errno, "the lifeline (descriptor %d) cannot be used", k->lifeline_fd);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || sigprocmask(SIG_BLOCK, &handled, NULL) < 0)
        return error_errno(err, errno, "the keeper cannot be set up");
    k->signal_fd = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
    if (k->signal_fd < 0)
        return error_errno(err, errno, "the keeper cannot be set up");
    return 0;
}

static void keeper_close(struct keeper *k) {
    if (k->signal_fd >= 0)
        close(k->signal_fd);
    if (k->lock_fd >= 0)
        close(k->lock_fd);
    if (k->metered) { /* something failed: there is nobody to tell */
        struct energy_record record;
        meter_end(k->metered, &(struct meter_usage){0}, &record);
    }
    meter_close(k->meter);
    free(k->error);
}

/* Reaps whatever has died. Returns whether children are left. */
static bool reap(struct keeper *k) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == k->leader) {
            k->leader = 0;
            k->status = status;
            k->ended_ns = clock_monotonic_ns();
        } else if (k->sweeping) {
            k->survivors++;
        }
    }
    return pid == 0;
}

static void signal_leader(struct keeper *k, int number) {
    if (k->leader == 0)
        return;
    kill(-k->leader, number);
    kill(-k->leader, SIGCONT); /* a stopped process would not see it */
}

static void read_signals(struct keeper *k) {
    struct signalfd_siginfo info;
    while (read(k->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGQUIT) {
            k->kill = true;
        } else if (info.ssi_signo != SIGCHLD) {
            k->terminate = true;
            signal_leader(k, SIGTERM);
        }
    }
}

static void read_lifeline(struct keeper *k) {
    char byte;
    ssize_t got = read(k->lifeline_fd, &byte, 1);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
        k->engine_gone = k->kill = true;
}

/* Waits for a signal or the engine's death, at most `timeout_ms` (-1: for ever), and notes what came. */
static void wait_event(struct keeper *k, int timeout_ms) {
    struct pollfd fds[2] = {{.fd = k->signal_fd, .events = POLLIN}, {.fd = k->lifeline_fd, .events = POLLIN}};
    if (poll(fds, 2, timeout_ms) <= 0)
        return;
    if (fds[1].revents)
        read_lifeline(k);
    if (fds[0].revents)
        read_signals(k);
}

static bool is_in_use(const char *checkpoint) {
    pid_t *users;
    size_t count = process_with_variable(&users, "RETORT_CHECKPOINT", checkpoint);
    free(users);
    return count > 0;
}

/* A keeper that was killed holds no lock, and what its stage had started may write on until the guard has come by. */
static void await_predecessors(struct keeper *k, const char *checkpoint) {
    uint64_t until = now_ms() + PREDECESSOR_MS;
    while (!k->kill && !k->terminate && now_ms() < until && is_in_use(checkpoint))
        wait_event(k, POLL_MS);
}

/* One attempt at a time works on a checkpoint. A survivor of a killed engine is dead within a second. */
static int lock_checkpoint(struct keeper *k, struct error *err) {
    const char *path = json_text(k->attempt, "checkpoint", NULL);
    if (!path)
        return 0;
    k->lock_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (k->lock_fd < 0)
        return error_errno(err, errno, "%s: cannot be opened", path);
    while (flock(k->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_errno(err, errno, "%s: cannot be locked", path);
        if (k->kill || k->terminate)
            return 0;
        wait_event(k, POLL_MS);
    }
    await_predecessors(k, path);
    return 0;
}

static int open_log(int *fd, const cJSON *attempt, const char *name, struct error *err) {
    const char *path = json_text(attempt, name, "/dev/null");
    *fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
    return *fd < 0 ? error_errno(err, errno, "%s: cannot be opened", path) : 0;
}

/* An attempt that cannot start is a result, not a fault of the keeper: `k->error` says why. */
static int start(struct keeper *k, struct error *err) {
    struct leader l = {.program = cJSON_HasObjectItem(k->attempt, "kind") ? "/proc/self/exe" : NULL,
                       .path = json_text(k->attempt, "path", ""),
                       .directory = json_text(k->attempt, "directory", "/"),
                       .events_fd = (int)json_double(k->attempt, "events_fd", -1),
                       .stdout_fd = -1,
                       .stderr_fd = -1};
    struct error cause = {0};
    int rc = open_log(&l.stdout_fd, k->attempt, "stdout", err);
    if (rc == 0)
        rc = open_log(&l.stderr_fd, k->attempt, "stderr", err);
    if (rc < 0)
        goto out;
    l.argv = leader_arguments(k->attempt);
    l.environment = leader_environment(k->attempt);
    k->started_ns = clock_monotonic_ns();
    k->started_s = clock_wall_s();
    if (leader_start(&k->leader, &l, &cause) < 0)
        k->error = mem_strdup(cause.message);
out:
    leader_strings_free(l.argv);
    leader_strings_free(l.environment);
    if (l.stdout_fd >= 0)
        close(l.stdout_fd);
    if (l.stderr_fd >= 0)
        close(l.stderr_fd);
    if (l.events_fd >= 0)
        close(l.events_fd);
    return rc;
}

static void begin_meter(struct keeper *k) {
    const struct meter_options options = {.root = "/", .gpus = json_double(k->attempt, "gpus", 0)};
    if (k->leader && meter_open_with(&k->meter, &options, &k->meter_error) == 0)
        k->metered = meter_begin(k->meter, k->leader);
}

/* What the leader left may end by itself: a logger that still empties its pipe. */
static void linger(struct keeper *k) {
    uint64_t until = now_ms() + LINGER_MS;
    while (!k->kill && !k->terminate && now_ms() < until && reap(k))
        wait_event(k, POLL_MS);
}

/* Kills every descendant. The children of a killed child become the keeper's own and are found in the next round. */
static void kill_remaining(struct keeper *k) {
    k->sweeping = !k->kill;
    signal_leader(k, SIGKILL);
    uint64_t until = now_ms() + KILL_LIMIT_MS;
    while (reap(k) && now_ms() < until) {
        pid_t *children;
        size_t count = process_children(&children, getpid());
        for (size_t i = 0; i < count; i++)
            kill(children[i], SIGKILL);
        free(children);
        wait_event(k, POLL_MS);
    }
}

static double seconds(struct timeval t) {
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void add_time(cJSON *result, const char *name, double wall_s) {
    char text[CLOCK_TEXT_SIZE];
    clock_format(text, wall_s);
    cJSON_AddStringToObject(result, name, text);
}

static void add_usage(cJSON *result, const struct rusage *usage) {
    cJSON_AddNumberToObject(result, "user_s", seconds(usage->ru_utime));
    cJSON_AddNumberToObject(result, "system_s", seconds(usage->ru_stime));
    cJSON_AddNumberToObject(result, "max_rss_bytes", (double)usage->ru_maxrss * 1024);
    cJSON_AddNumberToObject(result, "read_bytes", (double)usage->ru_inblock * 512);
    cJSON_AddNumberToObject(result, "written_bytes", (double)usage->ru_oublock * 512);
}

/* What never ran used nothing and has no energy; what no meter could watch says so. */
static cJSON *no_energy(const struct keeper *k) {
    cJSON *unavailable = cJSON_CreateObject();
    cJSON_AddStringToObject(unavailable, "label", "unavailable");
    cJSON_AddNullToObject(unavailable, "joules");
    cJSON_AddStringToObject(unavailable, "why", k->meter_error.code ? k->meter_error.message : "it did not start");
    return unavailable;
}

static cJSON *energy(struct keeper *k, const struct rusage *usage) {
    struct energy_record record;
    struct meter_usage used = {.cpu_s = seconds(usage->ru_utime) + seconds(usage->ru_stime),
                               .wall_s = (double)(k->ended_ns - k->started_ns) / 1e9,
                               .memory_bytes = (double)usage->ru_maxrss * 1024};
    if (!k->metered)
        return no_energy(k);
    meter_end(k->metered, &used, &record);
    k->metered = NULL;
    return energy_record_json(&record);
}

/* The start and what has passed since: the wall clock may have been set in between. */
static double wall_at(const struct keeper *k, uint64_t ns) {
    return k->started_s + (k->started_ns ? (double)(ns - k->started_ns) / 1e9 : 0);
}

static cJSON *describe(struct keeper *k) {
    struct rusage usage = {0};
    getrusage(RUSAGE_CHILDREN, &usage);
    cJSON *result = cJSON_CreateObject();
    bool started = k->started_ns && !k->error;
    bool exited = started && WIFEXITED(k->status);
    bool signaled = started && WIFSIGNALED(k->status);
    cJSON_AddNumberToObject(result, "retort_result", 1);
    cJSON_AddItemToObject(result, "exit", exited ? cJSON_CreateNumber(WEXITSTATUS(k->status)) : cJSON_CreateNull());
    cJSON_AddItemToObject(result, "signal", signaled ? cJSON_CreateNumber(WTERMSIG(k->status)) : cJSON_CreateNull());
    cJSON_AddItemToObject(result, "error", k->error ? cJSON_CreateString(k->error) : cJSON_CreateNull());
    cJSON_AddNumberToObject(result, "survivors", (double)k->survivors);
    add_time(result, "start", k->started_s);
    add_time(result, "end", wall_at(k, k->ended_ns));
    cJSON_AddNumberToObject(result, "wall_s", (double)(k->ended_ns - k->started_ns) / 1e9);
    add_usage(result, &usage);
    cJSON_AddItemToObject(result, "energy", energy(k, &usage));
    return result;
}

static int write_json(const char *path, const cJSON *value, struct error *err) {
    struct buffer text = {0};
    json_canonical(&text, value);
    int rc = scratch_write(path, text.data, text.size, err);
    buffer_close(&text);
    return rc;
}

/* ---- the account: what is known of an attempt whose engine does not live to hear its result ---- */

/* What it has used by now: of the living by /proc, of those that were reaped exactly. */
static cJSON *describe_so_far(struct keeper *k) {
    struct rusage reaped = {0};
    struct energy_record record;
    uint64_t now_ns = clock_monotonic_ns();
    double wall_s = (double)(now_ns - k->started_ns) / 1e9;
    getrusage(RUSAGE_CHILDREN, &reaped);
    struct meter_usage used = {
        .cpu_s = seconds(reaped.ru_utime) + seconds(reaped.ru_stime) + cputime_tree("/", k->leader),
        .wall_s = wall_s,
        .memory_bytes = fmax((double)reaped.ru_maxrss * 1024, cputime_tree_peak("/", k->leader))};
    cJSON *result = cJSON_CreateObject();
    add_time(result, "start", k->started_s);
    add_time(result, "end", wall_at(k, now_ns));
    cJSON_AddNumberToObject(result, "wall_s", wall_s);
    if (k->metered)
        meter_so_far(k->metered, &used, &record);
    cJSON_AddItemToObject(result, "energy", k->metered ? energy_record_json(&record) : no_energy(k));
    return result;
}

/* Moves a member of `from`, where there is one. */
static void move(cJSON *to, const char *name, cJSON *from) {
    cJSON *item = cJSON_DetachItemFromObjectCaseSensitive(from, name);
    if (item)
        cJSON_AddItemToObject(to, name, item);
}

/* Writes the account as a record among the attempts: the engine's part of it, and the result. Best effort: the attempt
   does not depend on it. The result is used up. */
static void write_account(const struct keeper *k, cJSON *result, const char *state) {
    static const char *const resources[] = {"user_s", "system_s", "max_rss_bytes", "read_bytes", "written_bytes"};
    static const char *const provenance[] = {"start", "end", "exit", "signal", "survivors"};
    const cJSON *account = cJSON_GetObjectItemCaseSensitive(k->attempt, "account");
    cJSON *record = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(account, "record"), true);
    cJSON_AddStringToObject(record, "state", state);
    move(record, "wall_s", result);
    move(record, "energy", result);
    cJSON *group = cJSON_AddObjectToObject(record, "resources");
    for (size_t i = 0; i < sizeof resources / sizeof *resources; i++)
        move(group, resources[i], result);
    group = cJSON_AddObjectToObject(record, "provenance");
    for (size_t i = 0; i < sizeof provenance / sizeof *provenance; i++)
        move(group, provenance[i], result);
    write_json(json_text(account, "path", ""), record, NULL);
    cJSON_Delete(record);
    cJSON_Delete(result);
}

static void await_leader(struct keeper *k) {
    const cJSON *account = cJSON_GetObjectItemCaseSensitive(k->attempt, "account");
    uint64_t every = (uint64_t)json_double(account, "every_ms", 0), due = now_ms() + every;
    while (k->leader && !k->kill) {
        uint64_t now = now_ms();
        wait_event(k, every == 0 ? -1 : due > now ? (int)(due - now) : 0);
        reap(k);
        if (every == 0 || !k->leader || now_ms() < due)
            continue;
        write_account(k, describe_so_far(k), "running");
        due = now_ms() + every;
    }
}

/* The engine hears the result. Where it is gone the account takes its place, and where a checkpoint outlives the attempt
   stands beside it until the engine has written down its own. */
static int report(struct keeper *k, struct error *err) {
    bool accounts = cJSON_HasObjectItem(k->attempt, "account") && k->ended_ns > k->started_ns;
    cJSON *result = describe(k);
    int rc = 0;
    if (!k->engine_gone)
        rc = write_json(json_text(k->attempt, "result", ""), result, err);
    if (accounts && (k->engine_gone || cJSON_HasObjectItem(k->attempt, "checkpoint")))
        write_account(k, cJSON_Duplicate(result, true), k->engine_gone ? "cut" : "ended");
    cJSON_Delete(result);
    return k->engine_gone ? error_set(err, ERR_INTERRUPTED, "the engine is gone") : rc;
}

/* The leader was asked to leave before it was there. */
static void never_started(struct keeper *k) {
    k->started_ns = k->ended_ns = clock_monotonic_ns();
    k->started_s = clock_wall_s();
    k->status = k->kill ? SIGKILL : SIGTERM;
}

static int keep(struct keeper *k, struct error *err) {
    int rc = lock_checkpoint(k, err);
    if (rc < 0)
        return rc;
    wait_event(k, 0);
    if (k->kill || k->terminate) {
        never_started(k);
    } else {
        rc = start(k, err);
        if (rc < 0)
            return rc;
        begin_meter(k);
        await_leader(k);
        linger(k);
        kill_remaining(k);
        if (!k->ended_ns) { /* it could not start, or hangs in the kernel */
            k->ended_ns = clock_monotonic_ns();
            k->status = SIGKILL;
        }
    }
    return report(k, err);
}

int attempt_run(const char *file, struct error *err) {
    struct json_document *document = NULL;
    struct keeper k = {.signal_fd = -1, .lock_fd = -1};
    int rc = json_read(&document, file, NULL, err);
    if (rc < 0)
        return rc;
    if (json_double(json_root(document), "retort_attempt", 0) != 1) {
        rc = error_set(err, ERR_INVALID, "%s: is no attempt of this version of Retort", file);
        goto out;
    }
    rc = keeper_open(&k, json_root(document), err);
    if (rc == 0)
        rc = keep(&k, err);
out:
    keeper_close(&k);
    json_free(document);
    return rc;
}
