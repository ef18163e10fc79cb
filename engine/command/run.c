#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/attempt/attempt.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/command/retry.h"
#include "engine/command/trusted.h"
#include "engine/pipeline/quantity.h"
#include "engine/publish/publish.h"
#include "engine/report/progress.h"

enum { KEEP_FAILED = 10 };

static int read_style(const struct arguments *a, enum progress_style *out, struct error *err) {
    const char *style = argument_value(a, "progress", "auto");
    if (strcmp(style, "json") == 0)
        *out = PROGRESS_JSON;
    else if (strcmp(style, "none") == 0)
        *out = PROGRESS_NONE;
    else if (strcmp(style, "plain") == 0 || strcmp(style, "auto") == 0)
        *out = PROGRESS_PLAIN;
    else
        return error_set(err, ERR_USAGE, "run: --progress is auto, plain, json or none, not \"%s\"", style);
    return 0;
}

static int run_it(struct project *p, const struct arguments *a, enum progress_style style, struct run_options *options,
                  struct error *err) {
    struct run_summary summary = {0};
    struct progress *progress = progress_create(style, style == PROGRESS_JSON ? stdout : stderr);
    options->observer = progress_observer(progress);
    options->stage_program = p->stage_program;
    options->committed = p->committed;
    options->results = p->results_folder;
    options->covers = project_covers(p, a);
    options->no_sandbox = argument_given(a, "no-sandbox");
    if (!options->retry_failed) {
        options->targets = p->targets;
        options->target_count = p->target_count;
    }
    int code = run_pipeline(p->pipeline, p->store, options, &summary, &p->diagnostics, err);
    if (p->diagnostics.count > 0)
        project_report(&p->diagnostics, NULL);
    progress_end(progress, &summary);
    progress_free(progress);
    free(summary.results.path);
    free(summary.run_id);
    return code;
}

static int run_failed(struct project *p, const struct arguments *a, enum progress_style style,
                      struct run_options *options, struct error *err) {
    struct texts names = {0};
    if (p->target_count > 0)
        return error_set(err, ERR_USAGE,
                         "run: --retry-failed takes no STAGE: it runs what failed, and what depends on that");
    int code = retry_targets(&names, p, err);
    options->targets = (const char *const *)names.list;
    options->target_count = names.count;
    if (code == 0 && names.count == 0)
        fprintf(stderr, "nothing failed in the last run\n");
    else if (code == 0)
        code = run_it(p, a, style, options, err);
    texts_close(&names);
    return code;
}

static int refuse_selects(const struct project *p, const struct arguments *a, struct error *err) {
    int code = 0;
    for (size_t k = 1; code == 0 && k < operand_count(a); k++) {
        char *name = mem_strndup(operand(a, k), strcspn(operand(a, k), "["));
        const struct stage_decl *decl = pipeline_stage(p->pipeline, name);
        if (decl && decl->type == STAGE_SELECT)
            code = error_set(err, ERR_USAGE,
                             "run: --force: %s is a select, which runs nothing; name the stages that do", name);
        free(name);
    }
    return code;
}

static int read_log_limit(uint64_t *out, const struct arguments *a, struct error *err) {
    const char *text = argument_value(a, "max-log", NULL);
    *out = ATTEMPT_LOG_LIMIT;
    if (text && (!quantity_bytes(out, text) || *out == 0))
        return error_set(err, ERR_USAGE, "run: --max-log takes a size such as 64MiB, not \"%s\"", text);
    return 0;
}

