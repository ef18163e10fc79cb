#include "engine/attempt/executor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/attempt/keeper_process.h"
#include "engine/attempt/orphans.h"
#include "engine/base/memory.h"
#include "engine/base/process.h"

/* The limit runs from CANCEL_KILL. It is longer than the keeper itself waits for a process that does not die. A stage
   that floods its pipe lets the loop serve others after so many pieces. */
enum { KILL_LIMIT_MS = 7000, READ_SIZE = 64 * 1024, EVENT_PIECES = 16 };

struct executor {
    uv_loop_t *loop;
    char *program, *mark;
    int lifeline[2];  /* of the guard: read, write */
    pid_t guard;      /* 0: none */
    pid_t *strangers; /* children from before: not ours to kill */
    size_t stranger_count;
    struct keeper *keepers;
};

struct execution {
    struct keeper *keeper;
    struct execution_observer observer;
    uint64_t kill_due_ms; /* UINT64_MAX: the keeper was not told to kill it */
};

struct keeper {
    struct executor *executor;
    struct keeper *next;
    pid_t pid;
    int control, events;
    uv_poll_t control_poll, events_poll;
    int control_events;          /* that control_poll waits for */
    int handles;                 /* those of the loop that are not closed yet */
    struct buffer inbox, outbox; /* frames: pieces read, bytes not yet written */
    struct execution *execution; /* NULL: idle */
};

static uint64_t now_ms(void) {
    return clock_awake_ns() / 1000000;
}

/* ---- the executor ---- */

int executor_open(struct executor **out, uv_loop_t *loop, const char *keeper, const char *mark, struct error *err) {
    struct executor *e = mem_alloc(sizeof *e);
    e->loop = loop;
    e->program = mem_strdup(keeper);
    e->mark = mem_strdup(mark);
    int rc = 0;
    if (pipe2(e->lifeline, O_CLOEXEC) < 0) {
        e->lifeline[0] = e->lifeline[1] = -1;
        rc = error_errno(err, errno, "a pipe cannot be made");
    } else if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
        rc = error_errno(err, errno, "orphaned processes cannot be adopted");
    }
    if (rc < 0) {
        executor_free(e);
        return rc;
    }
    e->stranger_count = process_children(&e->strangers, getpid());
    if (guard_spawn(&e->guard, e->program, e->lifeline[0], mark, NULL) < 0)
        e->guard = 0; /* it is only needed when the engine and its keepers are killed together */
    *out = e;
    return 0;
}

static void end_guard(struct executor *e) {
    if (e->guard == 0)
        return;
    kill(e->guard, SIGKILL);
    while (waitpid(e->guard, NULL, 0) < 0 && errno == EINTR)
        ;
}

void executor_free(struct executor *e) {
    if (!e)
        return;
    end_guard(e);
    for (int i = 0; i < 2; i++)
        if (e->lifeline[i] >= 0)
            close(e->lifeline[i]);
    free(e->strangers);
    free(e->program);
    free(e->mark);
    free(e);
}

/* ---- the end of a keeper ---- */

static void on_closed(uv_handle_t *handle) {
    struct keeper *k = handle->data;
    if (--k->handles > 0)
        return;
    close(k->control);
    close(k->events);
    buffer_close(&k->inbox);
    buffer_close(&k->outbox);
    free(k);
}

static void unlink_keeper(struct keeper *k) {
    struct keeper **link = &k->executor->keepers;
    while (*link != k)
        link = &(*link)->next;
    *link = k->next;
}

/* Whether orphans_kill has to spare the process: it is one of the keepers, the guard, or a stranger. */
static bool is_spared(const void *context, pid_t pid) {
    const struct executor *e = context;
    for (const struct keeper *k = e->keepers; k; k = k->next)
        if (k->pid == pid)
            return true;
    for (size_t i = 0; i < e->stranger_count; i++)
        if (e->strangers[i] == pid)
            return true;
    return e->guard == pid;
}

