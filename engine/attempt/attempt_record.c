/* The record of an attempt. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/attempt/attempt.h"
#include "engine/attempt/confine.h"
#include "engine/attempt/environment.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/lookup/interpreter.h"
#include "store/record_format.h"

cJSON *attempt_out_json(const struct out_decl *out, const struct object *object) {
    enum out_type found = object->directory ? OUT_DIRECTORY : OUT_FILE;
    return record_out_json(object, action_out_type(out->type == OUT_ANY ? found : out->type));
}

static void add_result(cJSON *record, const struct attempt *a) {
    const struct action *action = a->instance->action;
    cJSON *outs = cJSON_CreateObject(), *absent = cJSON_CreateArray();
    for (size_t i = 0; a->outcome.finished && i < action->out_count; i++)
        if (digest_is_zero(&a->outcome.outs[i].digest))
            cJSON_AddItemToArray(absent, cJSON_CreateString(action->outs[i].name));
        else
            cJSON_AddItemToObject(outs, action->outs[i].name, attempt_out_json(&action->outs[i], &a->outcome.outs[i]));
    record_add_result(record, action_components(action), outs, absent,
                      a->outcome.finished ? cJSON_Duplicate(a->outcome.metrics, true) : cJSON_CreateObject());
}

/* ---- provenance ---- */

static void add_program(cJSON *programs, struct facts *facts, const char *name, const char *path) {
    struct content content;
    bool known = path && facts_file(facts, path, &content, NULL) == 0;
    cJSON_AddItemToArray(programs, record_program_json(name, path, known ? &content.digest : NULL));
}

/* The first word of a command and its pinned programs; the Python that it runs on. */
static void add_command_programs(cJSON *provenance, cJSON *programs, const struct attempt *a) {
    const struct action *action = a->instance->action;
    struct facts *facts = a->all->options.facts;
    const char *first = a->argc > 0 ? a->argv[0] : "", *search = environment_value(a->environment, "PATH");
    bool own = *first != '/' && strchr(first, '/'); /* it lies in the stage's directory: an input */
    char *path = own ? NULL : facts_find_program(first, search);
    if (!own)
        add_program(programs, facts, first, path);
    for (size_t i = 0; i < action->pin_count; i++) {
        if (strcmp(action->pins[i].program, first) == 0)
            continue;
        char *pinned = facts_find_program(action->pins[i].program, search);
        add_program(programs, facts, action->pins[i].program, pinned);
        free(pinned);
    }
    const struct interpreter *python = interpreter_of_command(facts, path, search, &a->instance->decl->toolchain);
    if (python)
        cJSON_AddItemToObject(provenance, "python", interpreter_record(python, a->instance->decl));
    free(path);
}

/* The programs that ran, as far as the engine knows: retort-stage for a kind; argv[0] and the pinned ones for a
   command. */
static void add_programs(cJSON *provenance, const struct attempt *a) {
    struct facts *facts = a->all->options.facts;
    cJSON *programs = cJSON_AddArrayToObject(provenance, "programs");
    if (a->instance->action->kind)
        add_program(programs, facts, "retort-stage", facts_stage_program(facts));
    else
        add_command_programs(provenance, programs, a);
}

static cJSON *input_item(const struct action_item *item, const struct git_files *git) {
    const struct content *c = &item->content;
    cJSON *out = record_out_json(&(struct object){c->digest, c->size, c->directory, c->executable}, NULL);
    cJSON_AddStringToObject(out, "name", item->name);
    if (item->path)
        cJSON_AddStringToObject(out, "path", item->path);
    if (item->path && git->folder && !git_tracks(git, item->path))
        cJSON_AddTrueToObject(out, "untracked");
    return out;
}

