/* The files that {"glob": "raw/{sample}_R1.fastq.gz"} finds below the folder of the pipeline file. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/memory.h"
#include "engine/base/printable.h"
#include "engine/pipeline/axes.h"

enum { MAX_PATTERN = 1000, MAX_CAPTURES = 16, MAX_NAME = 255, MAX_VISITED = 1000000 };

enum token_type { TOKEN_BYTE, TOKEN_ANY, TOKEN_CAPTURE }; /* "x", "*", "{name}" */

struct token {
    enum token_type type;
    char byte;
    uint8_t capture;
};

struct capture {
    const char *name;
    char *text; /* in the current path */
};

struct found {
    char *path;
    cJSON *value;
};

struct glob {
    struct part *part;
    const cJSON *spec;
    struct token tokens[MAX_PATTERN];
    size_t token_count;
    struct capture captures[MAX_CAPTURES];
    size_t capture_count;
    size_t visited; /* names read */
    struct found *found;
    size_t found_count, found_capacity;
};

/* ---- the pattern ---- */

static bool add_capture(struct glob *g, const char *begin, const char *end) {
    static const char *const own[] = {"path", "name", "stem", "label"};
    const char *name = end ? arena_strndup(g->part->reader->arena, begin, (size_t)(end - begin)) : "";
    bool taken = false;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        taken |= strcmp(own[i], name) == 0;
    for (size_t i = 0; i < g->capture_count; i++)
        taken |= strcmp(g->captures[i].name, name) == 0;
    if (!name_is_valid(name))
        report_value(g->part, g->spec, "\"glob\" holds \"{\" without a name; write {sample}: " NAME_ALLOWED);
    else if (taken)
        report_value(g->part, g->spec, "\"glob\" cannot name a capture \"%s\": that member is taken; choose another",
                     name);
    else if (g->capture_count == MAX_CAPTURES)
        report_value(g->part, g->spec, "\"glob\" has at most %d captures; write \"*\" for others", MAX_CAPTURES);
    else {
        g->captures[g->capture_count++].name = name;
        return true;
    }
    return false;
}

/* Adds the token at `*at`, and moves behind it. */
static bool add_token(struct glob *g, const char **at) {
    const char *c = *at;
    struct token *token = &g->tokens[g->token_count++];
    *token = (struct token){TOKEN_BYTE, *c, 0};
    *at = c + 1;
    if (*c == '{') {
        const char *end = strchr(c, '}');
        *token = (struct token){TOKEN_CAPTURE, 0, (uint8_t)g->capture_count};
        *at = end ? end + 1 : c + 1;
        return add_capture(g, c + 1, end);
    }
    if (*c == '*')
        token->type = TOKEN_ANY;
    if (strncmp(c, "**", 2) == 0)
        report_value(g->part, g->spec, "\"glob\" holds \"**\"; write each folder as \"*\", as in \"raw/*/*.csv\"");
    else if (strchr("?[]}", *c))
        report_value(g->part, g->spec, "\"glob\" holds \"%c\"; write \"*\" or {name} for the part that differs", *c);
    else
        return true;
    return false;
}

static bool parse_pattern(struct glob *g, const char *text) {
    const char *fault = path_fault(text);
    if (!fault && text[strlen(text) - 1] == '/')
        fault = "ends in \"/\": leave it out";
    if (!fault && strlen(text) > MAX_PATTERN)
        fault = "is too long: 1000 bytes are allowed";
    if (fault)
        report_value(g->part, g->spec, "\"glob\" %s", fault);
    bool good = !fault;
    while (good && *text)
        good = add_token(g, &text);
    return good;
}

/* ---- matching one name ---- */

struct matcher {
    struct glob *glob;
    const char *name;
    size_t begin, end; /* tokens */
    bool *failed;      /* by token and place in the name: known to fail, so that no name takes exponential time */
};

static bool match(struct matcher *m, size_t index, size_t at);

