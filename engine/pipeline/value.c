/* Compiles JSON nodes of a file to values. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/pipeline/reader.h"

const struct place place_constant = {"here", 0, false, false};
const struct place place_in = {"in \"in\"", ALLOW_MATRIX | ALLOW_STAGE_OUTS, true, true};
const struct place place_path = {"in a path of \"as\", \"part\" and \"outs\"", ALLOW_MATRIX, true, false};
const struct place place_label = {"in \"label\"", ALLOW_MATRIX | ALLOW_STAGE_VALUES, true, false};
const struct place place_with = {"in \"with\"", ALLOW_MATRIX | ALLOW_STAGE_VALUES, true, true};
const struct place place_cmd = {
    "in \"cmd\"", ALLOW_MATRIX | ALLOW_IN | ALLOW_OUTS | ALLOW_CHECKPOINT | ALLOW_CPUS | ALLOW_STAGE_VALUES, true,
    true};
const struct place place_env = {
    "in \"env\"", ALLOW_MATRIX | ALLOW_IN | ALLOW_OUTS | ALLOW_CHECKPOINT | ALLOW_CPUS | ALLOW_STAGE_VALUES, true,
    false};
const struct place place_axis = {"in an axis", ALLOW_STAGE_VALUES, false, true};
const struct place place_axis_member = {"in an object of an axis", ALLOW_MATRIX | ALLOW_STAGE_OUTS | ALLOW_STAGE_VALUES,
                                        true, true};
const struct place place_rows = {"in \"rows\"", ALLOW_STAGE_OUTS, false, true};
const struct place place_when = {"in \"when\"", ALLOW_MATRIX, true, false};
const struct place place_from = {"in \"from\"", ALLOW_WHOLE_STAGE, false, false};
const struct place place_whole = {"here", ALLOW_WHOLE_STAGE, false, false};
const struct place place_result = {"in \"results\"", ALLOW_STAGE_OUTS, false, true};

/* Stands for a value with a reported fault. Compared by address. */
static const cJSON broken_json = {.type = cJSON_NULL};

static const struct value *value_broken(const struct scope *scope, const struct location *at) {
    if (scope->draft)
        scope->draft->broken = true;
    return value_literal(scope->part->reader, &broken_json, at);
}

static struct value *value_create(struct reader *r, enum value_type type, const struct location *at) {
    struct value *v = arena_alloc(r->arena, sizeof *v);
    v->type = type;
    v->at = *at;
    return v;
}

const struct value *value_literal(struct reader *r, const cJSON *json, const struct location *at) {
    struct value *v = value_create(r, VALUE_LITERAL, at);
    v->as.literal = json;
    return v;
}

const char *value_text(const struct value *v) {
    return v && v->type == VALUE_LITERAL ? cJSON_GetStringValue(v->as.literal) : NULL;
}

/* ---- compiling ---- */

/* Whether the node itself is its value: no reference, no escape and no "$extends" in it. */
static bool is_plain(const cJSON *node) {
    if (cJSON_IsString(node))
        return !strstr(node->valuestring, "${");
    const cJSON *child;
    cJSON_ArrayForEach(child, node) {
        if ((child->string && child->string[0] == '$') || !is_plain(child))
            return false;
    }
    return true;
}

static bool append_constant(const struct scope *scope, struct buffer *text, const cJSON *json,
                            const struct syntax_reference *syntax, const struct site *site) {
    if (cJSON_IsString(json))
        buffer_puts(text, json->valuestring);
    else if (cJSON_IsNumber(json))
        json_number(text, json->valuedouble);
    else if (cJSON_IsBool(json))
        buffer_puts(text, cJSON_IsTrue(json) ? "true" : "false");
    else {
        report_site(site, "%s is %s; only text, numbers, true and false can be written into text", syntax->text,
                    describe(scope->part->reader, json));
        return false;
    }
    return true;
}

static void flush_text(struct arena *arena, struct text_part *parts, size_t *count, struct buffer *text) {
    if (text->size) {
        parts[(*count)++] = (struct text_part){arena_strdup(arena, buffer_text(text)), NULL};
        buffer_clear(text);
    }
}

