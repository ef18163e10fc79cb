#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/printable.h"
#include "engine/bundle/export.h"
#include "engine/command/project.h"
#include "engine/command/transfer_watch.h"

static int read_outs(enum export_outs *out, const struct arguments *a, struct error *err) {
    static const char *const names[] = {
        [EXPORT_OUTS_ALL] = "all", [EXPORT_OUTS_RESULTS] = "results", [EXPORT_OUTS_NONE] = "none"};
    const char *name = argument_value(a, "outs", names[EXPORT_OUTS_ALL]);
    for (size_t i = 0; i < COUNT(names); i++) {
        *out = (enum export_outs)i;
        if (strcmp(name, names[i]) == 0)
            return 0;
    }
    return error_set(err, ERR_USAGE, "export: --outs takes all, results or none, not \"%s\"", name);
}

/* The output is asked for before any work. */
static int check_usage(const struct arguments *a, struct error *err) {
    const char *output = argument_value(a, "output", NULL);
    if (operand_count(a) > 1)
        return error_set(err, ERR_USAGE, "export takes one pipeline; it exports all of its stages");
    if (output)
        return bundle_check_ending(output, err);
    if (argument_given(a, "dry-run"))
        return 0;
    return error_set(err, ERR_USAGE, "export: name the bundle with -o FILE.zip or FILE.tar.zst; --dry-run only lists");
}

static void list(const struct export *e, bool json) {
    if (json) {
        struct buffer manifest = {0};
        bundle_manifest(&manifest, &e->bundle);
        fputs(buffer_text(&manifest), stdout);
        buffer_close(&manifest);
        return;
    }
    for (size_t i = 0; i < e->bundle.count; i++)
        printable_printf(stdout, "%12" PRIu64 "  %s\n", e->bundle.files[i].size, e->bundle.files[i].name);
}

static void summarize(const struct export *e, const char *verb) {
    for (size_t i = 0; i < e->left.count; i++)
        printable_printf(stderr, "left out: %s\n", e->left.list[i]);
    if (e->unknown)
        fprintf(stderr, "%zu stage%s no result yet, so the bundle holds none of %s\n", e->unknown,
                e->unknown == 1 ? " has" : "s have", e->unknown == 1 ? "it" : "them");
    fprintf(stderr, "%s %zu records and %zu files, %" PRIu64 " bytes\n", verb, e->records, e->bundle.count,
            bundle_size(&e->bundle));
}

static int export(struct project *p, const struct arguments *a, enum export_outs outs, struct error *err) {
    struct export e = {0};
    const struct bundle_watch watch = transfer_watch("written");
    const struct export_source source = {.store = p->store,
                                         .pipeline = p->pipeline,
                                         .plan = p->plan,
                                         .root = p->root,
                                         .filter = ignore_filter(p->ignore),
                                         .outs = outs,
                                         .logs = argument_given(a, "logs"),
                                         .diffs = argument_given(a, "diff"),
                                         .untracked = argument_given(a, "untracked"),
                                         .full = argument_given(a, "full")};
    bool dry_run = argument_given(a, "dry-run");
    int code = export_collect(&e, &source, &watch, err);
    if (code == 0 && dry_run)
        list(&e, argument_given(a, "json"));
    else if (code == 0)
        code = bundle_write(&e.bundle, argument_value(a, "output", NULL), &watch, err);
    if (code == 0)
        summarize(&e, dry_run ? "would write" : "wrote");
    export_close(&e);
    return code;
}

static int run(const struct arguments *a, struct error *err) {
    struct project p = {0};
    enum export_outs outs;
    int code = check_usage(a, err);
    if (code == 0)
        code = read_outs(&outs, a, err);
    if (code == 0)
        code = project_open(&p, a, PROJECT_STORE, err);
    if (code == 0)
        code = project_plan(&p, err);
    if (code == 0)
        code = export(&p, a, outs, err);
    project_close(&p);
    return code;
}

static const struct option options[] = {
    {"output", 'o', "FILE", "The bundle to write: its name ends in .zip or .tar.zst"},
    {"dry-run", 'n', NULL, "Print what would leave, and its bytes; write nothing"},
    {"outs", 0, "WHICH", "Take along all outs, those of results and metrics (results), or none (default: all)"},
    {"logs", 0, NULL, "Take along what the stages printed"},
    {"diff", 0, NULL, "Take along the changes since the git commit that results were made with"},
    {"untracked", 0, NULL, "Take along inputs that git does not track"},
    {"full", 0, NULL, "Keep home folders, host names and user names in the records"},
    OPTIONS_PARAMS,
    OPTION_JSON,
    OPTION_STORE,
};

const struct command command_export = {
    .name = "export",
    .operands = "[PIPELINE]",
    .summary = "write results with their provenance into one file",
    .doc =
        "Writes the pipeline, the files that it reads, the records of its known stages and their outs into a bundle. "
        "`retort import` takes it into another store, where `retort run` then executes nothing. A bundle is an "
        "RO-Crate "
        "(Provenance Run Crate 0.5), so other programs can read it too.\n"
        "In the records, home folders become ~, hosts host-1 and users user-1. The pipeline's files, the words of "
        "commands "
        "and the values of `env` leave as they are, because the keys are computed from them. So does the host of "
        "stages "
        "that measure the machine. --dry-run lists all files.\n"
        "After `--outs results` or `--outs none`, stages whose outs are missing run again when they are needed.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
