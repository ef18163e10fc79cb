/* Reads dvc.yaml and the files of its variables. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "engine/base/data.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/dvc/internal.h"

#define FILE_BYTES ((size_t)64 << 20)
#define PARAMS_FILE "params.yaml"

static int read_data(cJSON **out, const char *path, struct error *err) {
    struct buffer text = {0};
    struct error fault = {0};
    int rc = file_read(&text, path, FILE_BYTES, err);
    if (rc == 0) {
        rc = data_parse(out, path, buffer_text(&text), text.size, &fault);
        if (rc)
            error_set(err, rc, "%s:%s", path, fault.message);
    }
    buffer_close(&text);
    return rc;
}

/* ---- variables ---- */

static void merge_into(cJSON **vars, const cJSON *more) {
    cJSON *merged = json_merge(*vars, more);
    cJSON_Delete(*vars);
    *vars = merged;
}

static bool is_data(const char *name) {
    const char *end = strrchr(name, '.');
    return data_is_yaml(name) || (end && strcmp(end, ".json") == 0);
}

/* "file.yaml" or "file.yaml:a,b". */
static int read_vars_file(struct dvc *d, const char *text, struct error *err) {
    const char *name = arena_strndup(d->arena, text, strcspn(text, ":"));
    if (!is_data(name)) {
        dvc_note_left(d, "vars: %s is no JSON or YAML; write its values into \"params\"", name);
        return 0;
    }
    char *path = path_join(d->root, name);
    cJSON *values = NULL;
    int rc = read_data(&values, path, err);
    if (rc == 0)
        merge_into(&d->vars, values);
    cJSON_Delete(values);
    free(path);
    d->vars_file = d->vars_file_count++ == 0 ? name : NULL;
    return rc;
}

static int read_vars(struct dvc *d, const cJSON *vars, struct error *err) {
    int rc = dvc_exists(d, PARAMS_FILE) ? read_vars_file(d, PARAMS_FILE, err) : 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, vars) {
        if (cJSON_IsObject(item)) {
            merge_into(&d->vars, item);
            merge_into(&d->own, item);
        } else if (rc == 0 && cJSON_IsString(item))
            rc = read_vars_file(d, item->valuestring, err);
    }
    return rc;
}

/* ---- stages ---- */

/* A name that a pipeline takes. `first` begins one of a text that begins with no letter. */
static const char *make_name(struct dvc *d, const char *first, const char *text) {
    char *name = arena_printf(d->arena, "%s%s", isalpha((unsigned char)*text) ? "" : first, text);
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_' && *c != '-')
            *c = '-';
    return name;
}

static const char *stage_name(struct dvc *d, const char *text) {
    const char *name = make_name(d, "s-", text);
    if (strcmp(name, text) != 0)
        dvc_note_left(d, "%s: the pipeline calls it %s: a name holds letters, digits, \"_\" and \"-\"", text, name);
    return name;
}

static const char *in_project(struct dvc *d, const struct dvc_stage *s, const char *text) {
    char *joined = path_join(s->folder, dvc_rewrite(d, s, text)), *normal = path_normal(joined);
    const char *path = arena_strdup(d->arena, normal);
    free(joined);
    free(normal);
    if (strstr(path, "://") || strchr(path, ':'))
        dvc_note_left(d, "%s: %s lies elsewhere; fetch it first and name the file", s->name, text);
    else if (*path == '/' || path_below(path, ".."))
        dvc_note_left(
            d, "%s: %s lies outside the folder of dvc.yaml; move it there, or write {\"path\": ..., \"as\": ...}",
            s->name, text);
    else
        return path;
    return NULL;
}

static void add_dep(struct dvc *d, struct dvc_stage *s, const char *text) {
    const char *path = in_project(d, s, text);
    if (path)
        paths_add_once(d, &s->deps, path);
}