static int run(const struct arguments *a, struct error *err) {
    enum progress_style style = PROGRESS_PLAIN;
    struct run_options options = {.keep_going = argument_given(a, "keep-going"),
                                  .retry_failed = argument_given(a, "retry-failed"),
                                  .force = argument_given(a, "force"),
                                  .same_platform = argument_given(a, "same-platform"),
                                  .base_window_s = argument_given(a, "base-power") ? 1 : 0};
    struct project p;
    long keep_failed = 0;
    int code = read_style(a, &style, err);
    if (code == 0)
        code = project_limits(&options.limits, a, err);
    if (code == 0)
        code = argument_count(a, "keep-failed", 0, KEEP_FAILED, &keep_failed, err);
    options.keep_failed = (size_t)keep_failed;
    if (code == 0)
        code = read_log_limit(&options.log_limit_bytes, a, err);
    if (code)
        return code;
    if (options.force && operand_count(a) < 2)
        return error_set(err, ERR_USAGE, "run: --force needs a STAGE: retort run --force PIPELINE STAGE");
    code = project_open(&p, a, PROJECT_STORE_CREATE, err);
    if (code == 0 && p.results)
        code = publish_check_origin(p.results_folder, p.pipeline, err);
    if (code == 0 && options.force)
        code = refuse_selects(&p, a, err);
    if (code == 0)
        code = trusted_require(&p, options.retry_failed, err);
    if (code == 0)
        code = project_gpus(&options.gpus, &options.limits, &p, a, err);
    if (code == 0)
        code = options.retry_failed ? run_failed(&p, a, style, &options, err) : run_it(&p, a, style, &options, err);
    gpus_free(options.gpus);
    project_close(&p);
    return code;
}

static const struct option options[] = {
    OPTION_JOBS,
    OPTION_GPUS,
    {"keep-going", 'k', NULL, "Go on with stages that do not depend on a failed one"},
    {"force", 0, NULL,
     "Run the named stages again although they are known; another result takes the place of the earlier one"},
    {"retry-failed", 0, NULL,
     "Run only what failed in the last run or was left out by a quorum, and what depends on that"},
    {"progress", 0, "STYLE", "auto, plain, json (one object per line) or none"},
    {"keep-failed", 0, "N",
     "Keep the directories of the last N failed stages (default: 10), until gc or their success"},
    {"max-log", 0, "SIZE",
     "Keep so much of a stage's stdout, and of its stderr (default: 64MiB): the middle is left out"},
    {"results", 0, "DIR", "Publish to DIR/NAME/ (default: results/NAME/ beside the store)"},
    OPTION_NO_ISOLATION,
    OPTION_NO_SANDBOX,
    {"same-platform", 0, NULL, "Use only results of this code path and library versions"},
    {"base-power", 0, NULL,
     "Measure the machine at rest, half a minute before the first stage and after the last, if a counter can be read"},
    OPTIONS_PARAMS,
    OPTION_STORE,
};

const struct command command_run = {
    .name = "run",
    .operands = "[PIPELINE] [STAGE...]",
    .summary = "bring stages up to date",
    .doc = "Runs every stage whose result is not known yet: in the order that ends soonest, as many at once as fit.\n"
           "STAGE is a stage (scratch), an instance (scratch[size=7,seed=1]) or part of one (scratch[size=7]). The "
           "stages that it needs run first. Without STAGE all stages run.\n"
           "PIPELINE may be another team's study, URL#REV or URL#REV:PATH: a file of a commit, branch or tag of a git "
           "repository. Without PATH it is the only pipeline file at the top. It runs in the project where you stand, "
           "after your yes (retort trust). check, plan, graph, why, show, metrics and log take it too.\n"
           "--force runs the named stages again. The same result changes nothing. After another one the earlier record "
           "counts no longer in this store, and the next run brings up to date what depends on it.\n"
           "Interrupting (Ctrl-C) lets stages write a checkpoint and keeps all finished results; a second Ctrl-C "
           "kills. Run again to go on.\n"
           "When every result that the pipeline names is known, results/NAME/ gets all of them. results/NAME.energy.md "
           "and .csv list the joules of each result, with all stages before it. Until then the known results are in "
           "results/NAME@partial/.",
    .options = options,
    .option_count = COUNT(options),
    .starts_programs = true,
    .run = run,
};
