/* The loop: from the first start on. Callbacks only note what happened; step() decides with the scheduler. */
#include "engine/attempt/fetch.h"
#include "engine/base/memory.h"
#include "engine/run/internal.h"

enum { SHOW_MS = 5000 }; /* half of the time in which an engine has to show that it lives */

static void on_energy(uv_timer_t *timer) {
    struct run *r = timer->data;
    ledger_sample(r->ledger);
    uv_stop(timer->loop);
}

static void open_energy(struct run *r) {
    uint64_t period_ms = ledger_open_meter(r->ledger);
    if (period_ms == 0)
        return;
    uv_timer_init(&r->loop.uv, &r->energy_timer);
    r->energy_timer.data = r;
    uv_timer_start(&r->energy_timer, on_energy, period_ms, period_ms);
}

static int open_run(struct run *r, struct error *err) {
    int rc = store_sweep(r->store, err);
    if (rc == 0)
        rc = event_loop_open(&r->loop, err);
    if (rc == 0 && !r->platform)
        rc = facts_platform(r->facts, &r->platform, err);
    if (rc < 0)
        return rc;
    const struct attempts_options options = {.loop = &r->loop.uv,
                                             .store = r->store,
                                             .facts = r->facts,
                                             .gpus = r->options->gpus,
                                             .pipeline = r->pipeline,
                                             .platform = r->platform,
                                             .run = store_run_id(r->store),
                                             .name = store_run_id(r->store),
                                             .keep_failed = r->options->keep_failed,
                                             .log_limit_bytes = r->options->log_limit_bytes,
                                             .covers = r->options->covers,
                                             .no_sandbox = r->options->no_sandbox};
    rc = attempts_open(&r->attempts, &options, err);
    if (rc < 0)
        return rc;
    event_loop_on_stop(&r->loop, attempts_stop, &r->attempts);
    open_energy(r);
    return 0;
}

void run_close_loop(struct run *r) {
    if (!r->loop.is_open)
        return;
    attempts_close(&r->attempts);
    event_loop_close(&r->loop);
    attempts_free(&r->attempts);
    event_loop_free(&r->loop);
}

static void handle_signals(struct run *r) {
    for (; r->signals_handled < r->loop.signals_seen; r->signals_handled++) {
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

/* Submits the instances that can run now, and starts those that fit. */
static void go_on(struct run *r) {
    struct error err = {0};
    do {
        r->found_known = false;
        int rc = r->code ? 0 : run_discover(r, &err);
        if (rc < 0)
            run_fail(r, rc, &err);
        else if (!r->code)
            run_submit(r);
        carry_out(r);
    } while (r->found_known);
}

static void step(struct run *r) {
    struct error err = {0};
    handle_signals(r);
    /* A record says where it was made, so none is made before that is known. */
    for (struct task *t; r->attempts.has_provenance && (t = task_list_pop(&r->ended));)
        task_judge(t);
    run_check_budgets(r);
    run_take_hashed(r);
    go_on(r);
    run_hash_files(r);
    if (scheduler_stopped(r->scheduler))
        attempts_end_fetches(&r->attempts);
    attempts_submit(&r->attempts);
    bool idle = r->in_flight == 0;
    int rc = run_commit(r, idle, &err);
    if (rc < 0)
        run_fail(r, rc, &err);
}

static bool is_busy(const struct run *r) {
    return r->in_flight > 0 || run_is_committing(r) || run_is_hashing(r) || attempts_are_fetching(&r->attempts) ||
           !scheduler_idle(r->scheduler) || !r->attempts.has_provenance;
}

/* When the scheduler, a commit, a note or a keeper needs the loop. */
static uint64_t due_ms(struct run *r) {
    uint64_t due = scheduler_due_ms(r->scheduler), keepers = executor_poll(r->attempts.executor), now = run_now_ms();
    uint64_t commit = run_commit_due_ms(r), notes = attempts_pass_notes(&r->attempts);
    if (commit < due)
        due = commit;
    if (notes < due)
        due = notes;
    if (keepers < due)
        due = keepers;
    if (r->in_flight > 0 && now + SHOW_MS < due) /* claims are renewed by commits: store.h */
        due = now + SHOW_MS;
    bool ended = r->ended.count > 0 && r->attempts.has_provenance; /* one that could not start */
    return ended ? now : due;
}

int run_execute(struct run *r, struct error *err) {
    int rc = open_run(r, err);
    if (rc < 0) {
        r->code = rc; /* nothing was started */
        return rc;
    }
    for (step(r); is_busy(r); step(r))
        event_loop_wait(&r->loop, due_ms(r));
    return 0;
}
