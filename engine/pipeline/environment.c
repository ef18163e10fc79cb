/* The fields of a command's environment, for a stage and for "defaults": env, pass_env, toolchain; and pin. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/pipeline/reader.h"

static bool is_env_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static const char *env_name_fault(const char *name) {
    size_t letters = 0;
    while (is_env_byte(name[letters]))
        letters++;
    if (!name[0] || name[letters] || (name[0] >= '0' && name[0] <= '9'))
        return "a name of the environment is letters, digits and \"_\", and begins with no digit";
    if (strncmp(name, "RETORT_", 7) == 0)
        return "names that begin with RETORT_ belong to the stage protocol";
    return NULL;
}

/* ---- env ---- */

/* A word of the name, between "_", that says that the value is nobody else's business. */
static bool names_secret(const char *name) {
    static const char *const words[] = {"TOKEN", "SECRET", "KEY", "APIKEY", "PASSWORD", "PASSWD", "CREDENTIALS"};
    for (const char *word = name; *word; word += strcspn(word, "_"), word += *word == '_') {
        size_t size = strcspn(word, "_");
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (size == strlen(words[i]) && strncasecmp(word, words[i], size) == 0)
                return true;
    }
    return false;
}

static void read_variables(struct stage_decl *out, const struct scope *scope, const cJSON *node) {
    struct part *part = scope->part;
    struct reader *r = part->reader;
    if (!need_object(part, node, "\"env\""))
        return;
    struct env_decl *env = arena_array(r->arena, (size_t)cJSON_GetArraySize(node), sizeof *env);
    size_t count = 0;
    const cJSON *member;
    cJSON_ArrayForEach(member, node) {
        const char *fault = env_name_fault(member->string);
        if (fault)
            report_key(part, member, "\"%s\" cannot be set: %s", member->string, fault);
        if (names_secret(member->string))
            warn_value(part, member, "\"%s\" may be a secret, and its value is stored in records; use pass_env",
                       member->string);
        const struct value *v = value_compile(scope, member);
        const cJSON *json = v->type == VALUE_LITERAL && !value_is_broken(v) ? v->as.literal : NULL;
        bool scalar = cJSON_IsString(json) || cJSON_IsNumber(json) || cJSON_IsBool(json);
        if ((json && !scalar) || v->type == VALUE_LIST || v->type == VALUE_OBJECT || v->type == VALUE_EXTENDS)
            report_value(part, member, "the variable \"%s\" is text; found %s", member->string,
                         describe(r, json ? json : member));
        env[count++] = (struct env_decl){member->string, v};
    }
    out->env = env;
    out->env_count = count;
}

void read_env(struct draft *d, const cJSON *node) {
    const struct scope scope = {.part = d->part, .draft = d, .place = &place_env, .uses = &d->uses};
    read_variables(&d->decl, &scope, node);
}

/* ---- pass_env ---- */

static void check_pass_env(struct part *part, const cJSON *item) {
    const char *fault = env_name_fault(item->valuestring);
    if (fault)
        report_value(part, item, "\"%s\" cannot be passed: %s", item->valuestring, fault);
}

/* `owner`: the stage, or "defaults". */
static void read_passed(struct stage_decl *out, struct part *part, const cJSON *owner, const cJSON *node) {
    struct json_index env;
    out->pass_env = read_texts(part, node, &out->pass_env_count, check_pass_env);
    json_index_open(&env, cJSON_GetObjectItemCaseSensitive(owner, "env"));
    for (size_t i = 0; i < out->pass_env_count; i++)
        if (json_index_get(&env, out->pass_env[i]))
            report_value(part, node, "\"%s\" is in \"env\" and in \"pass_env\": keep one of them", out->pass_env[i]);
    json_index_close(&env);
}

void read_pass_env(struct draft *d, const cJSON *node) {
    read_passed(&d->decl, d->part, d->node, node);
}

/* ---- toolchain ---- */

static void read_prefix(struct part *part, const cJSON *node, struct toolchain *out) {
    static const char *const keys[] = {"prefix"};
    CHECK_KEYS(part, node, keys);
    const cJSON *prefix = cJSON_GetObjectItemCaseSensitive(node, "prefix");
    if (!prefix) {
        report_value(part, node,
                     "\"toolchain\" needs \"prefix\", the folder of the environment: {\"prefix\": \".venv\"}");
        return;
    }
    if (!need_text(part, prefix, "\"prefix\""))
        return;
    if (*prefix->valuestring == '~') {
        report_value(part, prefix, "\"prefix\" is a folder beside this file, or an absolute path: \"~\" is no folder");
        return;
    }
    if (part->pipeline->origin && *prefix->valuestring != '/') {
        report_value(
            part, prefix,
            "a file from git cannot take its environment from a folder beside it. \"toolchain\": \"caller\" takes "
            "that of whoever runs the stage, an absolute path one of that machine. Programs of the repository "
            "come by \"in\", with \"env\": {\"PATH\": \"tools/bin:/usr/bin:/bin\"}");
        return;
    }
    const char *beside = part->pipeline->origin ? "/" : part->pipeline->directory;
    char *joined = path_join(beside, prefix->valuestring), *normal = path_normal(joined);
    out->type = TOOLCHAIN_PREFIX;
    out->prefix = arena_strdup(part->reader->arena, normal);
    free(joined);
    free(normal);
}

