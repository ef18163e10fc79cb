#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/attempt/attempt.h"
#include "engine/base/printable.h"
#include "engine/command/project.h"
#include "engine/lookup/programs.h"
#include "engine/lookup/words.h"
#include "engine/run/needs.h"

/* The context of facts that need no hashing. */
struct examiner {
    struct input_rules rules;
    struct committed *committed;
};

/* Whether an input may be one. */
static int examine_fact(void *context, const char *path, struct content *out, struct error *err) {
    const struct examiner *x = context;
    struct object o;
    int rc = store_input_examine(&o, path, &x->rules, err);
    if (rc == 0)
        *out = (struct content){.size = o.size, .directory = o.directory};
    return rc;
}

static int committed_fact(void *context, const struct origin *origin, const char *path, const char *const *only,
                          size_t only_count, struct content *out, struct error *err) {
    const struct examiner *x = context;
    return committed_examine(x->committed, origin, path, only, only_count, out, err);
}

static bool variable_fact(void *context, const char *name, struct digest *out) {
    (void)context;
    return facts_variable(name, out);
}

static void warn(void *context, const char *line) {
    struct project *p = context;
    diagnostics_add_at(&p->diagnostics, SEVERITY_WARNING, p->pipeline->path, (struct json_position){0}, line);
}

static int program_fact(void *context, const char *name, const char *search, struct digest *out, struct error *err) {
    (void)context, (void)name, (void)search, (void)err;
    memset(out, 0, sizeof *out);
    return 0;
}

static int members_fact(void *context, const char *path, const char *const *names, size_t count, struct content *out,
                        struct error *err) {
    (void)context;
    return facts_members(path, names, count, out, err);
}

static const cJSON *packages_fact(void *context, const char *name, const char *search) {
    (void)context, (void)name, (void)search;
    return NULL;
}

static const char *path_fact(void *context, const struct stage_decl *stage) {
    (void)context, (void)stage;
    return "";
}

static cJSON *machine_fact(void *context) {
    (void)context;
    return cJSON_CreateObject();
}

static int warn_of_machine(struct project *p, const struct arguments *a, struct error *err) {
    struct scheduler_limits limits = {0};
    struct gpus *gpus = NULL;
    int code = project_limits(&limits, a, err);
    if (code == 0)
        code = project_gpus(&gpus, &limits, p, a, err);
    if (code == 0)
        needs_report(&p->diagnostics, SEVERITY_WARNING, p->plan, &limits);
    gpus_free(gpus);
    return code;
}

static int expand(struct project *p, const struct arguments *a, struct error *err) {
    char *store = project_store_path(a, p->root), *real = realpath(store, NULL);
    struct examiner examiner = {.rules = {.filter = ignore_filter(p->ignore),
                                          .store = real ? real : store,
                                          .results = p->results,
                                          .project = p->root,
                                          .say = warn,
                                          .context = p},
                                .committed = p->committed};
    struct plan_facts facts = {.context = &examiner,
                               .file_content = examine_fact,
                               .program = program_fact,
                               .packages = packages_fact,
                               .stage_path = path_fact,
                               .machine = machine_fact,
                               .file_members = members_fact,
                               .committed = committed_fact,
                               .variable = variable_fact,
                               .command_bytes = facts_command_bytes()};
    int code = plan_create(&p->plan, p->pipeline, &facts, NULL, 0, err);
    if (code == 0)
        code = plan_advance(p->plan, &p->diagnostics, err);
    if (code == 0)
        plan_foresee(p->plan, &p->diagnostics);
    if (code == 0)
        code = warn_of_machine(p, a, err);
    free(store);
    free(real);
    programs_warn(p->pipeline, &p->diagnostics);
    char **covers = project_covers(p, a);
    words_warn(p->pipeline, covers && isolation_probe(covers), &p->diagnostics);
    int reported = project_report(&p->diagnostics, err);
    return code ? code : reported;
}

static void say_sound(const struct project *p) {
    size_t instances;
    plan_instances(p->plan, &instances);
    size_t waiting = plan_unexpanded(p->plan, NULL, 0);
    size_t stages = p->pipeline->stage_count;
    printable_printf(stdout, "%s: sound: %zu stage%s, %zu instance%s", p->pipeline->path, stages,
                     stages == 1 ? "" : "s", instances, instances == 1 ? "" : "s");
    if (plan_omitted(p->plan) > 0)
        printf(", %zu left out by \"when\"", plan_omitted(p->plan));
    if (waiting)
        printf(", %zu stage%s whose instances depend on results", waiting, waiting == 1 ? "" : "s");
    printf("\n");
}

static int run(const struct arguments *a, struct error *err) {
    struct project p;
    int code = project_open(&p, a, PROJECT_NO_STORE, err);
    if (code == 0)
        code = expand(&p, a, err);
    if (code == 0)
        say_sound(&p);
    project_close(&p);
    return code;
}

static const struct option options[] = {OPTIONS_PARAMS};

const struct command command_check = {
    .name = "check",
    .operands = "[PIPELINE]",
    .summary = "validate a pipeline file and report every error",
    .doc = "Reads the file and its includes, and expands everything that needs no result. Reports all errors at once, "
           "each with file:line:column, the fault and the allowed values. Runs nothing and needs no store.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
