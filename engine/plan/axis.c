#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/plan/internal.h"

const cJSON *axis_label(const cJSON *json) {
    const cJSON *label = cJSON_IsObject(json) ? cJSON_GetObjectItemCaseSensitive(json, "label") : NULL;
    return label ? label : json;
}

/* Letters that mean nothing in an instance's name, and not what JSON would read as something else. */
static bool is_bare(const char *text) {
    if (!*text)
        return false;
    for (const char *c = text; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("_-./:+", *c)))
            return false;
    struct json_document *doc = NULL;
    bool json = json_parse(&doc, text, strlen(text), NULL, NULL) == 0;
    json_free(doc);
    return !json;
}

void axis_put_name(struct buffer *out, const cJSON *json) {
    const cJSON *label = axis_label(json);
    if (cJSON_IsString(label) && is_bare(label->valuestring))
        buffer_puts(out, label->valuestring);
    else
        json_canonical(out, label);
}

static const struct axis_value *known_identity(const struct plan *p, const cJSON *json, struct buffer *text) {
    json_canonical(text, axis_label(json));
    return bytemap_get(&p->values, buffer_text(text), text->size);
}

uint32_t axis_identity(const struct plan *p, const cJSON *json) {
    struct buffer text = {0};
    const struct axis_value *known = known_identity(p, json, &text);
    buffer_close(&text);
    return known ? known->id : 0;
}

const struct axis_value *axis_value_literal(struct plan *p, const cJSON *json, const struct pipeline *beside) {
    struct buffer text = {0}, name = {0};
    struct axis_value *v = arena_alloc(p->arena, sizeof *v);
    const struct axis_value *known = known_identity(p, json, &text);
    axis_put_name(&name, json);
    *v = (struct axis_value){.json = json, .beside = beside, .name = arena_strdup(p->arena, buffer_text(&name))};
    v->label = known ? known->label : arena_strndup(p->arena, buffer_text(&text), text.size);
    v->id = known ? known->id : ++p->value_count;
    if (!known)
        bytemap_put(&p->values, v->label, text.size, v);
    buffer_close(&text);
    buffer_close(&name);
    return v;
}

const struct axis_value **view_axis_values(const struct view *v, size_t axis, size_t *count) {
    const struct axis_value **values = mem_array(v->row_count + 1, sizeof *values);
    uint32_t last = 0;
    struct bytemap seen = {0};
    *count = 0;
    for (size_t row = 0; row < v->row_count; row++) {
        const struct axis_value *value = v->cells[row * v->axis_count + axis];
        if (value->id == last || bytemap_get(&seen, &value->id, sizeof value->id))
            continue;
        last = value->id;
        values[(*count)++] = value;
        bytemap_put(&seen, &value->id, sizeof value->id, values);
    }
    bytemap_close(&seen);
    return values;
}
