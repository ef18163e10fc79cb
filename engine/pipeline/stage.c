/* Reads stages: the type of each, then its fields by a table. */
#include <math.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/pipeline/reader.h"

enum { KIND = 1 << STAGE_KIND, COMMAND = 1 << STAGE_COMMAND, SELECT = 1 << STAGE_SELECT, RUNS = KIND | COMMAND };

static const char *const type_keys[] = {"uses", "cmd", "select"}; /* by enum stage_type */

static void read_description(struct draft *d, const cJSON *node) {
    if (cJSON_IsString(node))
        d->decl.description = node->valuestring;
    else
        report_value(d->part, node, "\"description\" is text; found %s", describe(d->part->reader, node));
}

static void read_uses(struct draft *d, const cJSON *node) {
    struct error err = {0};
    d->kind_unknown = true;
    if (!need_text(d->part, node, "\"uses\""))
        return;
    if (kind_find(&d->decl.kind, node->valuestring, &err) < 0) {
        report_value(d->part, node, "%s", err.message);
        d->decl.kind = NULL;
        return;
    }
    d->kind_unknown = false;
    kind_outs(d);
}

static void read_with(struct draft *d, const cJSON *node) {
    struct scope scope = {.part = d->part, .draft = d, .place = &place_with, .uses = &d->uses};
    const struct value *v = value_compile(&scope, node);
    d->decl.with = v;
    bool object = v->type == VALUE_OBJECT || v->type == VALUE_EXTENDS || value_is_broken(v) ||
                  (v->type == VALUE_LITERAL && cJSON_IsObject(v->as.literal));
    if (object)
        return;
    report_value(d->part, node, "\"with\" is an object; found %s",
                 describe(d->part->reader, v->type == VALUE_LITERAL ? v->as.literal : node));
    d->broken = true;
}

static void read_checkpoint(struct draft *d, const cJSON *node) {
    read_bool(d->part, node, &d->decl.checkpoint);
}

static void read_isolation(struct draft *d, const cJSON *node) {
    read_bool(d->part, node, &d->decl.isolation);
}

static void read_stage_resources(struct draft *d, const cJSON *node) {
    read_resources(d->part, node, &d->decl.resources);
}

static void read_retries(struct draft *d, const cJSON *node) {
    read_integer(d->part, node, 0, 100, &d->decl.retries);
}

static void read_timeout(struct draft *d, const cJSON *node) {
    read_duration(d->part, node, &d->decl.timeout_ms);
}

static void read_cache(struct draft *d, const cJSON *node) {
    read_bool(d->part, node, &d->decl.cache);
}

static void read_deterministic(struct draft *d, const cJSON *node) {
    read_bool(d->part, node, &d->decl.deterministic);
}

static void read_tolerance(struct draft *d, const cJSON *node) {
    if (d->decl.deterministic)
        report_key(d->part, node, "\"tolerance\" needs \"deterministic\": false; otherwise the bytes are compared");
    read_number(d->part, node, 0, 1, &d->decl.tolerance);
}

static void read_energy_budget(struct draft *d, const cJSON *node) {
    read_energy(d->part, node, &d->decl.energy_budget_j);
}

static void read_after(struct draft *d, const cJSON *node) {
    struct reader *r = d->part->reader;
    if (!need_list(d->part, node, "\"after\""))
        return;
    const struct stage_decl **after = arena_array(r->arena, (size_t)cJSON_GetArraySize(node), sizeof *after);
    struct scope scope = {.part = d->part, .draft = d, .place = &place_whole, .uses = &d->uses};
    size_t count = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, node) {
        const struct reference *reference = resolve_stage_name(&scope, item);
        if (!reference)
            continue;
        if (reference->collect || reference->pin_count)
            report_value(d->part, item, "\"after\" names whole stages; remove the pins");
        after[count++] = reference->stage;
    }
    d->decl.after = after;
    d->decl.after_count = count;
}

static void keep_matrix(struct draft *d, const cJSON *node) {
    d->matrix_node = node;
    read_matrix(d, node);
}