/* Compiles text with references: constants are written into it, other references stay open. */
static const struct value *compile_text(const struct scope *scope, const cJSON *node,
                                        const struct syntax_template *template) {
    struct reader *r = scope->part->reader;
    struct location at = locate_value(scope->part, node);
    struct scope inner = *scope;
    inner.in_text = true;
    struct text_part *parts = arena_array(r->arena, 2 * template->count, sizeof *parts);
    struct buffer text = {0};
    size_t count = 0;
    bool good = true;
    for (size_t i = 0; i < template->count; i++) {
        const struct syntax_part *part = &template->parts[i];
        if (part->text) {
            buffer_puts(&text, part->text);
            continue;
        }
        struct site site = {scope->part, node, part->reference->begin};
        struct resolved resolved = reference_resolve(&inner, part->reference, &site);
        if (resolved.constant) {
            good &= append_constant(scope, &text, resolved.constant, part->reference, &site);
        } else if (resolved.open) {
            flush_text(r->arena, parts, &count, &text);
            parts[count++] = (struct text_part){NULL, resolved.open};
        } else {
            good = false;
        }
    }
    const struct value *v;
    if (!good) {
        v = value_broken(scope, &at);
    } else if (count == 0) {
        const cJSON *json = keep_json(r, cJSON_CreateString(buffer_text(&text)));
        v = count_folded(r, &at, json) ? value_literal(r, json, &at) : value_broken(scope, &at);
    } else {
        flush_text(r->arena, parts, &count, &text);
        struct value *open = value_create(r, VALUE_TEXT, &at);
        open->as.text.parts = parts;
        open->as.text.count = count;
        v = open;
    }
    buffer_close(&text);
    return v;
}

static const struct value *compile_string(const struct scope *scope, const cJSON *node) {
    struct reader *r = scope->part->reader;
    struct location at = locate_value(scope->part, node);
    struct syntax_template template = {0};
    struct syntax_fault fault = {0};
    if (template_parse(&template, r->arena, node->valuestring, scope->part->include_names, scope->part->include_count,
                       &fault) < 0) {
        struct site site = {scope->part, node, fault.offset};
        report_site(&site, "%s", fault.message);
        return value_broken(scope, &at);
    }
    if (template.count > 1 || template.parts[0].text)
        return compile_text(scope, node, &template);
    struct site site = {scope->part, node, 0};
    struct resolved resolved = reference_resolve(scope, template.parts[0].reference, &site);
    if (resolved.constant)
        return value_literal(r, resolved.constant, &at);
    if (!resolved.open)
        return value_broken(scope, &at);
    struct value *v = value_create(r, VALUE_REFERENCE, &at);
    v->as.reference = resolved.open;
    return v;
}

static const struct value *compile_list(const struct scope *scope, const cJSON *node) {
    struct reader *r = scope->part->reader;
    struct location at = locate_value(scope->part, node);
    const struct value **items = arena_array(r->arena, (size_t)cJSON_GetArraySize(node), sizeof *items);
    size_t count = 0;
    const cJSON *child;
    cJSON_ArrayForEach(child, node) {
        items[count++] = value_compile(scope, child);
    }
    struct value *v = value_create(r, VALUE_LIST, &at);
    v->as.list.items = items;
    v->as.list.count = count;
    return v;
}

static const char extends_key[] = "$extends";

static struct value *compile_members(const struct scope *scope, const cJSON *node) {
    struct reader *r = scope->part->reader;
    struct location at = locate_value(scope->part, node);
    size_t capacity = (size_t)cJSON_GetArraySize(node);
    const char **names = arena_array(r->arena, capacity, sizeof *names);
    const struct value **values = arena_array(r->arena, capacity, sizeof *values);
    struct value *v = value_create(r, VALUE_OBJECT, &at);
    const cJSON *child;
    cJSON_ArrayForEach(child, node) {
        if (strcmp(child->string, extends_key) == 0)
            continue;
        if (child->string[0] == '$') {
            report_key(scope->part, child, "unknown key \"%s\"; the only key that begins with \"$\" is \"$extends\"",
                       child->string);
            continue;
        }
        names[v->as.object.count] = child->string;
        values[v->as.object.count++] = value_compile(scope, child);
    }
    v->as.object.names = names;
    v->as.object.values = values;
    return v;
}

static const struct value *compile_object(const struct scope *scope, const cJSON *node) {
    struct reader *r = scope->part->reader;
    const cJSON *extends = cJSON_GetObjectItemCaseSensitive(node, extends_key);
    const struct value *patch = compile_members(scope, node);
    if (!extends)
        return patch;
    const struct value *base = value_compile(scope, extends);
    if (base->type == VALUE_TEXT || base->type == VALUE_LIST ||
        (base->type == VALUE_LITERAL && base->as.literal != &broken_json && !cJSON_IsObject(base->as.literal))) {
        const cJSON *found = base->type == VALUE_LITERAL ? base->as.literal : extends;
        report_value(scope->part, extends, "\"$extends\" takes a reference to an object; found %s", describe(r, found));
        return value_broken(scope, &patch->at);
    }
    struct value *v = value_create(r, VALUE_EXTENDS, &patch->at);
    v->as.extends.base = base;
    v->as.extends.patch = patch;
    return v;
}

