/* The loop: from the first start on. Callbacks only note what happened; step() decides with the scheduler. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/provenance/provenance.h"
#include "engine/run/internal.h"

/* libuv aborts where it finds no memory to watch a descriptor: it shall end as the rest does, with a word and status 3.
   Set before main, so that it has allocated nothing yet. */
static void *allocate(size_t size) {
    return mem_resize(NULL, size, 1);
}

static void *resize(void *memory, size_t size) {
    return mem_resize(memory, size, 1);
}

__attribute__((constructor)) static void check_allocations(void) {
    uv_replace_allocator(allocate, resize, mem_array, free);
}

static void on_timer(uv_timer_t *timer) {
    /* libuv runs timers before it polls: one that is due at once must keep it from waiting for something else. */
    uv_stop(timer->loop);
}

static void on_energy(uv_timer_t *timer) {
    struct run *r = timer->data;
    ledger_sample(r->ledger);
    uv_stop(timer->loop);
}

static void open_energy(struct run *r) {
    uint64_t period_ms = ledger_open_meter(r->ledger);
    if (period_ms == 0)
        return;
    uv_timer_init(&r->loop, &r->energy_timer);
    r->energy_timer.data = r;
    uv_timer_start(&r->energy_timer, on_energy, period_ms, period_ms);
}

/* What asks a run to end. */
static const int asking[] = {SIGINT, SIGTERM, SIGHUP};
enum { ASKING = sizeof asking / sizeof *asking };

static volatile sig_atomic_t heard; /* one that came since run_hear_once, and is not counted yet */

static void hear(int number) {
    (void)number;
    heard = 1;
}

static void count_heard(struct run *r) {
    if (!heard)
        return;
    heard = 0;
    r->signals_seen++;
}

static void on_signal(uv_signal_t *handle, int number) {
    struct run *r = handle->data;
    (void)number;
    r->signals_seen++;
}

static void find_provenance(uv_work_t *work) {
    struct run *r = work->data;
    r->git = provenance_git(r->pipeline->directory);
    r->host = provenance_host("/");
    r->versions = provenance_versions();
}

static void on_provenance(uv_work_t *work, int status) {
    struct run *r = work->data;
    (void)status;
    r->provenance_ready = true;
}