static void read_any_toolchain(struct part *part, const cJSON *node, struct toolchain *out) {
    static const char *const names[] = {"system", "caller"}; /* by enum toolchain_type */
    enum { NAMES = sizeof names / sizeof *names };
    *out = (struct toolchain){.directory = part->pipeline->directory, .is_declared = true};
    if (cJSON_IsObject(node)) {
        read_prefix(part, node, out);
        return;
    }
    size_t i = 0;
    while (cJSON_IsString(node) && i < NAMES && strcmp(names[i], node->valuestring) != 0)
        i++;
    if (cJSON_IsString(node) && i < NAMES)
        out->type = (enum toolchain_type)i;
    else
        report_value(part, node, "\"toolchain\" is \"system\", \"caller\" or {\"prefix\": \".venv\"}; found %s",
                     describe(part->reader, node));
}

void read_toolchain(struct draft *d, const cJSON *node) {
    read_any_toolchain(d->part, node, &d->decl.toolchain);
}

/* ---- pin ---- */

static void check_program(struct part *part, const cJSON *item) {
    if (item->valuestring[0] != '/' && strchr(item->valuestring, '/'))
        report_value(part, item, "\"%s\" is no program on PATH: a program of the project is an input (\"in\")",
                     item->valuestring);
    else if (item->valuestring[0] == '/' && part->pipeline->origin)
        report_value(part, item,
                     "\"%s\" is a file of this machine: another team's file names programs by name, as on PATH",
                     item->valuestring);
}

void read_pin(struct draft *d, const cJSON *node) {
    d->decl.pin = read_texts(d->part, node, &d->decl.pin_count, check_program);
}

/* ---- defaults ---- */

void read_default_environment(struct part *part, const cJSON *defaults) {
    const cJSON *env = cJSON_GetObjectItemCaseSensitive(defaults, "env");
    const cJSON *pass_env = cJSON_GetObjectItemCaseSensitive(defaults, "pass_env");
    const cJSON *toolchain = cJSON_GetObjectItemCaseSensitive(defaults, "toolchain");
    const struct scope scope = {.part = part, .place = &place_constant};
    if (env)
        read_variables(&part->defaults, &scope, env);
    if (pass_env)
        read_passed(&part->defaults, part, defaults, pass_env);
    if (toolchain)
        read_any_toolchain(part, toolchain, &part->defaults.toolchain);
}

const struct value *stage_env(const struct stage_decl *stage, const char *name) {
    for (size_t i = 0; i < stage->env_count; i++)
        if (strcmp(stage->env[i].name, name) == 0)
            return stage->env[i].value;
    return NULL;
}

bool stage_passes(const struct stage_decl *stage, const char *name) {
    for (size_t i = 0; i < stage->pass_env_count; i++)
        if (strcmp(stage->pass_env[i], name) == 0)
            return true;
    return false;
}

bool stage_sets(const struct stage_decl *stage, const char *name) {
    return stage_env(stage, name) || stage_passes(stage, name);
}

void check_gpu_variables(const struct draft *d) {
    static const char *const names[] = {"CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ZE_AFFINITY_MASK"};
    const cJSON *env = cJSON_GetObjectItemCaseSensitive(d->node, "env");
    for (size_t i = 0; d->decl.resources.gpus > 0 && i < sizeof names / sizeof *names; i++)
        if (stage_sets(&d->decl, names[i]))
            report_value(d->part, env ? env : d->node,
                         "%s is set, and \"resources\" asks for gpus, of which the engine chooses and names some: drop "
                         "the variable, or \"gpus\" to choose by hand",
                         names[i]);
}

void add_default_environment(struct draft *d) {
    const struct stage_decl *defaults = &d->part->defaults;
    struct stage_decl own = d->decl;
    struct arena *arena = d->part->reader->arena;
    if (defaults->env_count + defaults->pass_env_count == 0)
        return;
    struct env_decl *env = arena_array(arena, own.env_count + defaults->env_count, sizeof *env);
    const char **pass_env = arena_array(arena, own.pass_env_count + defaults->pass_env_count, sizeof *pass_env);
    d->decl.env_count = d->decl.pass_env_count = 0;
    for (size_t i = 0; i < defaults->env_count; i++)
        if (!stage_sets(&own, defaults->env[i].name))
            env[d->decl.env_count++] = defaults->env[i];
    for (size_t i = 0; i < own.env_count; i++)
        env[d->decl.env_count++] = own.env[i];
    for (size_t i = 0; i < defaults->pass_env_count; i++)
        if (!stage_sets(&own, defaults->pass_env[i]))
            pass_env[d->decl.pass_env_count++] = defaults->pass_env[i];
    for (size_t i = 0; i < own.pass_env_count; i++)
        pass_env[d->decl.pass_env_count++] = own.pass_env[i];
    d->decl.env = env;
    d->decl.pass_env = pass_env;
}
