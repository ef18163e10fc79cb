#include "engine/run/event_loop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/memory.h"

/* ---- requests that libuv answers by abort() ---- */

/* libuv aborts where it finds no memory to watch a descriptor. These end the program with a message and status 3, like
   every other allocation. Set before main, when libuv has allocated nothing yet. */
static void *allocate(size_t size) {
    return mem_resize(NULL, size, 1);
}

static void *resize(void *memory, size_t size) {
    return mem_resize(memory, size, 1);
}

__attribute__((constructor)) static void check_allocations(void) {
    uv_replace_allocator(allocate, resize, mem_array, free);
}

static const char *refused; /* the present request to libuv */

static void on_abort(int number) {
    char text[128];
    const char *why = strerrordesc_np(errno ? errno : EAGAIN); /* 0: a thread, whose fault is no errno */
    int length = snprintf(text, sizeof text, "retort: the event loop has no %s: %s\n", refused, why ? why : "");
    ssize_t told = write(STDERR_FILENO, text, (size_t)length);
    (void)number, (void)told;
    _exit(error_exit_status(ERR_IO));
}

/* libuv also aborts where it cannot make the pipe by which signals reach a loop, or the threads for its first work. */
static void expect_abort(const char *of, struct sigaction *before) {
    const struct sigaction ours = {.sa_handler = on_abort};
    refused = of;
    errno = 0;
    sigaction(SIGABRT, &ours, before);
}

static int make_loop(uv_loop_t *loop, struct error *err) {
    struct sigaction before;
    expect_abort("pipe for signals", &before);
    int rc = uv_loop_init(loop);
    sigaction(SIGABRT, &before, NULL);
    return rc < 0 ? error_errno(err, -rc, "the event loop cannot be made") : 0;
}

static void do_nothing(uv_work_t *work) {
    (void)work;
}

static void on_nothing(uv_work_t *work, int status) {
    (void)work, (void)status;
}

/* The first work starts the threads. */
static void make_threads(struct event_loop *l) {
    struct sigaction before;
    expect_abort("threads (ulimit -u, memory)", &before);
    uv_queue_work(&l->uv, &l->first_work, do_nothing, on_nothing);
    sigaction(SIGABRT, &before, NULL);
}

/* ---- signals ---- */

static const int numbers[EVENT_LOOP_SIGNALS] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};

static volatile sig_atomic_t caught; /* one that came since event_loop_catch_last, and is not counted yet */

static void on_last_signal(int number) {
    (void)number;
    caught = 1;
}

static void count_caught(struct event_loop *l) {
    if (!caught)
        return;
    caught = 0;
    l->signals_seen++;
}

static void on_signal(uv_signal_t *handle, int number) {
    struct event_loop *l = handle->data;
    if (number != SIGPIPE || !l->output_lost)
        l->signals_seen++;
    l->output_lost |= number == SIGPIPE;
}

static bool is_ignored(int number) {
    struct sigaction now;
    return (number == SIGHUP || number == SIGPIPE || number == SIGTSTP) && sigaction(number, NULL, &now) == 0 &&
           now.sa_handler == SIG_IGN;
}

/* The signal's own action stops this program, unless nobody could continue it (an orphaned process group). */
static void on_stop(uv_signal_t *handle, int number) {
    struct event_loop *l = handle->data;
    l->stop(l->stop_context, true);
    clock_stop();
    uv_signal_stop(handle);
    raise(number);
    uv_signal_start(handle, on_stop, number);
    clock_go();
    l->stop(l->stop_context, false);
}

void event_loop_on_stop(struct event_loop *l, void (*stop)(void *context, bool stop), void *context) {
    l->stop = stop;
    l->stop_context = context;
    if (!is_ignored(SIGTSTP))
        uv_signal_start(&l->stop_signal, on_stop, SIGTSTP);
}

int event_loop_signals(struct event_loop *l) {
    if (l->is_open)
        uv_run(&l->uv, UV_RUN_NOWAIT);
    count_caught(l);
    return l->signals_seen;
}

void event_loop_catch_last(struct event_loop *l) {
    for (size_t i = 0; l->is_open && i < EVENT_LOOP_SIGNALS; i++) {
        const int once = numbers[i] == SIGPIPE ? 0 : (int)SA_RESETHAND; /* each line that is written brings one more */
        const struct sigaction last = {.sa_handler = on_last_signal, .sa_flags = once | SA_RESTART};
        if (uv_is_active((uv_handle_t *)&l->signals[i])) /* stopping it would leave a moment without a handler */
            sigaction(numbers[i], &last, NULL);
    }
    if (l->is_open && uv_is_active((uv_handle_t *)&l->stop_signal))
        signal(SIGTSTP, SIG_DFL);
}

/* ---- the loop ---- */

int event_loop_open(struct event_loop *l, struct error *err) {
    int rc = make_loop(&l->uv, err);
    if (rc < 0)
        return rc;
    l->is_open = true;
    uv_timer_init(&l->uv, &l->timer);
    for (size_t i = 0; i < EVENT_LOOP_SIGNALS; i++) {
        uv_signal_init(&l->uv, &l->signals[i]);
        l->signals[i].data = l;
        if (!is_ignored(numbers[i]))
            uv_signal_start(&l->signals[i], on_signal, numbers[i]);
    }
    uv_signal_init(&l->uv, &l->stop_signal);
    l->stop_signal.data = l;
    count_caught(l); /* at the end of the pass before */
    make_threads(l);
    return 0;
}

static void close_handle(uv_handle_t *handle, void *context) {
    (void)context;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void event_loop_close(struct event_loop *l) {
    if (!l->is_open)
        return;
    uv_walk(&l->uv, close_handle, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

void event_loop_free(struct event_loop *l) {
    if (l->is_open)
        uv_loop_close(&l->uv);
    if (l->output_lost)
        signal(SIGPIPE, SIG_IGN); /* the last lines would else end this program before its exit status */
    l->is_open = false;
}

static void on_timer(uv_timer_t *timer) {
    uv_stop(timer->loop);
}

void event_loop_wait(struct event_loop *l, uint64_t due_ms) {
    uint64_t now = clock_awake_ns() / 1000000;
    uv_update_time(&l->uv);
    if (due_ms == UINT64_MAX)
        uv_timer_stop(&l->timer);
    else
        uv_timer_start(&l->timer, on_timer, due_ms > now ? due_ms - now : 0, 0);
    uv_run(&l->uv, UV_RUN_ONCE);
}
