#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/printable.h"
#include "engine/command/project.h"
#include "engine/lookup/programs.h"
#include "engine/lookup/words.h"

/* Folders that change with every run. */
struct places {
    char *store;
    const char *results;
};

static int check_folder(const struct places *p, const char *path, struct error *err) {
    char *real = realpath(path, NULL);
    int rc = real ? store_check_folder(p->store, p->results, real, err) : 0;
    free(real);
    return rc;
}

/* Without hashing or store: whether an input exists, and may be one. */
static int file_exists_fact(void *context, const char *path, struct content *out, struct error *err) {
    struct stat st;
    if (stat(path, &st) != 0)
        return error_set(err, ERR_NOT_FOUND, "%s: there is no such file", path);
    if (S_ISDIR(st.st_mode) && check_folder(context, path, err) < 0)
        return ERR_INVALID;
    *out = (struct content){.size = (uint64_t)st.st_size, .directory = S_ISDIR(st.st_mode)};
    return 0;
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

static int expand(struct project *p, const struct arguments *a, struct error *err) {
    struct places places = {project_store_path(a, p->root), p->results};
    struct plan_facts facts = {&places, file_exists_fact, program_fact, packages_fact, path_fact, machine_fact,
                               NULL,    members_fact,     NULL,         NULL};
    int code = plan_create(&p->plan, p->pipeline, &facts, NULL, 0, err);
    if (code == 0)
        code = plan_advance(p->plan, &p->diagnostics, err);
    if (code == 0)
        plan_foresee(p->plan, &p->diagnostics);
    free(places.store);
    programs_warn(p->pipeline, &p->diagnostics);
    words_warn(p->pipeline, &p->diagnostics);
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
