#include "engine/run/run.h"

#include <stdlib.h>

#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/lookup/programs.h"
#include "engine/run/internal.h"
#include "engine/run/needs.h"

/* If so many passes each find damage, making results again does not mend its cause. */
enum { PASSES = 4 };

static void note(void *context, const char *text) {
    run_note(context, NULL, text);
}

static bool is_stopped(void *context) {
    struct run *r = context;
    return event_loop_signals(&r->loop) > 0;
}

static bool has_work(const struct run *r) {
    return r->pending_count > 0 || run_is_hashing(r);
}

static int begin(struct run *r, struct error *err) {
    const struct ledger_observer observer = {.context = r, .note = note, .is_interrupted = is_stopped};
    struct plan_facts facts = facts_table(r->facts);
    facts_defer(r->facts, run_defer_file, r);
    r->scheduler = scheduler_create(&r->options->limits, r->options->keep_going);
    int rc = r->options->same_platform ? facts_platform(r->facts, &r->platform, err) : 0;
    if (rc == 0)
        rc = plan_create(&r->plan, r->pipeline, &facts, r->options->targets, r->options->target_count, err);
    if (rc == 0)
        rc = run_discover(r, err);
    if (rc == 0 && r->pending_count > 0)
        plan_foresee(r->plan, r->diagnostics);
    if (rc == 0 && r->pending_count > 0 && !r->options->keep_going)
        needs_report(r->diagnostics, SEVERITY_ERROR, r->plan, &r->options->limits);
    if (rc == 0 && r->diagnostics->errors > 0 && !r->options->keep_going)
        rc = error_set(err, ERR_INVALID, "%zu error%s in %s; nothing was run", r->diagnostics->errors,
                       r->diagnostics->errors == 1 ? "" : "s", r->pipeline->path);
    if (rc == 0 && r->pending_count > 0 && !r->options->keep_going)
        rc = programs_require(r->plan, err);
    if (rc == 0 && r->pending_count > 0 && !r->tally->compared)
        programs_compare(r->plan, note, r);
    r->tally->compared = true;
    if (rc == 0 && r->pending_count > 0)
        rc = facts_ask_platform(r->facts, err); /* it answers while the run is noted on the disk */
    if (rc == 0)
        rc = store_run_begin(r->store, r->pipeline->name, r->pipeline->overrides, err);
    if (rc == 0 && (has_work(r) || r->pipeline->result_count > 0))
        rc = store_run_write(r->store, NULL, err); /* a killed run is listed too; one with nothing to do writes once */
    if (rc == 0)
        r->summary->run_id = mem_strdup(store_run_id(r->store));
    if (rc == 0 && has_work(r))
        ledger_begin_pass(r->ledger, r->plan, &observer);
    return rc;
}

static void close_run(struct run *r) {
    run_close_loop(r);
    for (size_t i = 0; i < r->task_count; i++)
        task_free(r->all[i]);
    free(r->all);
    free(r->pending);
    free(r->estimates);
    free(r->selects);
    free(r->platform);
    key_map_close(&r->tasks);
    run_files_close(&r->files);
    scheduler_free(r->scheduler);
    plan_free(r->plan);
    drift_free(r->drift);
    facts_free(r->facts);
}

/* One plan, from its beginning to its end. `*again` as for run_end. */
static int run_pass(bool *again, struct tally *tally, const struct pipeline *pipeline, struct store *store,
                    const struct run_options *options, struct run_summary *summary, struct diagnostics *diagnostics,
                    struct error *err) {
    struct run r = {.pipeline = pipeline,
                    .store = store,
                    .options = options,
                    .summary = summary,
                    .diagnostics = diagnostics,
                    .tally = tally,
                    .ledger = tally->ledger,
                    .facts = facts_create(store, options->stage_program, options->committed),
                    .began_ns = clock_monotonic_ns()};
    *summary = (struct run_summary){0};
    r.drift = drift_create(r.facts);
    int rc = begin(&r, err);
    if (rc == 0 && has_work(&r))
        rc = run_execute(&r, err);
    *again &= rc == 0;
    if (rc == 0)
        rc = run_end(&r, again, err);
    if (!*again)
        drift_report(r.drift, store, r.options->same_platform ? r.platform : NULL, note, &r);
    summary->wall_s = (double)(clock_monotonic_ns() - r.began_ns) / 1e9;
    close_run(&r);
    return rc;
}

int run_pipeline(const struct pipeline *pipeline, struct store *store, const struct run_options *options,
                 struct run_summary *summary, struct diagnostics *diagnostics, struct error *err) {
    const struct ledger_options energy = {
        .pipeline = pipeline, .store = store, .root = options->meter_root, .base_window_s = options->base_window_s};
    struct tally tally = {.ledger = ledger_create(&energy)};
    int rc = 0;
    bool again = true;
    *summary = (struct run_summary){0};
    store_hold(store);
    for (int pass = 1; again; pass++) {
        double wall_s = summary->wall_s;
        free(summary->results.path);
        free(summary->run_id);
        again = pass < PASSES;
        tally.known_again = 0;
        rc = run_pass(&again, &tally, pipeline, store, options, summary, diagnostics, err);
        summary->wall_s += wall_s;
    }
    summary->known -= tally.known_again;
    summary->finished = tally.finished.count;
    ledger_free(tally.ledger);
    key_map_close(&tally.finished);
    return rc;
}
