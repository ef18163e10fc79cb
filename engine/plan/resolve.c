#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/suggest.h"
#include "engine/plan/internal.h"

static void delete_tree(void *tree) {
    cJSON_Delete(tree);
}

const cJSON *tree_keep(struct arena *arena, cJSON *tree) {
    arena_own(arena, tree, delete_tree);
    return tree;
}

int scope_fault(struct scope *s, const struct location *at, const char *format, ...) {
    struct buffer text = {0};
    va_list args;
    va_start(args, format);
    buffer_vprintf(&text, format, args);
    va_end(args);
    if (!s->silent)
        diagnostics_add_of(&s->plan->faults, SEVERITY_ERROR, at,
                           s->node && instance_coordinate_count(&s->node->pub) > 0 ? instance_name(&s->node->pub) : "",
                           buffer_text(&text));
    if (!s->fault)
        s->fault = arena_strdup(s->plan->arena, buffer_text(&text));
    buffer_close(&text);
    return ERR_INVALID;
}

int put_scalar(struct buffer *out, struct scope *s, const cJSON *json, const struct location *at) {
    if (cJSON_IsArray(json))
        return scope_fault(s, at, "a list cannot stand inside a text");
    if (cJSON_IsObject(json))
        return scope_fault(s, at, "an object cannot stand inside a text; name one of its members");
    if (cJSON_IsNull(json))
        return scope_fault(s, at, "null cannot be written into text; only text, numbers, true and false can");
    if (cJSON_IsString(json))
        buffer_puts(out, json->valuestring);
    else
        json_canonical(out, json);
    return 0;
}

static void put_written(struct buffer *out, const struct value *v) {
    for (size_t i = 0; i < v->as.text.count; i++) {
        const struct text_part *part = &v->as.text.parts[i];
        buffer_puts(out, part->text ? part->text : part->reference->text);
    }
}

cJSON *value_as_written(const struct value *v) {
    struct buffer text = {0};
    cJSON *json = NULL, *base, *patch;
    switch (v->type) {
    case VALUE_LITERAL:
        return cJSON_Duplicate(v->as.literal, true);
    case VALUE_REFERENCE:
        return cJSON_CreateString(v->as.reference->text);
    case VALUE_TEXT:
        put_written(&text, v);
        json = cJSON_CreateString(buffer_text(&text));
        buffer_close(&text);
        return json;
    case VALUE_LIST:
        json = cJSON_CreateArray();
        for (size_t i = 0; i < v->as.list.count; i++)
            cJSON_AddItemToArray(json, value_as_written(v->as.list.items[i]));
        return json;
    case VALUE_OBJECT:
        json = cJSON_CreateObject();
        for (size_t i = 0; i < v->as.object.count; i++)
            cJSON_AddItemToObject(json, v->as.object.names[i], value_as_written(v->as.object.values[i]));
        return json;
    case VALUE_EXTENDS:
        base = value_as_written(v->as.extends.base);
        patch = value_as_written(v->as.extends.patch);
        json = json_merge(base, patch);
        cJSON_Delete(base);
        cJSON_Delete(patch);
        return json;
    }
    return NULL;
}

const char *coordinate_text(const struct scope *s, const struct reference *r) {
    if (r->root != REFERENCE_MATRIX || r->step_count != 1 || !r->steps[0].name || !s->node)
        return NULL;
    const struct axis_value *value = node_value(s->node, r->steps[0].name);
    if (!value || value->source || cJSON_IsArray(value->json) || cJSON_IsObject(value->json) ||
        cJSON_IsNull(value->json))
        return NULL;
    return cJSON_IsString(value->json) ? value->json->valuestring : value->label;
}

int put_reference(struct buffer *out, struct scope *s, const struct reference *r, const struct location *at) {
    cJSON *json = NULL;
    const char *text = coordinate_text(s, r);
    if (text) {
        buffer_puts(out, text);
        return 0;
    }
    int rc = resolve_reference(&json, s, r, at);
    if (rc == 0)
        rc = put_scalar(out, s, json, at);
    cJSON_Delete(json);
    return rc;
}

static int resolve_text(cJSON **out, struct scope *s, const struct value *v) {
    struct buffer text = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < v->as.text.count; i++) {
        const struct text_part *part = &v->as.text.parts[i];
        if (part->text)
            buffer_puts(&text, part->text);
        else
            rc = put_reference(&text, s, part->reference, &v->at);
    }
    if (rc == 0)
        *out = cJSON_CreateString(buffer_text(&text));
    buffer_close(&text);
    return rc;
}

static int resolve_list(cJSON **out, struct scope *s, const struct value *v) {
    cJSON *list = cJSON_CreateArray(), *item = NULL;
    for (size_t i = 0; i < v->as.list.count; i++) {
        int rc = resolve_json(&item, s, v->as.list.items[i]);
        if (rc) {
            cJSON_Delete(list);
            return rc;
        }
        cJSON_AddItemToArray(list, item);
    }
    *out = list;
    return 0;
}

static int resolve_object(cJSON **out, struct scope *s, const struct value *v) {
    cJSON *object = cJSON_CreateObject(), *member = NULL;
    for (size_t i = 0; i < v->as.object.count; i++) {
        int rc = resolve_json(&member, s, v->as.object.values[i]);
        if (rc) {
            cJSON_Delete(object);
            return rc;
        }
        cJSON_AddItemToObject(object, v->as.object.names[i], member);
    }
    *out = object;
    return 0;
}

static int resolve_extends(cJSON **out, struct scope *s, const struct value *v) {
    cJSON *base = NULL, *patch = NULL;
    int rc = resolve_json(&base, s, v->as.extends.base);
    if (rc == 0 && !cJSON_IsObject(base))
        rc = scope_fault(s, &v->as.extends.base->at, "$extends takes an object");
    if (rc == 0)
        rc = resolve_json(&patch, s, v->as.extends.patch);
    if (rc == 0)
        *out = json_merge(base, patch);
    cJSON_Delete(base);
    cJSON_Delete(patch);
    return rc;
}

int resolve_json(cJSON **out, struct scope *s, const struct value *v) {
    *out = NULL;
    switch (v->type) {
    case VALUE_LITERAL:
        *out = cJSON_Duplicate(v->as.literal, true);
        return 0;
    case VALUE_REFERENCE:
        return resolve_reference(out, s, v->as.reference, &v->at);
    case VALUE_TEXT:
        return resolve_text(out, s, v);
    case VALUE_LIST:
        return resolve_list(out, s, v);
    case VALUE_OBJECT:
        return resolve_object(out, s, v);
    case VALUE_EXTENDS:
        return resolve_extends(out, s, v);
    }
    return ERR_INVALID;
}