/* Read in this order: later fields use earlier ones. */
static const struct stage_field {
    const char *name;
    unsigned types;
    void (*read)(struct draft *d, const cJSON *node);
    const char *hint; /* for a stage of another type */
} fields[] = {
    {"description", KIND | COMMAND | SELECT, read_description, NULL},
    {"uses", KIND, read_uses, NULL},
    {"cmd", COMMAND, read_cmd, NULL},
    {"select", SELECT, read_select, NULL},
    {"matrix", RUNS, keep_matrix, "a select has the axes of its \"from\""},
    {"when", RUNS, read_when, "put it on the stage that \"from\" names"},
    {"in", RUNS, read_inputs, "a select reads the metrics of its \"from\""},
    {"with", KIND, read_with, "a command takes its values in \"cmd\" or \"env\""},
    {"outs", COMMAND, read_outs, "the outs of a kind are fixed"},
    {"env", COMMAND, read_env, "a kind takes its values in \"with\""},
    {"pass_env", COMMAND, read_pass_env, "a kind sees no environment"},
    {"toolchain", COMMAND, read_toolchain, "a kind has its own program"},
    {"pin", COMMAND, read_pin, "a kind has a version instead"},
    {"checkpoint", COMMAND, read_checkpoint, "a kind says itself whether it keeps checkpoints"},
    {"isolation", COMMAND, read_isolation, "a kind reads its inputs alone"},
    {"sandbox", COMMAND, read_sandbox, "a kind runs no program of the pipeline"},
    {"resources", RUNS, read_stage_resources, NULL},
    {"retries", RUNS, read_retries, NULL},
    {"timeout", RUNS, read_timeout, NULL},
    {"after", RUNS, read_after, NULL},
    {"cache", RUNS, read_cache, NULL},
    {"deterministic", RUNS, read_deterministic, NULL},
    {"tolerance", RUNS, read_tolerance, NULL},
    {"energy_budget", RUNS, read_energy_budget, NULL},
};
enum { FIELDS = sizeof fields / sizeof *fields };

static size_t field_names(const char **names, unsigned types) {
    size_t count = 0;
    for (size_t i = 0; i < FIELDS; i++)
        if (fields[i].types & types)
            names[count++] = fields[i].name;
    return count;
}

/* The index of the field of that name; FIELDS when there is none. */
static size_t find_field(const char *name) {
    size_t i = 0;
    while (i < FIELDS && (fields[i].name[0] != name[0] || strcmp(fields[i].name, name) != 0))
        i++;
    return i;
}

/* Reports a key that is unknown, or that stages of these types do not have. */
static void report_misfit(struct draft *d, const cJSON *member, size_t field, unsigned types) {
    struct reader *r = d->part->reader;
    const char *names[FIELDS];
    size_t count = field_names(names, types);
    if (field == FIELDS) {
        report_key(d->part, member, "unknown key \"%s\"%s", member->string,
                   key_suggestion(r, member->string, names, count));
        return;
    }
    const char *hint = types == SELECT && fields[field].types != RUNS ? NULL : fields[field].hint;
    report_key(d->part, member, "\"%s\" does not fit a stage with \"%s\"%s%s", member->string, type_keys[d->decl.type],
               hint ? ": " : "; allowed: ", hint ? hint : join(r, names, count));
}

/* Reads the type: exactly one of uses, cmd and select. */
static void read_type(struct draft *d) {
    const cJSON *found[3];
    size_t count = 0;
    for (int i = 0; i < 3; i++) {
        const cJSON *node = cJSON_GetObjectItemCaseSensitive(d->node, type_keys[i]);
        if (!node)
            continue;
        d->types |= 1U << i;
        d->decl.type = count ? STAGE_KIND : (enum stage_type)i;
        found[count++] = node;
    }
    d->typed = count == 1;
    d->broken |= !d->typed;
    if (count == 0) {
        report_value(d->part, d->node,
                     "the stage \"%s\" does nothing: it needs exactly one of \"uses\" (a kind), \"cmd\" (a command) or "
                     "\"select\"",
                     d->decl.name);
    } else if (count > 1) {
        report_key(d->part, found[1],
                   "the stage \"%s\" has \"%s\" and \"%s\": keep exactly one of \"uses\", \"cmd\" and \"select\"",
                   d->decl.name, found[0]->string, found[1]->string);
    }
}

static void declare(struct part *part, const cJSON *node) {
    struct reader *r = part->reader;
    struct draft *d = arena_alloc(r->arena, sizeof *d);
    d->part = part;
    d->node = node;
    d->uses.end = &d->uses.first;
    d->needs_end = &d->needs;
    d->decl.name = node->string;
    d->decl.full_name =
        part->includer ? arena_printf(r->arena, "%s%s", part->pipeline->prefix, node->string) : node->string;
    d->decl.scope = part->pipeline;
    d->decl.index = r->draft_count;
    d->decl.at = locate_key(part, node);
    mem_grow(r->drafts, &r->draft_capacity, r->draft_count + 1);
    r->drafts[r->draft_count++] = d;
    part->drafts[part->draft_count] = d;
    part->draft_names[part->draft_count++] = node->string;
    bytemap_put(&part->drafts_by_name, node->string, strlen(node->string), d);
    need_name(part, node, "a stage");
    if (need_object(part, node, "a stage"))
        read_type(d);
    else
        d->broken = true;
}