/* A wildcard takes as much as it can, and whole characters. */
static bool match_wildcard(struct matcher *m, size_t index, size_t at) {
    const struct token *token = &m->glob->tokens[index];
    size_t least = at + (token->type == TOKEN_CAPTURE);
    for (size_t end = strlen(m->name) + 1; end-- > least;) {
        if ((m->name[end] & 0xC0) == 0x80 || !match(m, index + 1, end))
            continue;
        if (token->type == TOKEN_CAPTURE) {
            char **text = &m->glob->captures[token->capture].text;
            free(*text);
            *text = mem_strndup(m->name + at, end - at);
        }
        return true;
    }
    return false;
}

static bool match(struct matcher *m, size_t index, size_t at) {
    if (index == m->end)
        return !m->name[at];
    bool *failed = &m->failed[(index - m->begin) * (MAX_NAME + 1) + at];
    if (*failed)
        return false;
    const struct token *token = &m->glob->tokens[index];
    bool good = token->type == TOKEN_BYTE ? m->name[at] == token->byte && match(m, index + 1, at + 1)
                                          : match_wildcard(m, index, at);
    *failed = !good;
    return good;
}

static bool name_matches(struct glob *g, size_t begin, size_t end, const char *name) {
    if (name[0] == '.' || folder_skips_name(name) || strlen(name) > MAX_NAME)
        return false;
    struct matcher m = {g, name, begin, end, mem_array((end - begin) * (MAX_NAME + 1), sizeof(bool))};
    bool good = match(&m, begin, 0);
    free(m.failed);
    return good;
}

/* ---- the files ---- */

/* The captures, with "/" between them, which none of them holds; without captures the path. */
static void put_label(struct buffer *out, const struct glob *g, const char *path) {
    for (size_t i = 0; i < g->capture_count; i++)
        buffer_printf(out, "%s%s", i ? "/" : "", g->captures[i].text);
    if (g->capture_count == 0)
        buffer_puts(out, path);
}

static cJSON *value_of(const struct glob *g, const char *label, const char *path) {
    const char *name = path_base(path);
    const char *dot = strrchr(name, '.');
    char *stem = mem_strndup(name, dot && dot > name ? (size_t)(dot - name) : strlen(name));
    cJSON *value = cJSON_CreateObject();
    json_add_text(value, "label", label);
    json_add_text(value, "path", path);
    json_add_text(value, "name", name);
    json_add_text(value, "stem", stem);
    for (size_t i = 0; i < g->capture_count; i++)
        json_add_text(value, g->captures[i].name, g->captures[i].text);
    free(stem);
    return value;
}

/* Whether JSON and a path of the pipeline can hold this one; reports one that they cannot. */
static bool check_path(const struct glob *g, const char *path) {
    struct buffer shown = {0};
    printable_append_line(&shown, path);
    bool good = strcmp(buffer_text(&shown), path) == 0 && !path_fault(path);
    if (!good)
        report_value(g->part, g->spec,
                     "\"glob\" finds %s; rename it to UTF-8 without control characters and backslashes",
                     buffer_text(&shown));
    buffer_close(&shown);
    return good;
}

static bool add_path(struct glob *g, const char *path) {
    if (!check_path(g, path))
        return false;
    if (g->found_count == MAX_AXIS_VALUES) {
        report_value(g->part, g->spec, "\"glob\" finds more than %d files", MAX_AXIS_VALUES);
        return false;
    }
    struct buffer label = {0};
    put_label(&label, g, path);
    mem_grow(g->found, &g->found_capacity, g->found_count + 1);
    g->found[g->found_count++] = (struct found){mem_strdup(path), value_of(g, buffer_text(&label), path)};
    buffer_close(&label);
    return true;
}

static bool walk(struct glob *g, const char *folder, size_t begin);

/* Goes on at a path whose last name matched the tokens before `end`. */
static bool enter(struct glob *g, const char *path, size_t end) {
    struct error err = {0};
    enum origin_type type;
    if (part_file_find(&type, g->part, path, &err) < 0) {
        report_value(g->part, g->spec, "\"glob\": %s", err.message);
        return false;
    }
    if (end == g->token_count)
        return type == ORIGIN_NONE || add_path(g, path);
    return type != ORIGIN_FOLDER || walk(g, path, end + 1);
}

