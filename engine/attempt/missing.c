#include "engine/attempt/missing.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/attempt/attempt.h"
#include "engine/attempt/confine.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"

enum { MOST = 3, PATH_LIMIT = 4096 };

/* Sentences that programs write about a file that is not there: then any word may be its name. */
static const char *const absent[] = {"No such file", "no such file",   "not found",       "can't open",   "cannot open",
                                     "cannot find",  "does not exist", "No module named", "couldn't open"};

/* Sentences about a file that cannot be changed. */
static const char *const refused[] = {"Read-only file system", "Device or resource busy"};

/* Sentences about a file that cannot be written. */
static const char *const written[] = {"annot create", "an't create",          "annot touch", "annot remove",
                                      "annot write",  "or writing",           "annot make",  "annot copy",
                                      "annot move",   "Read-only file system"};

struct search {
    struct attempt *a;
    const char *directory; /* of the pipeline file; NULL: it came from elsewhere, and no project is searched */
    char *root;            /* of its project */
    struct buffer *out;
    char *told[MOST];
    size_t count;
};

/* The input that the file is or lies in; NULL: none. */
static const struct action_item *find_item(const struct action *action, const char *path, size_t *input,
                                           size_t *index) {
    for (*input = 0; *input < action->input_count; ++*input)
        for (*index = 0; *index < action->inputs[*input].count; ++*index)
            if (action->inputs[*input].items[*index].path &&
                path_below(path, action->inputs[*input].items[*index].path))
                return &action->inputs[*input].items[*index];
    return NULL;
}

static bool is_out(const struct action *action, const char *name) {
    for (size_t i = 0; i < action->out_count; i++)
        if (path_below(name, action->outs[i].path) || path_below(action->outs[i].path, name))
            return true;
    return false;
}

/* The file that a name means beside the pipeline file. The caller frees. */
static char *project_path(const struct search *s, const char *name) {
    char *joined = path_join(s->directory, name), *path = path_normal(joined);
    free(joined);
    return path;
}

static void tell(struct search *s, const char *name) {
    const struct action *action = s->a->instance->action;
    size_t input, index;
    char *path = project_path(s, name);
    const struct action_item *item = find_item(action, path, &input, &index);
    struct buffer place = {0};
    size_t before = s->out->size;
    if (item)
        inputs_item_path(s->a, &action->inputs[input], index, &place);
    if (!item)
        buffer_printf(s->out, "; %s exists and is no input of this stage; add it to \"in\"", name);
    else if (!path_below(name, buffer_text(&place)))
        buffer_printf(s->out, "; %s is an input of this stage, but stands at %s; give it its place with \"as\"", name,
                      buffer_text(&place));
    if (s->out->size > before)
        s->told[s->count++] = mem_strdup(name);
    buffer_close(&place);
    free(path);
}

static bool is_told(const struct search *s, const char *name) {
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->told[i], name) == 0)
            return true;
    return false;
}

/* Tells of a name that the project has and that this stage does not write. */
static bool check_name(struct search *s, const char *name) {
    char *path = project_path(s, name);
    bool inside = *name && *name != '/' && (strncmp(name, "..", 2) != 0 || path_below(path, s->root));
    bool there = inside && !path_below(path, store_directory(s->a->all->options.store)) && file_exists(path);
    free(path);
    if (there && s->count < MOST && !is_told(s, name) && !is_out(s->a->instance->action, name))
        tell(s, name);
    return there;
}

/* A module of Python: its file or folder, at the top or in src/. */
static void search_module(struct search *s, const char *module) {
    static const char *const folders[] = {"", "src/"}, *const ends[] = {".py", ""};
    char *below = mem_strdup(module);
    bool there = false;
    for (char *dot = below; (dot = strchr(dot, '.'));)
        *dot = '/';
    for (size_t i = 0; i < 4 && !there; i++) {
        char *name = mem_printf("%s%s%s", folders[i / 2], below, ends[i % 2]);
        there = check_name(s, name);
        free(name);
    }
    free(below);
}

/* A path that leads up begins beside the pipeline file, or in a folder of the stage. */
static void check_path(struct search *s, const char *name) {
    bool there = check_name(s, name);
    while (!there && strncmp(name, "../", 3) == 0)
        there = check_name(s, name += 3);
}