/* Reads the events that are there, in so many pieces at most. Returns whether more may come. */
static bool read_events(struct keeper *k, size_t pieces) {
    char bytes[READ_SIZE];
    while (pieces-- > 0) {
        ssize_t got = read(k->events, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 && errno == EAGAIN;
        if (k->execution)
            k->execution->observer.events(k->execution->observer.context, bytes, (size_t)got);
        if ((size_t)got < sizeof bytes)
            return true;
    }
    return true;
}

static void end_execution(struct keeper *k, struct attempt_result *result, int status) {
    struct execution *x = k->execution;
    read_events(k, SIZE_MAX);
    k->execution = NULL;
    if (x)
        x->observer.ended(x->observer.context, result, status);
    free(x);
}

/* The keeper is dead, or is killed now: its socket is closed, or what it says makes no sense. */
static void drop_keeper(struct keeper *k) {
    int status = 0;
    if (k->execution && k->execution->observer.ending)
        k->execution->observer.ending(k->execution->observer.context);
    kill(k->pid, SIGKILL);
    while (waitpid(k->pid, &status, 0) < 0 && errno == EINTR)
        ;
    unlink_keeper(k);
    if (k->execution)
        orphans_kill(is_spared, k->executor);
    end_execution(k, NULL, status);
    uv_close((uv_handle_t *)&k->control_poll, on_closed);
    uv_close((uv_handle_t *)&k->events_poll, on_closed);
}

void executor_close(struct executor *e) {
    while (e && e->keepers)
        drop_keeper(e->keepers);
}

/* ---- frames ---- */

/* Returns whether the keeper can be used further. */
static bool read_result(struct keeper *k) {
    enum frame_type type;
    cJSON *body = NULL;
    struct attempt_result result;
    int rc = frame_read(&k->inbox, &type, &body, NULL);
    if (rc == 0)
        return true;
    bool good = rc > 0 && type == FRAME_RESULT && k->execution && attempt_result_read(&result, body, NULL) == 0;
    cJSON_Delete(body);
    if (!good)
        return false;
    if (k->execution->observer.ending)
        k->execution->observer.ending(k->execution->observer.context);
    bool last = result.last;
    end_execution(k, &result, 0);
    return !last;
}

static void on_events(uv_poll_t *handle, int status, int events) {
    (void)events;
    if (status < 0 || !read_events(handle->data, EVENT_PIECES))
        uv_poll_stop(handle);
}

static void on_control(uv_poll_t *handle, int status, int events);

/* Writes what the socket takes now; the loop says when it takes more. */
static bool write_frames(struct keeper *k) {
    while (k->outbox.size > 0) {
        ssize_t wrote = send(k->control, k->outbox.data, k->outbox.size, MSG_NOSIGNAL);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return errno == EAGAIN;
        buffer_remove(&k->outbox, (size_t)wrote);
    }
    return true;
}

static void poll_control(struct keeper *k) {
    int events = UV_READABLE | (k->outbox.size > 0 ? UV_WRITABLE : 0);
    if (events != k->control_events)
        uv_poll_start(&k->control_poll, events, on_control);
    k->control_events = events;
}

static void on_control(uv_poll_t *handle, int status, int events) {
    struct keeper *k = handle->data;
    char bytes[READ_SIZE];
    ssize_t got = -1;
    bool alive = status == 0;
    errno = EAGAIN;
    if (alive && (events & UV_READABLE) && (got = read(k->control, bytes, sizeof bytes)) > 0) {
        buffer_append(&k->inbox, bytes, (size_t)got);
        alive = read_result(k);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        alive = false;
    }
    if (!alive || !write_frames(k))
        drop_keeper(k);
    else if (events & UV_WRITABLE)
        poll_control(k);
}

/* ---- submitting ---- */

static void watch(struct keeper *k, uv_poll_t *poll, int fd, uv_poll_cb callback) {
    uv_poll_init(k->executor->loop, poll, fd);
    poll->data = k;
    k->handles++;
    uv_poll_start(poll, UV_READABLE, callback);
}

static int start_keeper(struct keeper **out, struct executor *e, struct error *err) {
    struct keeper *k = mem_alloc(sizeof *k);
    k->executor = e;
    int rc = keeper_spawn(&k->pid, &k->control, &k->events, e->program, e->mark, err);
    if (rc < 0) {
        free(k);
        return rc;
    }
    watch(k, &k->control_poll, k->control, on_control);
    k->control_events = UV_READABLE;
    watch(k, &k->events_poll, k->events, on_events);
    k->next = e->keepers;
    e->keepers = *out = k;
    return 0;
}

static struct keeper *find_idle(const struct executor *e) {
    struct keeper *k = e->keepers;
    while (k && k->execution)
        k = k->next;
    return k;
}

static void submit(struct execution **out, struct executor *e, const struct execution_request *request) {
    struct error err = {0};
    struct keeper *k = find_idle(e);
    *out = NULL;
    if (!k && start_keeper(&k, e, &err) < 0) {
        request->observer.refused(request->observer.context, &err);
        return;
    }
    request->observer.started(request->observer.context, k->pid);
    cJSON *json = attempt_request_json(&request->attempt);
    frame_write(&k->outbox, FRAME_ATTEMPT, json);
    cJSON_Delete(json);
    k->execution = *out = mem_alloc(sizeof **out);
    **out = (struct execution){.keeper = k, .observer = request->observer, .kill_due_ms = UINT64_MAX};
    write_frames(k); /* a keeper that has just died is found by its poll */
    poll_control(k);
}

void executor_submit(struct executor *e, struct execution *out[], const struct execution_request requests[],
                     size_t count) {
    for (size_t i = 0; i < count; i++)
        submit(&out[i], e, &requests[i]);
}

/* ---- cancelling, stopping ---- */

static void send_frame(struct keeper *k, enum frame_type type) {
    frame_write(&k->outbox, type, NULL);
    write_frames(k);
    poll_control(k);
}

void executor_cancel(struct executor *e, struct execution *const executions[], size_t count, enum cancel how) {
    (void)e;
    for (size_t i = 0; i < count; i++) {
        struct keeper *k = executions[i]->keeper;
        send_frame(k, how == CANCEL_KILL ? FRAME_KILL : FRAME_TERMINATE);
        kill(k->pid, SIGCONT); /* its stage may have stopped it */
        if (how == CANCEL_KILL && executions[i]->kill_due_ms == UINT64_MAX)
            executions[i]->kill_due_ms = now_ms() + KILL_LIMIT_MS;
    }
}

void executor_stop(struct executor *e, bool stop) {
    for (struct keeper *k = e->keepers; k; k = k->next)
        if (k->execution)
            send_frame(k, stop ? FRAME_STOP : FRAME_GO);
}

uint64_t executor_poll(struct executor *e) {
    uint64_t now = now_ms(), due = UINT64_MAX;
    for (const struct keeper *k = e->keepers; k; k = k->next) {
        uint64_t own = k->execution ? k->execution->kill_due_ms : UINT64_MAX;
        if (own <= now)
            kill(k->pid, SIGKILL); /* its socket says when it is dead */
        else if (own < due)
            due = own;
    }
    return due;
}