static void add_inputs(cJSON *provenance, const struct attempt *a) {
    const struct action *action = a->instance->action;
    cJSON *inputs = cJSON_AddObjectToObject(provenance, "inputs");
    for (size_t i = 0; i < action->input_count; i++) {
        cJSON *list = cJSON_AddArrayToObject(inputs, action->inputs[i].name);
        for (size_t k = 0; k < action->inputs[i].count; k++)
            cJSON_AddItemToArray(list, input_item(&action->inputs[i].items[k], &a->all->git_files));
    }
}

/* By name; values that were let through stay secret. */
static void add_environment(cJSON *provenance, const struct attempt *a) {
    const struct action *action = a->instance->action;
    const struct stage_decl *decl = a->instance->decl;
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
    json_add_digest(item, "sha256", &log->digest);
    cJSON_AddNumberToObject(item, "size", (double)log->size);
    if (log->size > 0)
        cJSON_AddStringToObject(item, "path", path_base(path));
}

static void add_gpus(cJSON *provenance, const struct attempt *a) {
    cJSON *gpus = a->gpus ? cJSON_AddArrayToObject(provenance, "gpus") : NULL;
    for (const char *at = a->gpus; at && *at;) {
        size_t length = strcspn(at, ",");
        char *id = mem_strndup(at, length);
        cJSON_AddItemToArray(gpus, cJSON_CreateString(id));
        free(id);
        at += length + (at[length] == ',');
    }
}

static void add_argv(cJSON *provenance, const struct attempt *a) {
    cJSON *argv = cJSON_AddArrayToObject(provenance, "argv");
    for (size_t i = 0; i < a->argc; i++)
        cJSON_AddItemToArray(argv, cJSON_CreateString(a->argv[i]));
    cJSON_AddStringToObject(provenance, "directory", a->worked_in);
}

static void add_provenance(cJSON *record, const struct attempt *a) {
    cJSON *p = cJSON_GetObjectItemCaseSensitive(record, "provenance");
    cJSON_AddNumberToObject(p, "attempt", a->number);
    cJSON_AddNumberToObject(p, "cpus", a->cpus);
    cJSON_AddBoolToObject(p, "deterministic", a->instance->decl->deterministic);
    cJSON_AddNumberToObject(p, "tolerance", a->instance->decl->tolerance);
    add_gpus(p, a);
    add_argv(p, a);
    cJSON_AddStringToObject(p, "isolation", a->isolation.covers ? "namespace" : "none");
    cJSON *sandbox = confine_record(a);
    if (sandbox)
        cJSON_AddItemToObject(p, "sandbox", sandbox);
    add_environment(p, a);
    add_programs(p, a);
    add_inputs(p, a);
    cJSON *logs = cJSON_AddObjectToObject(p, "logs");
    add_log(logs, "stdout", &a->outcome.stdout_log, a->stdout_log);
    add_log(logs, "stderr", &a->outcome.stderr_log, a->stderr_log);
    if (a->instance->decl->scope->origin)
        cJSON_AddItemToObject(p, "origin", origin_json(a->instance->decl->scope->origin));
    cJSON_AddItemReferenceToObject(p, "git", a->all->git_text);
    cJSON_AddItemReferenceToObject(p, "host", a->all->host_text);
    cJSON_AddItemReferenceToObject(p, "versions", a->all->versions_text);
}

cJSON *attempt_record_head(const struct attempt *a) {
    char *kind = kind_uses(a->instance->action->kind);
    cJSON *record = record_create(&(struct record_head){.key = &a->instance->key,
                                                        .stage = instance_name(a->instance),
                                                        .kind = kind,
                                                        .pipeline = a->all->options.pipeline->name,
                                                        .run = a->all->run,
                                                        .attempt = a->id,
                                                        .platform = a->all->platform});
    free(kind);
    return record;
}

cJSON *attempt_record(const struct attempt *a) {
    cJSON *record = attempt_record_head(a);
    attempt_result_record(record, &a->outcome.result);
    cJSON_AddNumberToObject(cJSON_GetObjectItemCaseSensitive(record, "resources"), "cpus", a->cpus);
    add_result(record, a);
    add_provenance(record, a);
    return record;
}