/* Tells of an input that the command tried to change. */
static void check_refused(struct search *s, const char *name) {
    const struct action *action = s->a->instance->action;
    for (size_t i = 0; i < action->input_count; i++)
        for (size_t k = 0; k < action->inputs[i].count && s->count < MOST && !is_told(s, name); k++) {
            struct buffer place = {0};
            inputs_item_path(s->a, &action->inputs[i], k, &place);
            if (path_below(name, buffer_text(&place))) {
                buffer_printf(s->out,
                              "; %s is an input of this stage, and a stage cannot change one; let it write to a copy",
                              name);
                s->told[s->count++] = mem_strdup(name);
            }
            buffer_close(&place);
        }
}

static bool has_any(const char *line, const char *const *sentences, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strstr(line, sentences[i]))
            return true;
    return false;
}

/* The kind of a line. */
struct said {
    bool absent, refused, module, written;
};

static bool has_folder(const char *path) {
    char *folder = path_directory(path);
    bool has = strcmp(folder, "/") != 0 && file_is_directory(folder);
    free(folder);
    return has;
}

/* Tells of a file of this machine that the sandbox does not show. */
static void check_confined(struct search *s, const char *path, const struct said *said) {
    bool there = file_exists(path), program = there && access(path, X_OK) == 0 && !file_is_directory(path);
    if (is_told(s, path) || confine_shows(s->a, path) || (!there && !(said->written && has_folder(path))))
        return;
    if (said->written)
        buffer_printf(s->out, "; the sandbox keeps the stage from writing %s: it writes in its own directory alone",
                      path);
    else
        buffer_printf(
            s->out,
            "; the sandbox keeps the stage from %s %s; add it to \"in\", or its folder to \"read\" of \"sandbox\"",
            program ? "executing" : "reading", path);
    s->told[s->count++] = mem_strdup(path);
}

/* Tells of a path of the project. */
static void check_named(struct search *s, const char *path, const struct said *said) {
    if (said->module)
        search_module(s, path);
    else if (said->refused)
        check_refused(s, path);
    else if (strcmp(path, ".") != 0 && (said->absent || strpbrk(path, "./")))
        check_path(s, path);
}

static void search_word(struct search *s, const char *word, size_t length, const struct said *said) {
    char text[PATH_LIMIT];
    if (length == 0 || length >= sizeof text)
        return;
    memcpy(text, word, length);
    text[length] = '\0';
    const char *name = path_below(text, s->a->directory->stage);
    if (!name && s->directory)
        name = path_below(text, s->directory);
    if (!name)
        name = text;
    char *normal = path_normal(*name ? name : ".");
    if (s->a->sandboxed && *normal == '/')
        check_confined(s, normal, said);
    else if (s->directory)
        check_named(s, normal, said);
    free(normal);
}

/* All up to the same quote: there may be blanks in a path. */
static void search_quoted(struct search *s, const char *quote, const struct said *said) {
    const char *end = strchr("\"'`", *quote) ? strchr(quote + 1, *quote) : NULL;
    if (end)
        search_word(s, quote + 1, (size_t)(end - quote - 1), said);
}

/* A word ends at a blank, a quote or a bracket; signs at its end belong to the sentence. */
static void search_line(struct search *s, const char *line, size_t length) {
    static const char no_module[] = "No module named";
    char *text = mem_strndup(line, length);
    const char *module = strstr(text, no_module), *at = module ? module + strlen(no_module) : text;
    const struct said said = {.absent = has_any(text, absent, sizeof absent / sizeof *absent),
                              .refused = has_any(text, refused, sizeof refused / sizeof *refused),
                              .written = has_any(text, written, sizeof written / sizeof *written),
                              .module = module};
    while (*at && s->count < MOST) {
        size_t word = strcspn(at, " \t\"'`<>()[]{}|=,;\r");
        size_t kept = word;
        while (kept > 0 && strchr(".:!?", at[kept - 1]))
            kept--;
        search_word(s, at, kept, &said);
        at += word;
        if (*at)
            search_quoted(s, at++, &said);
    }
    free(text);
}

void missing_explain(struct buffer *out, struct attempt *a, const char *text) {
    struct search s = {.a = a, .directory = a->instance->decl->scope->directory, .out = out};
    if (!s.directory && !a->sandboxed)
        return;
    s.root = s.directory ? path_repository(s.directory) : NULL;
    for (const char *line = text; *line && s.count < MOST;) {
        size_t length = strcspn(line, "\n");
        search_line(&s, line, length);
        line += length + (line[length] != '\0');
    }
    for (size_t i = 0; i < s.count; i++)
        free(s.told[i]);
    free(s.root);
}