/* A params file is an input as a whole: scripts often read more of it than dvc.yaml says. */
static void read_params(struct dvc *d, struct dvc_stage *s, const cJSON *params) {
    const cJSON *item, *file;
    cJSON_ArrayForEach(item, params) {
        if (cJSON_IsString(item))
            add_dep(d, s, PARAMS_FILE);
        cJSON_ArrayForEach(file, item)
            add_dep(d, s, file->string);
    }
}

/* One item of deps, outs, metrics or plots: a path, or {path: its options}. */
static const char *item_path(const cJSON *item, const cJSON **options) {
    *options = cJSON_IsObject(item) ? item->child : NULL;
    return *options ? (*options)->string : cJSON_IsString(item) ? item->valuestring : NULL;
}

static void add_out(struct dvc *d, struct dvc_stage *s, const char *path, bool metrics, bool shown) {
    arena_grow(d->arena, s->outs, &s->out_capacity, s->out_count + 1);
    s->outs[s->out_count++] = (struct dvc_out){.path = path, .metrics = metrics && is_data(path), .shown = shown};
}

static void read_outs(struct dvc *d, struct dvc_stage *s, const cJSON *list, bool metrics, bool shown) {
    const cJSON *item, *options;
    cJSON_ArrayForEach(item, list) {
        const char *text = item_path(item, &options), *path = text ? in_project(d, s, text) : NULL;
        if (!path)
            continue;
        if (json_bool(options, "persist", false))
            dvc_note_left(d, "%s: %s persists in DVC; here each attempt begins without it (see \"checkpoint\")",
                          s->name, text);
        if (metrics && !is_data(path))
            dvc_note_left(d, "%s: %s is no JSON or YAML, so it is a file and no metrics", s->name, text);
        add_out(d, s, path, metrics, shown);
    }
}

/* One word for the shell, whatever it holds. */
static void put_shell_word(struct buffer *line, const char *word) {
    if (!word[strcspn(word, " \t\n'\"\\`&;|()<>*?[]#~")]) {
        buffer_puts(line, word);
        return;
    }
    buffer_putc(line, '\'');
    for (; *word; word++)
        if (*word == '\'')
            buffer_puts(line, "'\\''");
        else
            buffer_putc(line, *word);
    buffer_putc(line, '\'');
}

/* A list of lines runs as one, up to the first that fails. */
static const char *read_line(struct dvc *d, const struct dvc_stage *s, const cJSON *cmd) {
    struct buffer line = {0};
    const cJSON *item;
    if (strcmp(s->folder, ".") != 0) {
        buffer_puts(&line, "cd ");
        put_shell_word(&line, s->folder);
        buffer_puts(&line, " && ");
    }
    if (cJSON_IsString(cmd))
        buffer_puts(&line, dvc_rewrite(d, s, cmd->valuestring));
    cJSON_ArrayForEach(item, cmd)
        if (cJSON_IsString(item))
            buffer_printf(&line, "%s%s", item == cmd->child ? "" : " && ", dvc_rewrite(d, s, item->valuestring));
    const char *text = arena_strdup(d->arena, buffer_text(&line));
    buffer_close(&line);
    return text;
}

static void read_axes(struct dvc *d, struct dvc_stage *s, const cJSON *node) {
    const cJSON *foreach = cJSON_GetObjectItemCaseSensitive(node, "foreach"), *axis;
    const cJSON *matrix = cJSON_GetObjectItemCaseSensitive(node, "matrix");
    if (!foreach && !matrix)
        return;
    cJSON *axes = cJSON_CreateObject();
    if (foreach)
        cJSON_AddItemToObject(axes, "item", dvc_axis(d, s, foreach, "foreach"));
    cJSON_ArrayForEach(axis, matrix)
        cJSON_AddItemToObject(axes, axis->string, dvc_axis(d, s, axis, axis->string));
    s->axes = axes;
}

