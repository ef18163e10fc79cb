/* Writes the stages as a pipeline. */
#include <ctype.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/dvc/internal.h"

#define LINE_LENGTH 100

/* Whether the shell would only split the line at its spaces, and begins with a program. References count as letters. */
static bool is_plain(const char *line) {
    for (const char *c = line; *c; c++) {
        if (strncmp(c, "${", 2) == 0 && strchr(c, '}'))
            c = strchr(c, '}');
        else if (!isalnum((unsigned char)*c) && !strchr(" _-./=:,+@%", *c))
            return false;
    }
    return strncmp(line, "cd ", 3) != 0 && line[strcspn(line, "= ")] != '=';
}

/* The list as text of one line, if it is short: a person will go on with the file. Takes the list over. */
static cJSON *in_one_line(cJSON *list) {
    struct buffer text = {0};
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        buffer_puts(&text, item == list->child ? "[" : ", ");
        json_canonical(&text, item);
    }
    buffer_puts(&text, list->child ? "]" : "[]");
    if (text.size <= LINE_LENGTH) {
        cJSON_Delete(list);
        list = cJSON_CreateRaw(buffer_text(&text));
    }
    buffer_close(&text);
    return list;
}

static cJSON *write_cmd(struct dvc *d, const char *line) {
    cJSON *cmd = cJSON_CreateArray();
    if (!is_plain(line)) {
        cJSON_AddItemToArray(cmd, cJSON_CreateString("sh"));
        cJSON_AddItemToArray(cmd, cJSON_CreateString("-c"));
        cJSON_AddItemToArray(cmd, cJSON_CreateString(line));
        return cmd;
    }
    for (size_t length; line += strspn(line, " "), *line; line += length) {
        length = strcspn(line, " ");
        cJSON_AddItemToArray(cmd, cJSON_CreateString(arena_strndup(d->arena, line, length)));
    }
    return cmd;
}

static cJSON *write_outs(const struct dvc_stage *s) {
    cJSON *outs = cJSON_CreateArray();
    for (size_t i = 0; i < s->out_count; i++) {
        cJSON *out = cJSON_CreateString(s->outs[i].path);
        if (s->outs[i].metrics || s->outs[i].folder) {
            cJSON_Delete(out);
            out = cJSON_CreateObject();
            json_add_text(out, "path", s->outs[i].path);
            json_add_text(out, "type", s->outs[i].folder ? "directory" : "metrics");
        }
        cJSON_AddItemToArray(outs, out);
    }
    return outs;
}

static const char *write_description(struct dvc *d, const struct dvc_stage *s) {
    const char *text = s->description ? s->description : "";
    for (size_t i = 0; i < s->added.count; i++)
        text = arena_printf(d->arena, "%s%s%s", text, i ? ", " : *text ? " (added: " : "(added: ", s->added.list[i]);
    return s->added.count ? arena_printf(d->arena, "%s)", text) : text;
}

static cJSON *write_axes(const struct dvc_stage *s) {
    cJSON *axes = cJSON_CreateObject();
    const cJSON *axis;
    cJSON_ArrayForEach(axis, s->axes) {
        cJSON *values = cJSON_Duplicate(axis, true);
        cJSON_AddItemToObject(axes, axis->string, cJSON_IsArray(values) ? in_one_line(values) : values);
    }
    return axes;
}

static cJSON *write_stage(struct dvc *d, const struct dvc_stage *s) {
    cJSON *stage = cJSON_CreateObject(), *inputs = cJSON_CreateArray();
    const char *description = write_description(d, s);
    if (*description)
        json_add_text(stage, "description", description);
    if (s->axes)
        cJSON_AddItemToObject(stage, "matrix", write_axes(s));
    cJSON_AddItemToObject(stage, "cmd", in_one_line(write_cmd(d, s->line)));
    for (size_t i = 0; i < s->deps.count; i++)
        dvc_add_inputs(d, s, s->deps.list[i], inputs);
    for (size_t i = 0; i < s->added.count; i++)
        dvc_add_inputs(d, s, s->added.list[i], inputs);
    if (inputs->child)
        cJSON_AddItemToObject(stage, "in", in_one_line(inputs));
    else
        cJSON_Delete(inputs);
    cJSON_AddItemToObject(stage, "outs", in_one_line(write_outs(s)));
    if (s->always)
        cJSON_AddFalseToObject(stage, "cache");
    return stage;
}

/* ---- results ---- */

static bool is_read(const struct dvc *d, const char *path) {
    for (size_t i = 0; i < d->stage_count; i++)
        for (size_t k = 0; k < d->stages[i].deps.count; k++)
            if (path_below(d->stages[i].deps.list[k], path) || path_below(path, d->stages[i].deps.list[k]))
                return true;
    return false;
}

