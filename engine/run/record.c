/* What is written down of an attempt. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/run/internal.h"
#include "store/record_format.h"

static void add_hex(cJSON *object, const char *name, const struct digest *d) {
    char hex[DIGEST_HEX_SIZE];
    digest_hex(hex, d);
    cJSON_AddStringToObject(object, name, hex);
}

/* Takes over what the keeper measured; null where it could not. */
static void add_copy(cJSON *to, const char *name, const cJSON *from, const char *member) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, member);
    cJSON_AddItemToObject(to, name, item ? cJSON_Duplicate(item, true) : cJSON_CreateNull());
}

static void add_outs(cJSON *record, const struct task *t) {
    const struct action *action = t->instance->action;
    cJSON *outs = cJSON_AddObjectToObject(record, "outs");
    for (size_t i = 0; t->outcome.finished && i < action->out_count; i++)
        cJSON_AddItemToObject(outs, action->outs[i].name,
                              record_out_json(&t->outcome.outs[i], action_out_type(action->outs[i].type)));
    cJSON_AddItemToObject(record, "metrics",
                          t->outcome.finished ? cJSON_Duplicate(t->outcome.metrics, true) : cJSON_CreateObject());
}

static void add_resources(cJSON *record, const struct task *t) {
    static const char *const members[] = {"wall_s",        "user_s",     "system_s",
                                          "max_rss_bytes", "read_bytes", "written_bytes"};
    cJSON *resources = cJSON_AddObjectToObject(record, "resources");
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        add_copy(resources, members[i], t->outcome.result, members[i]);
    cJSON_AddNumberToObject(resources, "cpus", t->attempt->cpus);
}

/* ---- provenance ---- */

static void add_program(cJSON *programs, struct run *r, const char *name, char *path) {
    struct content content;
    cJSON *program = cJSON_CreateObject();
    cJSON_AddStringToObject(program, "name", name);
    if (path) {
        cJSON_AddStringToObject(program, "path", path);
        if (facts_file(r->facts, path, &content, NULL) == 0)
            add_hex(program, "sha256", &content.digest);
    }
    cJSON_AddItemToArray(programs, program);
    free(path);
}

/* The programs that ran, as far as the engine knows: retort-stage for a kind; argv[0] and the pinned ones for a command. */
static void add_programs(cJSON *provenance, const struct task *t) {
    const struct action *action = t->instance->action;
    cJSON *programs = cJSON_AddArrayToObject(provenance, "programs");
    if (action->kind) {
        add_program(programs, t->run, "retort-stage", mem_strdup(t->run->facts->stage_program));
        return;
    }
    const char *first = t->attempt->argc > 0 ? t->attempt->argv[0] : "";
    if (*first == '/' || !strchr(first, '/')) /* else it lies in the stage's directory: an input */
        add_program(programs, t->run, first, facts_find_program(first));
    for (size_t i = 0; i < action->pin_count; i++)
        if (strcmp(action->pins[i].program, first) != 0)
            add_program(programs, t->run, action->pins[i].program, facts_find_program(action->pins[i].program));
}

static cJSON *input_item(const struct action_item *item) {
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "name", item->name);
    add_hex(out, "sha256", &item->content.digest);
    cJSON_AddNumberToObject(out, "size", (double)item->content.size);
    cJSON_AddStringToObject(out, "mode", item->content.executable || item->content.directory ? "0755" : "0644");
    if (item->path)
        cJSON_AddStringToObject(out, "path", item->path);
    return out;
}

static void add_inputs(cJSON *provenance, const struct action *action) {
    cJSON *inputs = cJSON_AddObjectToObject(provenance, "inputs");
    for (size_t i = 0; i < action->input_count; i++) {
        cJSON *list = cJSON_AddArrayToObject(inputs, action->inputs[i].name);
        for (size_t k = 0; k < action->inputs[i].count; k++)
            cJSON_AddItemToArray(list, input_item(&action->inputs[i].items[k]));
    }
}