void stages_declare(struct part *part) {
    struct reader *r = part->reader;
    for (size_t i = 0; i < part->include_count; i++)
        if (part->includes[i].part)
            stages_declare(part->includes[i].part);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(part->root, "stages");
    if (!list || !need_object(part, list, "\"stages\""))
        return;
    size_t count = (size_t)cJSON_GetArraySize(list);
    part->drafts = arena_array(r->arena, count, sizeof *part->drafts);
    part->draft_names = arena_array(r->arena, count, sizeof *part->draft_names);
    const cJSON *node;
    cJSON_ArrayForEach(node, list) {
        if (r->draft_count == MAX_STAGES) {
            report_key(part, node, "a pipeline has at most %d stages", MAX_STAGES);
            return;
        }
        declare(part, node);
    }
}

static void read_defaults(struct part *part) {
    static const char *const keys[] = {"in", "resources", "retries", "timeout", "env", "pass_env", "toolchain"};
    part->defaults.cache = true;
    part->defaults.deterministic = true;
    part->defaults.isolation = true;
    part->defaults.resources.cpus = 1;
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(part->root, "defaults");
    if (!node || !need_object(part, node, "\"defaults\""))
        return;
    CHECK_KEYS(part, node, keys);
    const cJSON *in = cJSON_GetObjectItemCaseSensitive(node, "in");
    const cJSON *resources = cJSON_GetObjectItemCaseSensitive(node, "resources");
    const cJSON *retries = cJSON_GetObjectItemCaseSensitive(node, "retries");
    const cJSON *timeout = cJSON_GetObjectItemCaseSensitive(node, "timeout");
    if (in && need_list(part, in, "\"in\" of \"defaults\""))
        part->default_in = in;
    if (resources)
        read_resources(part, resources, &part->defaults.resources);
    if (retries)
        read_integer(part, retries, 0, 100, &part->defaults.retries);
    if (timeout)
        read_duration(part, timeout, &part->defaults.timeout_ms);
    read_default_environment(part, node);
}

static void copy_defaults(struct stage_decl *decl, const struct stage_decl *defaults) {
    decl->resources = defaults->resources;
    decl->retries = defaults->retries;
    decl->timeout_ms = defaults->timeout_ms;
    if (decl->type == STAGE_COMMAND)
        decl->toolchain = defaults->toolchain;
    decl->cache = defaults->cache;
    decl->deterministic = defaults->deterministic;
    decl->isolation = defaults->isolation;
}

/* Of a stage with several types, reads only the fields that fit all of them. Other fields have another meaning for
   each type, and two readers would fill the same members. */
static void compile(struct draft *d) {
    if (!cJSON_IsObject(d->node))
        return;
    unsigned allowed = d->typed ? d->types : KIND | COMMAND | SELECT;
    copy_defaults(&d->decl, &d->part->defaults);
    const cJSON *nodes[FIELDS] = {NULL};
    const cJSON *member;
    cJSON_ArrayForEach(member, d->node) {
        size_t i = find_field(member->string);
        if (i < FIELDS && fields[i].types & allowed)
            nodes[i] = member;
        else
            report_misfit(d, member, i, allowed);
    }
    for (size_t i = 0; i < FIELDS; i++)
        if (nodes[i] && (fields[i].types & d->types) == d->types)
            fields[i].read(d, nodes[i]);
    if (d->types != COMMAND)
        return;
    if (d->part->default_in && !cJSON_GetObjectItemCaseSensitive(d->node, "in"))
        read_inputs(d, NULL);
    add_default_environment(d);
    check_gpu_variables(d);
    check_places(d);
}

void stages_compile(struct part *part) {
    for (size_t i = 0; i < part->include_count; i++)
        if (part->includes[i].part)
            stages_compile(part->includes[i].part);
    read_defaults(part);
    for (size_t i = 0; i < part->draft_count; i++)
        compile(part->drafts[i]);
    const cJSON *results = cJSON_GetObjectItemCaseSensitive(part->root, "results");
    if (results)
        read_results(part, results);
    const cJSON *budget = cJSON_GetObjectItemCaseSensitive(part->root, "energy_budget");
    if (budget)
        read_energy(part, budget, &part->pipeline->energy_budget_j);
}