static void trim_end(struct buffer *text, const char *signs) {
    while (text->size > 0 && strchr(signs, text->data[text->size - 1]))
        text->data[--text->size] = '\0';
}

/* "model.txt" for "out/${matrix.n}/model-${matrix.a}.txt": the last part of an out's path that is not of references
   alone, without them and the signs before them. */
static const char *plain_part(struct dvc *d, const char *path) {
    struct buffer plain = {0};
    for (const char *c = path; *c;) {
        const char *end = strncmp(c, "${", 2) == 0 ? strchr(c, '}') : NULL;
        if (end)
            trim_end(&plain, "-_.");
        if (!end)
            buffer_putc(&plain, *c);
        c = end ? end + 1 : c + 1;
    }
    trim_end(&plain, "/");
    const char *part = arena_strdup(d->arena, path_base(buffer_text(&plain)));
    buffer_close(&plain);
    return part;
}

/* Whether another out of the stage has the same. */
static bool is_shared(struct dvc *d, const struct dvc_stage *s, const struct dvc_out *out, const char *part) {
    bool shared = *part == '\0';
    for (size_t i = 0; i < s->out_count; i++)
        shared |= &s->outs[i] != out && strcmp(plain_part(d, s->outs[i].path), part) == 0;
    return shared;
}

/* The outs of a matrix stage become files of a folder. */
static const char *result_name(struct dvc *d, const struct dvc_stage *s, const struct dvc_out *out) {
    if (!s->axes)
        return out->path;
    if (s->out_count == 1)
        return arena_printf(d->arena, "%s/", s->name);
    const char *part = plain_part(d, out->path);
    if (is_shared(d, s, out, part))
        return arena_printf(d->arena, "%s/out-%zu/", s->name, (size_t)(out - s->outs) + 1);
    return arena_printf(d->arena, "%s/%s/", s->name, part);
}

static bool overlaps(const cJSON *results, const char *name) {
    const cJSON *result;
    size_t length = strlen(name) - (name[strlen(name) - 1] == '/');
    cJSON_ArrayForEach(result, results) {
        size_t other = strlen(result->string) - (result->string[strlen(result->string) - 1] == '/');
        size_t shared = other < length ? other : length;
        const char *longer = other < length ? name : result->string;
        if (strncmp(name, result->string, shared) == 0 && (other == length || longer[shared] == '/'))
            return true;
    }
    return false;
}

/* Metrics, plots, and outs that no stage reads. */
static cJSON *write_results(struct dvc *d) {
    cJSON *results = cJSON_CreateObject();
    for (size_t i = 0; i < d->stage_count; i++) {
        const struct dvc_stage *s = &d->stages[i];
        for (size_t k = 0; k < s->out_count; k++) {
            const struct dvc_out *out = &s->outs[k];
            const char *name = result_name(d, s, out);
            if ((out->shown || !is_read(d, out->path)) && !overlaps(results, name))
                json_add_text(results, name, dvc_out_reference(d, s, s->axes ? "[*]" : "", out));
        }
    }
    return results;
}

/* Params stay in their file if it is one. Else the values that it has now are copied. */
static cJSON *write_params(struct dvc *d) {
    cJSON *params = cJSON_CreateObject();
    const cJSON *used;
    if (d->vars_file && !d->own->child) {
        cJSON_Delete(params);
        return cJSON_CreateString(d->vars_file);
    }
    if (d->vars_file)
        json_add_text(params, "$file", d->vars_file);
    cJSON_ArrayForEach(used, d->params) {
        const cJSON *own = d->vars_file ? cJSON_GetObjectItemCaseSensitive(d->own, used->string) : used;
        if (own)
            json_add_copy(params, used->string, own);
    }
    return params;
}

cJSON *dvc_write(struct dvc *d) {
    cJSON *pipeline = cJSON_CreateObject(), *stages = cJSON_CreateObject(), *defaults = cJSON_CreateObject();
    cJSON_AddNumberToObject(pipeline, "retort", 1);
    json_add_text(pipeline, "name", d->name);
    for (size_t i = 0; i < d->stage_count; i++)
        cJSON_AddItemToObject(stages, d->stages[i].name, write_stage(d, &d->stages[i]));
    if (d->params->child)
        cJSON_AddItemToObject(pipeline, "params", write_params(d));
    json_add_text(defaults, "toolchain", "caller"); /* as DVC runs commands: with the programs of the user's shell */
    cJSON_AddItemToObject(pipeline, "defaults", defaults);
    cJSON_AddItemToObject(pipeline, "stages", stages);
    cJSON_AddItemToObject(pipeline, "results", write_results(d));
    return pipeline;
}