/* By name; values that were let through stay secret. */
static void add_environment(cJSON *provenance, const struct task *t) {
    const struct action *action = t->instance->action;
    const struct stage_decl *decl = t->instance->decl;
    cJSON *env = cJSON_AddArrayToObject(provenance, "env");
    for (size_t i = 0; i < action->env_count; i++)
        cJSON_AddItemToArray(env, cJSON_CreateString(action->env[i].name));
    cJSON *pass = cJSON_AddArrayToObject(provenance, "pass_env");
    for (size_t i = 0; i < decl->pass_env_count; i++)
        cJSON_AddItemToArray(pass, cJSON_CreateString(decl->pass_env[i]));
}

static void add_log(cJSON *logs, const char *name, const struct log *log, const char *path) {
    cJSON *item = cJSON_AddObjectToObject(logs, name);
    if (!log->known) {
        cJSON_AddNullToObject(item, "sha256");
        cJSON_AddNullToObject(item, "size");
        return;
    }
    add_hex(item, "sha256", &log->digest);
    cJSON_AddNumberToObject(item, "size", (double)log->size);
    if (log->size > 0)
        cJSON_AddStringToObject(item, "path", path_base(path));
}

static void add_argv(cJSON *provenance, const struct attempt *a) {
    cJSON *argv = cJSON_AddArrayToObject(provenance, "argv");
    for (size_t i = 0; i < a->argc; i++)
        cJSON_AddItemToArray(argv, cJSON_CreateString(a->argv[i]));
    cJSON_AddStringToObject(provenance, "directory", a->directory);
}

static void add_provenance(cJSON *record, struct task *t) {
    static const char *const members[] = {"start", "end", "exit", "signal", "survivors"};
    struct run *r = t->run;
    cJSON *p = cJSON_AddObjectToObject(record, "provenance");
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        add_copy(p, members[i], t->outcome.result, members[i]);
    cJSON_AddNumberToObject(p, "attempt", t->job.attempt);
    cJSON_AddNumberToObject(p, "cpus", t->attempt->cpus);
    cJSON_AddBoolToObject(p, "deterministic", t->instance->decl->deterministic);
    cJSON_AddNumberToObject(p, "tolerance", t->instance->decl->tolerance);
    add_argv(p, t->attempt);
    add_environment(p, t);
    add_programs(p, t);
    add_inputs(p, t->instance->action);
    cJSON *logs = cJSON_AddObjectToObject(p, "logs");
    add_log(logs, "stdout", &t->outcome.stdout_log, t->attempt->stdout_log);
    add_log(logs, "stderr", &t->outcome.stderr_log, t->attempt->stderr_log);
    cJSON_AddItemReferenceToObject(p, "git", r->git);
    cJSON_AddItemReferenceToObject(p, "host", r->host);
    cJSON_AddItemReferenceToObject(p, "versions", r->versions);
}

cJSON *record_head(const struct task *t) {
    const struct action *action = t->instance->action;
    cJSON *record = cJSON_CreateObject();
    char *kind = kind_uses(action->kind);
    cJSON_AddNumberToObject(record, "retort_record", 1);
    add_hex(record, "key", &t->instance->key);
    cJSON_AddStringToObject(record, "stage", instance_name(t->instance));
    cJSON_AddStringToObject(record, "kind", kind);
    cJSON_AddStringToObject(record, "pipeline", t->run->pipeline->name);
    cJSON_AddStringToObject(record, "run", store_run_id(t->run->store));
    cJSON_AddStringToObject(record, "attempt", t->attempt->id);
    cJSON_AddStringToObject(record, "platform", t->run->platform);
    free(kind);
    return record;
}

cJSON *record_build(struct task *t) {
    cJSON *record = record_head(t);
    cJSON_AddItemToObject(record, "wall_s",
                          isfinite(t->outcome.wall_s) ? cJSON_CreateNumber(t->outcome.wall_s) : cJSON_CreateNull());
    cJSON_AddItemToObject(record, "components", action_components(t->instance->action));
    add_outs(record, t);
    add_resources(record, t);
    add_copy(record, "energy", t->outcome.result, "energy");
    add_provenance(record, t);
    return record;
}
