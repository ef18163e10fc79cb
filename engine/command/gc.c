#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/clock.h"
#include "engine/base/printable.h"
#include "engine/command/project.h"
#include "engine/pipeline/quantity.h"

#define PROGRESS_NS UINT64_C(2000000000)

static void say(void *context, const char *line) {
    (void)context;
    printable_printf(stderr, "%s\n", line);
}

/* Prints a line now and then while a long gc works. */
static void tell_progress(void *context, const char *what, uint64_t done) {
    uint64_t *due_ns = context;
    uint64_t now = clock_monotonic_ns();
    if (now < *due_ns)
        return;
    *due_ns = now + PROGRESS_NS;
    fprintf(stderr, "%" PRIu64 " %s\n", done, what);
}

static void print_json(const struct gc_report *r, bool dry_run) {
    printf("{\"dry_run\":%s,\"runs\":%" PRIu64 ",\"records\":%" PRIu64 ",\"objects\":%" PRIu64 ",\"attempts\":%" PRIu64
           ",\"logs\":%" PRIu64 ",\"checkpoints\":%" PRIu64 ",\"leftovers\":%" PRIu64 ",\"bytes\":%" PRIu64
           ",\"kept_runs\":%" PRIu64 ",\"pinned_runs\":%" PRIu64 ",\"kept_records\":%" PRIu64
           ",\"kept_objects\":%" PRIu64 ",\"kept_bytes\":%" PRIu64 "}\n",
           dry_run ? "true" : "false", r->runs, r->records, r->objects, r->attempts, r->logs, r->checkpoints,
           r->leftovers, r->bytes, r->kept_runs, r->pinned_runs, r->kept_records, r->kept_objects, r->kept_bytes);
}

static void print_text(const struct gc_report *r, bool dry_run) {
    printf("%s %" PRIu64 " runs, %" PRIu64 " records, %" PRIu64 " objects, %" PRIu64 " attempts, %" PRIu64
           " logs, %" PRIu64 " checkpoints, %" PRIu64 " leftovers: %" PRIu64 " bytes\n",
           dry_run ? "would remove" : "removed", r->runs, r->records, r->objects, r->attempts, r->logs, r->checkpoints,
           r->leftovers, r->bytes);
    printf("kept %" PRIu64 " runs (%" PRIu64 " pinned), %" PRIu64 " records, %" PRIu64 " objects: %" PRIu64 " bytes\n",
           r->kept_runs, r->pinned_runs, r->kept_records, r->kept_objects, r->kept_bytes);
}

static int collect(const struct arguments *a, struct store *store, const struct gc_options *options,
                   struct error *err) {
    struct gc_report report;
    int code = store_gc(store, options, &report, err);
    store_notices(store, say, NULL);
    if (code == 0 && argument_given(a, "json"))
        print_json(&report, options->dry_run);
    else if (code == 0)
        print_text(&report, options->dry_run);
    return code;
}

/* Pins or unpins; removes nothing else. */
static int pin(const struct arguments *a, struct store *store, struct error *err) {
    static const char *const names[] = {"pin", "unpin", NULL};
    const char *name, *which;
    int code = 0;
    for (size_t i = 0; code == 0 && (name = argument_each(a, names, i, &which)); i++) {
        bool add = which[0] == 'p';
        code = add ? store_pin(store, name, err) : store_unpin(store, name, err);
        if (code == 0)
            printable_printf(stderr, add ? "pinned %s\n" : "%s is not pinned any more\n", name);
    }
    return code;
}

static int read_grace(const struct arguments *a, double *out, struct error *err) {
    const char *text = argument_value(a, "grace", "24h");
    uint64_t ms;
    if (!quantity_duration(&ms, text))
        return error_set(err, ERR_USAGE, "gc: --grace takes " QUANTITY_DURATION_ALLOWED ", not \"%s\"", text);
    *out = (double)ms / 1000;
    return 0;
}

static int run(const struct arguments *a, struct error *err) {
    struct store *store = NULL;
    uint64_t due_ns = clock_monotonic_ns() + PROGRESS_NS;
    struct gc_options options = {
        .dry_run = argument_given(a, "dry-run"), .progress = tell_progress, .context = &due_ns};
    bool pins = argument_given(a, "pin") || argument_given(a, "unpin");
    int code = read_grace(a, &options.grace_s, err);
    if (code == 0)
        code = argument_count(a, "keep-runs", 1, 0, &options.keep_runs, err);
    if (code == 0 && pins && (options.dry_run || options.keep_runs || argument_given(a, "grace")))
        code =
            error_set(err, ERR_USAGE, "gc: a call with --pin or --unpin collects nothing; call gc again without them");
    if (code == 0)
        code = project_open_store(&store, a, err);
    if (code == 0)
        code = pins ? pin(a, store, err) : collect(a, store, &options, err);
    store_close(store);
    return code;
}

static const struct option options[] = {
    {"keep-runs", 'k', "N",
     "Keep the newest N runs of each pipeline that ended well, and all newer ones (default: all)"},
    {"grace", 0, "TIME", "Keep everything that is younger: 30m, 12h (default 24h)"},
    {"dry-run", 'n', NULL, "Print what would be removed, and its bytes; change nothing"},
    {"pin", 0, "NAME",
     "Keep a run (its id, or latest), or all runs of a pipeline (its name), from now on; collect nothing"},
    {"unpin", 0, "NAME", "Remove that pin; collect nothing"},
    OPTION_JSON,
    OPTION_STORE,
};

const struct command command_gc = {
    .name = "gc",
    .operands = "",
    .summary = "remove everything that no kept run needs",
    .doc =
        "Removes records and objects that no run needs, files of removed runs (attempts, logs, checkpoints), and files "
        "that killed engines left behind. A removed result is computed again when it is needed.\n"
        "gc keeps every run, or with --keep-runs the newest of each pipeline. It also keeps pinned runs and pipelines, "
        "files younger than the grace time, checkpoints of unfinished work, and files that a running engine uses.\n"
        "Engines may run meanwhile. After a kill at any moment, the next gc goes on.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