static bool enter_name(struct glob *g, const char *folder, const char *name, size_t end) {
    char *path = path_join(folder, name);
    bool good = enter(g, path, end);
    free(path);
    return good;
}

/* A folder whose names are matched. */
struct names {
    struct glob *glob;
    const char *folder;
    size_t begin, end; /* tokens */
};

enum { REPORTED = 1 };

static int meet_name(void *context, const char *name, struct error *err) {
    const struct names *n = context;
    struct glob *g = n->glob;
    (void)err;
    if (++g->visited > MAX_VISITED)
        report_value(g->part, g->spec, "\"glob\" reads more than %d names; name its folders", MAX_VISITED);
    else if (!name_matches(g, n->begin, n->end, name) || enter_name(g, n->folder, name, n->end))
        return 0;
    return REPORTED;
}

/* Goes on with each name of a folder that the tokens match. */
static bool walk_names(struct glob *g, const char *path, size_t begin, size_t end) {
    struct error err = {0};
    int rc = part_file_list(g->part, path, meet_name, &(struct names){g, path, begin, end}, &err);
    if (rc < 0)
        report_value(g->part, g->spec, "\"glob\": %s", err.message);
    return rc == 0;
}

/* Goes on in a folder ("": that of the pipeline) with the tokens up to the next "/". False after a reported fault. */
static bool walk(struct glob *g, const char *folder, size_t begin) {
    char name[MAX_PATTERN + 1];
    size_t end = begin;
    bool plain = true;
    for (; end < g->token_count && (g->tokens[end].type != TOKEN_BYTE || g->tokens[end].byte != '/'); end++) {
        plain &= g->tokens[end].type == TOKEN_BYTE;
        name[end - begin] = g->tokens[end].byte;
    }
    name[end - begin] = '\0';
    return plain ? enter_name(g, folder, name, end) : walk_names(g, folder, begin, end);
}

static int compare_found(const void *a, const void *b) {
    return strcmp(((const struct found *)a)->path, ((const struct found *)b)->path);
}

/* Moves the values to `list`. False: two have one label, which is reported. */
static bool take_values(struct glob *g, cJSON *list) {
    struct bytemap paths = {0}; /* label -> path */
    bool good = true;
    qsort(g->found, g->found_count, sizeof *g->found, compare_found);
    for (size_t i = 0; i < g->found_count && good; i++) {
        const char *label = json_text(g->found[i].value, "label", "");
        const char *other = bytemap_get(&paths, label, strlen(label));
        good = !other;
        if (other)
            report_value(
                g->part, g->spec,
                "\"glob\" finds %s and %s, which differ in no capture; write {name} for each part that differs", other,
                g->found[i].path);
        else
            bytemap_put(&paths, label, strlen(label), g->found[i].path);
        cJSON_AddItemToArray(list, g->found[i].value);
        g->found[i].value = NULL;
    }
    bytemap_close(&paths);
    return good;
}

static void close_glob(struct glob *g) {
    for (size_t i = 0; i < g->found_count; i++) {
        free(g->found[i].path);
        cJSON_Delete(g->found[i].value);
    }
    for (size_t i = 0; i < g->capture_count; i++)
        free(g->captures[i].text);
    free(g->found);
}

cJSON *axis_glob(struct part *part, const cJSON *axis) {
    const cJSON *spec = cJSON_GetObjectItemCaseSensitive(axis, "glob");
    const cJSON *pattern = compile_constant(part, spec);
    if (!pattern)
        return NULL;
    if (!cJSON_IsString(pattern)) {
        report_value(part, spec, "\"glob\" is a path with \"*\" or {name}; found %s", describe(part->reader, pattern));
        return NULL;
    }
    struct glob g = {.part = part, .spec = spec};
    bool good = parse_pattern(&g, pattern->valuestring) && walk(&g, "", 0);
    if (good && g.found_count == 0)
        report_value(part, spec, "\"glob\" finds nothing: no file below the folder of %s matches \"%s\"", part->file,
                     pattern->valuestring);
    cJSON *list = cJSON_CreateArray();
    if (!good || g.found_count == 0 || !take_values(&g, list)) {
        cJSON_Delete(list);
        list = NULL;
    }
    close_glob(&g);
    return list;
}