/* nohup: who started it that way wants it to outlive the terminal. */
static bool is_left_ignored(int number) {
    struct sigaction now;
    return number == SIGHUP && sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static const char *refused; /* what libuv is asked for */

static void on_abort(int number) {
    char text[128];
    const char *why = strerrordesc_np(errno ? errno : EAGAIN); /* 0: a thread, whose fault is no errno */
    int length = snprintf(text, sizeof text, "retort: the event loop has no %s: %s\n", refused, why ? why : "");
    ssize_t told = write(STDERR_FILENO, text, (size_t)length);
    (void)number, (void)told;
    _exit(error_exit_status(ERR_IO));
}

/* libuv knows no other way than abort() to say that it cannot make the pipe by which signals reach a loop, or the threads
   for its first work. */
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
static void make_threads(struct run *r) {
    struct sigaction before;
    expect_abort("threads (ulimit -u, memory)", &before);
    uv_queue_work(&r->loop, &r->first_work, do_nothing, on_nothing);
    sigaction(SIGABRT, &before, NULL);
}

int run_open_loop(struct run *r, const char *stage_program, struct error *err) {
    int rc = make_loop(&r->loop, err);
    if (rc < 0)
        return rc;
    r->loop_open = true;
    uv_timer_init(&r->loop, &r->timer);
    for (size_t i = 0; i < ASKING; i++) {
        uv_signal_init(&r->loop, &r->signals[i]);
        r->signals[i].data = r;
        if (!is_left_ignored(asking[i]))
            uv_signal_start(&r->signals[i], on_signal, asking[i]);
    }
    count_heard(r); /* at the end of the pass before */
    char *work = store_work_path(r->store, "any");
    rc = executor_create(&r->executor, &r->loop, stage_program, strrchr(work, '@'), err);
    free(work);
    if (rc == 0)
        make_threads(r);
    return rc;
}

static int open_run(struct run *r, struct error *err) {
    int rc = r->platform ? 0 : facts_platform(r->facts, &r->platform, err);
    if (rc == 0)
        rc = store_sweep(r->store, err);
    if (rc == 0)
        rc = run_open_loop(r, r->options->stage_program, err);
    if (rc < 0)
        return rc;
    open_energy(r);
    r->provenance_work.data = r;
    uv_queue_work(&r->loop, &r->provenance_work, find_provenance, on_provenance);
    return 0;
}

static void close_handle(uv_handle_t *handle, void *context) {
    (void)context;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void run_close_loop(struct run *r) {
    if (!r->loop_open)
        return;
    uv_walk(&r->loop, close_handle, NULL);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    executor_free(r->executor);
    uv_loop_close(&r->loop);
    r->loop_open = false;
}

int run_signals(struct run *r) {
    if (r->loop_open)
        uv_run(&r->loop, UV_RUN_NOWAIT);
    count_heard(r);
    return r->signals_seen;
}

void run_hear_once(struct run *r) {
    const struct sigaction once = {.sa_handler = hear, .sa_flags = (int)(SA_RESETHAND | SA_RESTART)};
    for (size_t i = 0; r->loop_open && i < ASKING; i++)
        if (uv_is_active((uv_handle_t *)&r->signals[i])) /* stopping it would leave a moment without a handler */
            sigaction(asking[i], &once, NULL);
}

bool run_is_interrupted(struct run *r) {
    return run_signals(r) > r->signals_handled;
}

static void handle_signals(struct run *r) {
    for (; r->signals_handled < r->signals_seen; r->signals_handled++) {
        run_note(r, NULL,
                 r->signals_handled == 0 ? "interrupted: stages are asked to leave; once more kills them"
                                         : "interrupted again: stages are killed");
        scheduler_interrupt(r->scheduler, run_now_ms());
    }
}

static void carry_out(struct run *r) {
    struct schedule_action action;
    while (scheduler_next(r->scheduler, run_now_ms(), &action)) {
        if (action.type == SCHEDULE_START)
            task_start(action.job->owner);
        else
            task_stop(action.job->owner, action.type);
    }
}

/* What follows from all that is done by now is submitted and, where there is room, started. */
static void go_on(struct run *r) {
    struct error err = {0};
    do {
        r->found_known = false;
        int rc = r->code ? 0 : run_discover(r, &err);
        if (rc == 0 && !r->code)
            rc = run_submit(r, &err);
        if (rc < 0)
            run_fail(r, rc, &err);
        carry_out(r);
    } while (r->found_known);
}

static void step(struct run *r) {
    struct error err = {0};
    handle_signals(r);
    /* Records say where they come from, so none is made before that is known. */
    for (struct task *t; r->provenance_ready && (t = task_list_take(&r->collected));)
        task_judge(t);
    run_check_budgets(r);
    go_on(r);
    bool idle = r->in_flight == 0;
    int rc = run_commit(r, idle, &err);
    if (rc < 0) {
        run_fail(r, rc, &err);
        r->finished = (struct task_list){0}; /* not durable: not reported, not said to be finished */
    }
}

static bool is_busy(const struct run *r) {
    return r->in_flight > 0 || r->finished.count > 0 || !scheduler_idle(r->scheduler) || !r->provenance_ready;
}

enum { SHOW_MS = 5000 }; /* half of the time in which an engine has to show that it lives */

/* Wakes the loop when the scheduler or a commit is due. */
static void set_timer(struct run *r) {
    uint64_t due = scheduler_due_ms(r->scheduler), now = run_now_ms();
    if (r->finished.count > 0 && r->commit_due_ms < due)
        due = r->commit_due_ms;
    if (r->in_flight > 0 && now + SHOW_MS < due) /* claims are renewed by commits: store.h */
        due = now + SHOW_MS;
    if (due == UINT64_MAX)
        uv_timer_stop(&r->timer);
    else
        uv_timer_start(&r->timer, on_timer, due > now ? due - now : 0, 0);
}

int run_execute(struct run *r, struct error *err) {
    int rc = open_run(r, err);
    if (rc < 0) {
        r->code = rc; /* nothing was started */
        return rc;
    }
    for (step(r); is_busy(r); step(r)) {
        uv_update_time(&r->loop);
        set_timer(r);
        uv_run(&r->loop, UV_RUN_ONCE);
    }
    return 0;
}
