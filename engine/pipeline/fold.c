/* Folds params to constants. Each is folded at its first use, so params may refer to each other in any order. */
#include <string.h>

#include "engine/base/buffer.h"
#include "engine/base/json.h"
#include "engine/pipeline/reader.h"

/* Reports params of the includer that the part does not declare. */
static void check_include_params(struct part *part, const cJSON *given) {
    struct reader *r = part->reader;
    const cJSON *node;
    cJSON_ArrayForEach(node, given) {
        if (!find_param(part, node->string))
            report_key(part->includer, node, "the part %s declares no param \"%s\"%s", part->file, node->string,
                       suggestion(r, node->string, part->param_names, part->param_count, "it declares none"));
    }
}

static const cJSON *given_params(const struct part *part) {
    for (size_t i = 0; part->includer && i < part->includer->include_count; i++)
        if (part->includer->includes[i].part == part)
            return part->includer->includes[i].params;
    return NULL;
}

static void declare(struct part *part, const struct param_slot *param, const struct json_index *patches) {
    struct param_slot *slot = &part->params[part->param_count++];
    *slot = *param;
    slot->part = part;
    slot->patch = json_index_get(patches, slot->name);
    bytemap_put(&part->params_by_name, slot->name, strlen(slot->name), slot);
}

/* Those of `file`, an object or NULL, and of `list`, which goes over them; `from` is the file's name. */
static void declare_all(struct part *part, const cJSON *list, const cJSON *file, const cJSON *from) {
    struct reader *r = part->reader;
    size_t count = (size_t)cJSON_GetArraySize(list) + (size_t)cJSON_GetArraySize(file);
    const cJSON *node, *given = given_params(part);
    struct json_index patches, own, base;
    json_index_open(&patches, given);
    json_index_open(&own, list);
    json_index_open(&base, file);
    part->params = arena_array(r->arena, count, sizeof *part->params);
    cJSON_ArrayForEach(node, file) {
        if (!json_index_get(&own, node->string))
            declare(part, &(struct param_slot){.name = node->string, .node = from, .base = node}, &patches);
    }
    cJSON_ArrayForEach(node, list) {
        if (node == from)
            continue;
        need_name(part, node, "a param");
        const cJSON *below = json_index_get(&base, node->string);
        declare(part, &(struct param_slot){.name = node->string, .node = node, .base = below, .own = true}, &patches);
    }
    json_index_close(&base);
    json_index_close(&own);
    json_index_close(&patches);
}

static void list_names(struct part *part) {
    const char **names = arena_array(part->reader->arena, part->param_count, sizeof *names);
    for (size_t i = 0; i < part->param_count; i++)
        names[i] = part->params[i].name;
    part->param_names = names;
}

void params_declare(struct part *part) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(part->root, "params"), *from = NULL;
    if (cJSON_IsObject(list))
        from = cJSON_GetObjectItemCaseSensitive(list, "$file");
    else if (cJSON_IsString(list))
        from = list;
    else if (list)
        report_value(part, list, "\"params\" is an object, or the name of a JSON or YAML file; found %s",
                     describe(part->reader, list));
    const cJSON *file = from ? params_read(part, from) : NULL;
    part->params_lost = from && !file;
    declare_all(part, cJSON_IsObject(list) ? list : NULL, file, from);
    list_names(part);
    if (!part->params_lost)
        check_include_params(part, given_params(part));
    for (size_t i = 0; i < part->include_count; i++)
        if (part->includes[i].part)
            params_declare(part->includes[i].part);
}

static const char *slot_name(const struct param_slot *slot) {
    const struct part *part = slot->part;
    return arena_printf(part->reader->arena, "%s%sparams.%s", part->include_name ? part->include_name : "",
                        part->include_name ? "." : "", slot->name);
}

/* Reports the params on the way from `slot` back to itself. */
static void report_cycle(const struct param_slot *slot, const struct site *site) {
    struct reader *r = slot->part->reader;
    const struct param_slot *links[64];
    size_t count = 0;
    for (const struct param_slot *s = r->chain; s && count < 64; s = s == slot ? NULL : s->below)
        links[count++] = s;
    struct buffer text = {0};
    while (count)
        buffer_printf(&text, "%s -> ", slot_name(links[--count]));
    report_site(site, "cycle: %s%s (each param needs the next)", buffer_text(&text), slot_name(slot));
    buffer_close(&text);
}

static const cJSON *fold_overrides(struct param_slot *slot, const cJSON *value) {
    struct reader *r = slot->part->reader;
    bool good = true;
    cJSON *merged = NULL;
    for (size_t i = 0; i < r->override_count; i++) {
        cJSON *patch;
        good &= override_patch(&patch, r, i, slot->name, value, slot_name(slot));
        cJSON *both = merged && patch ? patch_apply(merged, patch) : NULL;
        if (both) {
            cJSON_Delete(merged);
            cJSON_Delete(patch);
        }
        merged = both ? both : patch ? patch : merged;
    }
    if (merged) {
        value = keep_json(r, patch_apply(value, merged));
        cJSON_AddItemToObject(r->recorded, slot->name, merged);
    }
    return good ? value : NULL;
}

static const cJSON *fold_include_patch(struct param_slot *slot, const cJSON *value) {
    struct reader *r = slot->part->reader;
    const cJSON *patch = compile_constant(slot->part->includer, slot->patch);
    struct location at = locate_value(slot->part->includer, slot->patch);
    if (!patch || !patch_check(r, value, patch, PATCH_SHAPE, slot_name(slot), &at))
        return NULL;
    return keep_json(r, patch_apply(value, patch));
}

/* The values of a params file are plain: a text is no reference. */
static const cJSON *declared_value(const struct param_slot *slot) {
    const cJSON *value = slot->own ? compile_constant(slot->part, slot->node) : slot->base;
    return slot->own && value && slot->base ? keep_json(slot->part->reader, patch_apply(slot->base, value)) : value;
}

const cJSON *param_value(struct param_slot *slot, const struct site *site) {
    struct reader *r = slot->part->reader;
    if (slot->state == FOLD_BUSY) {
        report_cycle(slot, site);
        return NULL;
    }
    if (slot->state == FOLD_DONE)
        return slot->value;
    slot->depth = r->chain ? r->chain->depth + 1 : 0;
    if (slot->depth >= MAX_PARAM_CHAIN) {
        report_site(site, "params refer to each other over more than %d steps", MAX_PARAM_CHAIN);
        return NULL;
    }
    slot->state = FOLD_BUSY;
    slot->below = r->chain;
    r->chain = slot;
    const cJSON *value = declared_value(slot);
    if (value && slot->patch)
        value = fold_include_patch(slot, value);
    else if (value && !slot->part->includer)
        value = fold_overrides(slot, value);
    r->chain = slot->below;
    slot->state = FOLD_DONE;
    slot->value = value;
    return value;
}

void params_fold(struct part *part) {
    struct reader *r = part->reader;
    if (!part->includer)
        overrides_check(part);
    cJSON *all = cJSON_CreateObject();
    for (size_t i = 0; i < part->param_count; i++) {
        struct site site = {part, part->params[i].node, 0};
        const cJSON *value = param_value(&part->params[i], &site);
        struct location at = locate_key(part, part->params[i].node);
        if (value && count_folded(r, &at, value))
            json_add_copy(all, part->params[i].name, value);
    }
    part->pipeline->params = keep_json(r, all);
    for (size_t i = 0; i < part->include_count; i++)
        if (part->includes[i].part)
            params_fold(part->includes[i].part);
}
