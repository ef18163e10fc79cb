/* DVC's ${...}: variables of params.yaml and "vars", ${item} and ${key} of foreach and matrix. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "engine/base/json.h"
#include "engine/dvc/internal.h"

/* The value that "a.b[0]" names; NULL: none. */
static const cJSON *find(const cJSON *vars, const char *path) {
    const cJSON *value = vars;
    while (value && *path) {
        path += *path == '.';
        bool index = *path == '[';
        path += index;
        size_t length = strcspn(path, index ? "]" : ".[");
        char name[256];
        if (length >= sizeof name)
            return NULL;
        memcpy(name, path, length);
        name[length] = '\0';
        path += length + (index && path[length] == ']');
        value = index && cJSON_IsArray(value) ? cJSON_GetArrayItem(value, (int)strtol(name, NULL, 10))
                                              : cJSON_GetObjectItemCaseSensitive(value, name);
    }
    return value;
}

/* The params of the pipeline get the variable at the root of "a.b". */
static void use_param(struct dvc *d, const char *root) {
    if (!cJSON_HasObjectItem(d->params, root))
        json_add_copy(d->params, root, cJSON_GetObjectItemCaseSensitive(d->vars, root));
}

static void put_variable(struct dvc *d, const struct dvc_stage *s, struct buffer *out, const char *path) {
    const char *root = arena_strndup(d->arena, path, strcspn(path, ".["));
    const cJSON *own = find(s->vars, path);
    const cJSON *value = own ? own : find(d->vars, path);
    if (!value)
        dvc_note_left(d, "%s: ${%s} is in no file of variables; write a value for it", s->name, path);
    else if (cJSON_IsObject(value) || cJSON_IsArray(value))
        dvc_note_left(d, "%s: ${%s} is a list or a map; write its members as words of \"cmd\"", s->name, path);
    if (own && cJSON_IsString(own))
        buffer_puts(out, own->valuestring);
    else if (own)
        json_canonical(out, own);
    else {
        use_param(d, root);
        buffer_printf(out, "${params.%s}", path);
    }
}

/* ${item...} of a foreach is the axis "item", ${item.x...} of a matrix the axis x. */
static void put_item(const struct dvc_stage *s, struct buffer *out, const char *rest) {
    bool foreach = cJSON_HasObjectItem(s->axes, "item");
    if (foreach)
        buffer_printf(out, "${matrix.item%s}", *rest || !s->maps ? rest : ".value");
    else
        buffer_printf(out, "${matrix%s}", rest);
}

static void put_expression(struct dvc *d, const struct dvc_stage *s, struct buffer *out, const char *path) {
    size_t root = strcspn(path, ".[");
    if (s->axes && root == strlen("item") && strncmp(path, "item", root) == 0)
        put_item(s, out, path + root);
    else if (s->axes && strcmp(path, "key") == 0 && cJSON_HasObjectItem(s->axes, "item"))
        buffer_puts(out, "${matrix.item.label}");
    else
        put_variable(d, s, out, path);
}

const char *dvc_rewrite(struct dvc *d, const struct dvc_stage *s, const char *text) {
    struct buffer out = {0};
    while (*text) {
        const char *end = strncmp(text, "${", 2) == 0 ? strchr(text, '}') : NULL;
        if (strncmp(text, "\\${", 3) == 0) {
            buffer_puts(&out, "$${");
            text += 3;
        } else if (end) {
            const char *from = text + 2 + strspn(text + 2, " ");
            size_t length = (size_t)(end - from);
            while (length > 0 && from[length - 1] == ' ')
                length--;
            put_expression(d, s, &out, arena_strndup(d->arena, from, length));
            text = end + 1;
        } else
            buffer_putc(&out, *text++);
    }
    const char *result = arena_strdup(d->arena, buffer_text(&out));
    buffer_close(&out);
    return result;
}

/* ---- axes ---- */

/* A copy with all texts rewritten. */
static cJSON *rewritten(struct dvc *d, const struct dvc_stage *s, const cJSON *value) {
    if (cJSON_IsString(value))
        return cJSON_CreateString(dvc_rewrite(d, s, value->valuestring));
    if (!cJSON_IsObject(value) && !cJSON_IsArray(value))
        return cJSON_Duplicate(value, true);
    cJSON *copy = cJSON_IsObject(value) ? cJSON_CreateObject() : cJSON_CreateArray();
    const cJSON *member;
    cJSON_ArrayForEach(member, value) {
        cJSON *child = rewritten(d, s, member);
        if (cJSON_IsObject(value))
            cJSON_AddItemToObject(copy, member->string, child);
        else
            cJSON_AddItemToArray(copy, child);
    }
    return copy;
}

/* An object of an axis has a label: the key of a map, the index in a list. */
static cJSON *labelled(struct dvc *d, const struct dvc_stage *s, const cJSON *value, const char *label) {
    cJSON *object = cJSON_CreateObject();
    json_add_text(object, "label", label);
    const cJSON *member;
    if (!cJSON_IsObject(value))
        cJSON_AddItemToObject(object, "value", rewritten(d, s, value));
    else
        cJSON_ArrayForEach(member, value)
            if (strcmp(member->string, "label") != 0)
                cJSON_AddItemToObject(object, member->string, rewritten(d, s, member));
    return object;
}

static bool all_scalars(const cJSON *values) {
    const cJSON *value;
    cJSON_ArrayForEach(value, values)
        if (cJSON_IsObject(value) || cJSON_IsArray(value))
            return false;
    return true;
}

/* The path of a text that is one ${path}; NULL for any other value. */
static const char *whole_reference(struct dvc *d, const cJSON *value) {
    const char *text = cJSON_IsString(value) ? value->valuestring : "";
    size_t length = strlen(text);
    if (strncmp(text, "${", 2) != 0 || strchr(text, '}') != text + length - 1)
        return NULL;
    return arena_strndup(d->arena, text + 2, length - 3);
}

cJSON *dvc_axis(struct dvc *d, struct dvc_stage *s, const cJSON *values, const char *axis) {
    const char *path = whole_reference(d, values);
    if (path) {
        values = find(d->vars, path);
        if (cJSON_IsArray(values) && all_scalars(values)) {
            use_param(d, arena_strndup(d->arena, path, strcspn(path, ".[")));
            return cJSON_CreateString(arena_printf(d->arena, "${params.%s}", path));
        }
    }
    if (!cJSON_IsArray(values) && !cJSON_IsObject(values)) {
        dvc_note_left(d, "%s: the values of \"%s\" are no list or map; write them by hand", s->name, axis);
        return NULL;
    }
    if (path)
        dvc_note_left(d, "%s: its matrix holds the values that ${%s} has now; edit them there", s->name, path);
    s->maps = cJSON_IsObject(values) && all_scalars(values);
    cJSON *list = cJSON_CreateArray();
    size_t index = 0;
    const cJSON *value;
    cJSON_ArrayForEach(value, values) {
        const char *label = value->string ? value->string : arena_printf(d->arena, "%zu", index);
        cJSON_AddItemToArray(list, value->string || cJSON_IsObject(value) ? labelled(d, s, value, label)
                                                                          : rewritten(d, s, value));
        index++;
    }
    return list;
}