static void read_body(struct dvc *d, struct dvc_stage *s, const cJSON *body) {
    const cJSON *item, *options;
    s->description = json_text(body, "desc", NULL);
    s->vars = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(body, "vars"), 0);
    s->folder = ".";
    const char *folder = in_project(d, s, json_text(body, "wdir", "."));
    s->folder = folder ? folder : ".";
    s->line = read_line(d, s, cJSON_GetObjectItemCaseSensitive(body, "cmd"));
    s->always = json_bool(body, "always_changed", false);
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(body, "deps")) {
        const char *path = item_path(item, &options);
        if (path)
            add_dep(d, s, path);
    }
    read_params(d, s, cJSON_GetObjectItemCaseSensitive(body, "params"));
    read_outs(d, s, cJSON_GetObjectItemCaseSensitive(body, "outs"), false, false);
    read_outs(d, s, cJSON_GetObjectItemCaseSensitive(body, "metrics"), true, true);
    read_outs(d, s, cJSON_GetObjectItemCaseSensitive(body, "plots"), false, true);
    if (json_bool(body, "frozen", false))
        dvc_note_left(d, "%s: it is frozen in DVC; a pipeline has no such word, and runs it when an input changes",
                      s->name);
    if (!*s->line)
        dvc_note_left(d, "%s: it has no \"cmd\"", s->name);
}

static void read_stage(struct dvc *d, struct dvc_stage *s, const cJSON *node) {
    s->name = stage_name(d, node->string);
    read_axes(d, s, node);
    const cJSON *body = cJSON_GetObjectItemCaseSensitive(node, "do");
    read_body(d, s, body ? body : node);
}

/* Metrics of the whole file: an out, or a file in an out. */
static void read_metrics(struct dvc *d, const cJSON *list) {
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
        for (size_t i = 0; cJSON_IsString(item) && i < d->stage_count; i++) {
            struct dvc_stage *s = &d->stages[i];
            for (size_t k = 0, count = s->out_count; k < count; k++) {
                if (strcmp(item->valuestring, s->outs[k].path) == 0)
                    s->outs[k].metrics = s->outs[k].shown = is_data(item->valuestring);
                else if (path_below(item->valuestring, s->outs[k].path)) {
                    s->outs[k].folder = true;
                    add_out(d, s, arena_strdup(d->arena, item->valuestring), true, true);
                }
            }
        }
}

static void note_copies(struct dvc *d) {
    if (d->vars_file_count > 1)
        dvc_note_left(
            d, "variables come from %zu files, so \"params\" holds the values that they have now; edit them there",
            d->vars_file_count);
}

static void note_rest(struct dvc *d, const cJSON *file) {
    static const char *const known[] = {"stages", "vars", "metrics",
                                        "params"}; /* the last two name files for display */
    const cJSON *member;
    cJSON_ArrayForEach(member, file) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            found |= strcmp(member->string, known[i]) == 0;
        if (!found)
            dvc_note_left(d, "\"%s\": a pipeline has no such part%s", member->string,
                          strcmp(member->string, "plots") == 0 ? "; the kind plot/lines draws CSV files" : "");
    }
}

static const char *project_name(struct dvc *d) {
    char *real = realpath(d->root, NULL);
    const char *name = make_name(d, "p-", real && *path_base(real) ? path_base(real) : "imported");
    free(real);
    return name;
}

int dvc_read(struct dvc *d, const char *path, struct error *err) {
    cJSON *file = NULL;
    int rc = read_data(&file, path, err);
    const cJSON *stages = cJSON_GetObjectItemCaseSensitive(file, "stages"), *node;
    if (rc == 0 && !cJSON_IsObject(stages))
        rc = error_set(err, ERR_INVALID, "%s: it has no \"stages\"", path);
    if (rc == 0)
        rc = read_vars(d, cJSON_GetObjectItemCaseSensitive(file, "vars"), err);
    if (rc == 0) {
        d->name = project_name(d);
        note_rest(d, file);
        note_copies(d);
        d->stages = arena_array(d->arena, (size_t)cJSON_GetArraySize(stages), sizeof *d->stages);
        cJSON_ArrayForEach(node, stages)
            read_stage(d, &d->stages[d->stage_count++], node);
        read_metrics(d, cJSON_GetObjectItemCaseSensitive(file, "metrics"));
    }
    arena_own(d->arena, file, (void (*)(void *))cJSON_Delete);
    return rc;
}