const struct value *value_compile(const struct scope *scope, const cJSON *node) {
    if (is_plain(node)) {
        struct location at = locate_value(scope->part, node);
        return value_literal(scope->part->reader, node, &at);
    }
    if (cJSON_IsString(node))
        return compile_string(scope, node);
    return cJSON_IsArray(node) ? compile_list(scope, node) : compile_object(scope, node);
}

/* ---- questions about a value ---- */

bool value_is_broken(const struct value *v) {
    switch (v->type) {
    case VALUE_LITERAL:
        return v->as.literal == &broken_json;
    case VALUE_REFERENCE:
    case VALUE_TEXT:
        return false;
    case VALUE_LIST:
        for (size_t i = 0; i < v->as.list.count; i++)
            if (value_is_broken(v->as.list.items[i]))
                return true;
        return false;
    case VALUE_OBJECT:
        for (size_t i = 0; i < v->as.object.count; i++)
            if (value_is_broken(v->as.object.values[i]))
                return true;
        return false;
    case VALUE_EXTENDS:
        return value_is_broken(v->as.extends.base) || value_is_broken(v->as.extends.patch);
    }
    return false;
}

/* Builds the tree of a value, which the caller deletes; NULL when part of it is open or broken. */
static cJSON *build(const struct value *v) {
    cJSON *out = NULL;
    if (v->type == VALUE_LITERAL)
        return v->as.literal == &broken_json ? NULL : cJSON_Duplicate(v->as.literal, true);
    if (v->type == VALUE_EXTENDS) {
        cJSON *base = build(v->as.extends.base);
        cJSON *patch = build(v->as.extends.patch);
        out = base && patch ? json_merge(base, patch) : NULL;
        cJSON_Delete(base);
        cJSON_Delete(patch);
        return out;
    }
    if (v->type != VALUE_LIST && v->type != VALUE_OBJECT)
        return NULL;
    bool list = v->type == VALUE_LIST;
    out = list ? cJSON_CreateArray() : cJSON_CreateObject();
    for (size_t i = 0; i < (list ? v->as.list.count : v->as.object.count); i++) {
        cJSON *child = build(list ? v->as.list.items[i] : v->as.object.values[i]);
        if (!child) {
            cJSON_Delete(out);
            return NULL;
        }
        if (list)
            cJSON_AddItemToArray(out, child);
        else
            cJSON_AddItemToObject(out, v->as.object.names[i], child);
    }
    return out;
}

/* The tree of a value; NULL when part of it is open or broken. */
static const cJSON *value_constant(struct reader *r, const struct value *v) {
    if (v->type == VALUE_LITERAL)
        return v->as.literal == &broken_json ? NULL : v->as.literal;
    cJSON *tree = build(v);
    if (!tree)
        return NULL;
    keep_json(r, tree);
    return count_folded(r, &v->at, tree) ? tree : NULL;
}

const cJSON *compile_constant(struct part *part, const cJSON *node) {
    struct scope scope = {.part = part, .place = &place_constant};
    return value_constant(part->reader, value_compile(&scope, node));
}

const struct value *value_structured(struct reader *r, const struct value *v) {
    if (v->type != VALUE_LITERAL || v->as.literal == &broken_json)
        return v;
    const cJSON *json = v->as.literal;
    if (!cJSON_IsArray(json) && !cJSON_IsObject(json))
        return v;
    size_t capacity = (size_t)cJSON_GetArraySize(json);
    const struct value **items = arena_array(r->arena, capacity, sizeof *items);
    const char **names = arena_array(r->arena, capacity, sizeof *names);
    size_t count = 0;
    const cJSON *child;
    cJSON_ArrayForEach(child, json) {
        names[count] = child->string;
        items[count++] = value_literal(r, child, &v->at);
    }
    struct value *out = value_create(r, cJSON_IsArray(json) ? VALUE_LIST : VALUE_OBJECT, &v->at);
    if (cJSON_IsArray(json)) {
        out->as.list.items = items;
        out->as.list.count = count;
    } else {
        out->as.object.names = names;
        out->as.object.values = items;
        out->as.object.count = count;
    }
    return out;
}

const struct value *value_member(const struct value *object, const char *name) {
    for (size_t i = 0; object->type == VALUE_OBJECT && i < object->as.object.count; i++)
        if (strcmp(object->as.object.names[i], name) == 0)
            return object->as.object.values[i];
    return NULL;
}
