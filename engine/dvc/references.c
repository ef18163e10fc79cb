/* Dependencies by path become outs of other stages, as DVC finds its order. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/dvc/internal.h"

const char *dvc_out_reference(struct dvc *d, const struct dvc_stage *s, const char *pins, const struct dvc_out *out) {
    struct buffer text = {0};
    buffer_printf(&text, "${stages.%s%s.outs[", s->name, pins);
    json_string(&text, out->path);
    buffer_puts(&text, "]}");
    const char *copy = arena_strdup(d->arena, buffer_text(&text));
    buffer_close(&text);
    return copy;
}

/* A path that holds no axis any more: that of one instance. */
struct instance {
    const char *path, *pins; /* "[item=a,seed=1]"; "" without axes */
};

static const char *value_text(struct dvc *d, const cJSON *value) {
    if (cJSON_IsObject(value))
        return json_text(value, "label", "");
    if (cJSON_IsString(value))
        return value->valuestring;
    char *json = json_canonical_text(value);
    const char *text = arena_strdup(d->arena, json);
    free(json);
    return text;
}

static const char *replace(struct dvc *d, const char *text, const char *what, const char *with) {
    struct buffer out = {0};
    for (const char *at; (at = strstr(text, what)); text = at + strlen(what)) {
        buffer_append(&out, text, (size_t)(at - text));
        buffer_puts(&out, with);
    }
    buffer_puts(&out, text);
    const char *copy = arena_strdup(d->arena, buffer_text(&out));
    buffer_close(&out);
    return copy;
}

static const char *with_value(struct dvc *d, const char *path, const char *axis, const cJSON *value) {
    const cJSON *member;
    path = replace(d, path, arena_printf(d->arena, "${matrix.%s}", axis), value_text(d, value));
    if (cJSON_IsObject(value))
        cJSON_ArrayForEach(member, value)
            path = replace(d, path, arena_printf(d->arena, "${matrix.%s.%s}", axis, member->string),
                           value_text(d, member));
    return path;
}

/* The values of an axis, also where a param holds them. */
static const cJSON *axis_values(const struct dvc *d, const cJSON *axis) {
    if (!cJSON_IsString(axis))
        return axis;
    const char *name = axis->valuestring + strlen("${params.");
    size_t length = strcspn(name, ".[}");
    return name[length] == '}' ? cJSON_GetObjectItemCaseSensitive(d->params, arena_strndup(d->arena, name, length))
                               : NULL;
}

typedef void (*visit_instance)(struct dvc *d, const struct instance *i, void *context);

/* Visits each combination of the axes from `axis` on. */
static void each_instance(struct dvc *d, const cJSON *axis, const struct instance *so_far, visit_instance visit,
                          void *context) {
    const cJSON *value;
    if (!axis) {
        visit(d, so_far, context);
        return;
    }
    cJSON_ArrayForEach(value, axis_values(d, axis)) {
        struct instance next = {with_value(d, so_far->path, axis->string, value),
                                arena_printf(d->arena, "%s%s%s=%s", so_far->pins, *so_far->pins ? "," : "",
                                             axis->string, value_text(d, value))};
        each_instance(d, axis->next, &next, visit, context);
    }
}

/* The search for the outs that one dependency means. */
struct search {
    const struct dvc_stage *reader, *writer;
    const struct dvc_out *out;
    const char *dep;
    cJSON *inputs;
};

static void add_reference(struct dvc *d, const struct search *s, const char *pins, const char *out_path) {
    const char *reference = dvc_out_reference(d, s->writer, pins, s->out);
    if (strlen(s->dep) <= strlen(out_path)) {
        cJSON_AddItemToArray(s->inputs, cJSON_CreateString(reference));
        return;
    }
    cJSON *part = cJSON_CreateObject();
    json_add_text(part, "from", reference);
    json_add_text(part, "part", s->dep + strlen(out_path) + 1);
    cJSON_AddItemToArray(s->inputs, part);
}

static void match_instance(struct dvc *d, const struct instance *i, void *context) {
    const struct search *s = context;
    if (path_below(s->dep, i->path) || path_below(i->path, s->dep))
        add_reference(d, s, *i->pins ? arena_printf(d->arena, "[%s]", i->pins) : "", i->path);
}

static bool same_axes(const struct dvc_stage *a, const struct dvc_stage *b) {
    const cJSON *axis;
    cJSON_ArrayForEach(axis, b->axes) {
        const cJSON *own = cJSON_GetObjectItemCaseSensitive(a->axes, axis->string);
        if (!own || !json_equal(own, axis))
            return false;
    }
    return true;
}

/* Paths as they are written are compared first: instances of equal axes match. */
static void match_out(struct dvc *d, struct search *s) {
    const char *path = s->out->path;
    bool holds_axis = strstr(path, "${matrix.") || strstr(s->dep, "${matrix.");
    if (!s->writer->axes || (holds_axis && same_axes(s->reader, s->writer))) {
        if (path_below(s->dep, path) || path_below(path, s->dep)) {
            add_reference(d, s, "", path);
            return;
        }
    }
    if (s->writer->axes && !strstr(s->dep, "${matrix."))
        each_instance(d, s->writer->axes->child, &(struct instance){path, ""}, match_instance, s);
}

void dvc_add_inputs(struct dvc *d, const struct dvc_stage *s, const char *dep, cJSON *inputs) {
    int before = cJSON_GetArraySize(inputs);
    for (size_t i = 0; i < d->stage_count; i++) {
        struct search search = {.reader = s, .writer = &d->stages[i], .dep = dep, .inputs = inputs};
        for (size_t k = 0; search.writer != s && k < search.writer->out_count; k++) {
            search.out = &search.writer->outs[k];
            match_out(d, &search);
        }
    }
    if (cJSON_GetArraySize(inputs) > before)
        return;
    if (!strstr(dep, "${") && !dvc_exists(d, dep))
        dvc_note_left(
            d, "%s: %s is not there%s", s->name, dep,
            dvc_exists(d, arena_printf(d->arena, "%s.dvc", dep)) ? "; \"dvc pull\" or \"dvc checkout\" brings it" : "");
    cJSON_AddItemToArray(inputs, cJSON_CreateString(dep));
}
