#include "engine/attempt/missing.h"

#include <stdlib.h>
#include <string.h>

#include "engine/attempt/attempt.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"

enum { MOST = 3, PATH_LIMIT = 4096 };

/* Sentences that programs write about a file that is not there: then any word may be its name. */
static const char *const absent[] = {"No such file", "no such file",   "not found",       "can't open",   "cannot open",
                                     "cannot find",  "does not exist", "No module named", "couldn't open"};

struct search {
    struct attempt *a;
    const char *directory; /* of the project */
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

/* `name`: below the project. */
static void tell(struct search *s, const char *name) {
    const struct action *action = s->a->instance->action;
    size_t input, index;
    char *path = path_join(s->directory, name);
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
    char *path = path_join(s->directory, name);
    bool there = *name && *name != '/' && strncmp(name, "..", 2) != 0 &&
                 !path_below(path, store_directory(s->a->all->options.store)) && file_exists(path);
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

static void search_word(struct search *s, const char *word, size_t length, bool any, bool module) {
    char text[PATH_LIMIT];
    if (length == 0 || length >= sizeof text)
        return;
    memcpy(text, word, length);
    text[length] = '\0';
    const char *name = path_below(text, s->a->directory->stage);
    if (!name)
        name = path_below(text, s->directory);
    if (!name)
        name = text;
    char *normal = path_normal(*name ? name : ".");
    if (module)
        search_module(s, normal);
    else if (strcmp(normal, ".") != 0 && (any || strpbrk(normal, "./")))
        check_name(s, normal);
    free(normal);
}

/* A word ends at a blank, a quote or a bracket; signs at its end belong to the sentence. */
static void search_line(struct search *s, const char *line, size_t length) {
    char *text = mem_strndup(line, length);
    bool any = false, module = strstr(text, "No module named") != NULL;
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        any |= strstr(text, absent[i]) != NULL;
    const char *at = module ? strstr(text, "No module named") + strlen("No module named") : text;
    while (*at && s->count < MOST) {
        size_t word = strcspn(at, " \t\"'`<>()[]{}|=,;\r");
        size_t kept = word;
        while (kept > 0 && strchr(".:!?", at[kept - 1]))
            kept--;
        search_word(s, at, kept, any, module);
        at += word + (at[word] != '\0');
    }
    free(text);
}

void missing_explain(struct buffer *out, struct attempt *a, const char *text) {
    struct search s = {.a = a, .directory = a->instance->decl->scope->directory, .out = out};
    for (const char *line = text; *line && s.count < MOST;) {
        size_t length = strcspn(line, "\n");
        search_line(&s, line, length);
        line += length + (line[length] != '\0');
    }
    for (size_t i = 0; i < s.count; i++)
        free(s.told[i]);
}
