/*
 * Files that the scripts of a stage use and dvc.yaml does not name: modules that Python imports, and texts that are paths
 * of the project. Scripts are read, never run. A stage gets only the files that it declares, and most projects read others
 * too.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "engine/base/file.h"
#include "engine/dvc/internal.h"

#define SCRIPT_BYTES ((size_t)1 << 20)
#define NAME_BYTES 512

struct scan {
    struct dvc *d;
    struct dvc_stage *stage;
    struct paths found; /* scripts read or to be read */
    const char *script; /* the one that is read now */
};

static bool ends_with(const char *path, const char *end) {
    size_t a = strlen(path), b = strlen(end);
    return a > b && strcmp(path + a - b, end) == 0;
}

static bool is_script(const char *path) {
    return ends_with(path, ".py") || ends_with(path, ".R") || ends_with(path, ".r") || ends_with(path, ".sh");
}

static bool is_file(const struct dvc *d, const char *path) {
    char *whole = path_join(d->root, path);
    bool file = file_exists(whole) && !file_is_directory(whole);
    free(whole);
    return file;
}

static bool is_declared(const struct scan *s, const char *path) {
    for (size_t i = 0; i < s->stage->deps.count; i++)
        if (path_below(path, s->stage->deps.list[i]))
            return true;
    for (size_t i = 0; i < s->stage->out_count; i++)
        if (path_below(path, s->stage->outs[i].path))
            return true;
    return false;
}

/* The stage of which the path is an out, or NULL. */
static const char *writer_of(const struct scan *s, const char *path) {
    for (size_t i = 0; i < s->d->stage_count; i++)
        for (size_t k = 0; k < s->d->stages[i].out_count; k++)
            if (path_below(path, s->d->stages[i].outs[k].path))
                return s->d->stages[i].name;
    return NULL;
}

/* A file of the project that the stage uses. Outs of other stages are told only: a module often names the paths of all
   stages. */
static void use_file(struct scan *s, const char *path, const char *how) {
    char *normal = path_normal(path);
    if (is_script(normal))
        paths_add_once(s->d, &s->found, normal);
    const char *writer = writer_of(s, normal);
    if (!is_declared(s, normal) && *normal != '/' && !path_below(normal, "..")) {
        if (writer)
            dvc_note_left(s->d, "%s: %s %s %s, an out of %s that it does not depend on; add it to \"in\" if it is read",
                          s->stage->name, s->script, how, normal, writer);
        else {
            size_t before = s->stage->added.count;
            paths_add_once(s->d, &s->stage->added, normal);
            if (s->stage->added.count > before)
                dvc_note_added(s->d, "%s: %s, which %s %s", s->stage->name, normal, s->script, how);
        }
    }
    free(normal);
}

/* ---- Python's imports ---- */

/* A module is a file, or a folder with __init__.py; those of the folders above it are read too. */
static bool use_module_in(struct scan *s, const char *folder, const char *module) {
    bool found = false;
    for (size_t length = strcspn(module, "."); *module; length += strcspn(module + length, ".")) {
        char *below = arena_strndup(s->d->arena, module, length);
        for (char *c = below; *c; c++)
            if (*c == '.')
                *c = '/';
        const char *path = arena_printf(s->d->arena, "%s/%s.py", folder, below);
        if (!is_file(s->d, path))
            path = arena_printf(s->d->arena, "%s/%s/__init__.py", folder, below);
        if (is_file(s->d, path)) {
            use_file(s, path, "imports");
            found = true;
        }
        if (module[length++] == '\0')
            break;
    }
    return found;
}

/* Python looks in the script's folder; projects add the root and src/. A leading dot is the script's own package. */
static bool use_module(struct scan *s, const char *module) {
    char *folder = path_directory(s->script);
    size_t dots = strspn(module, ".");
    char base[NAME_BYTES];
    size_t used = (size_t)snprintf(base, sizeof base, "%s", folder);
    free(folder);
    for (size_t i = 1; i < dots && used + 3 < sizeof base; i++)
        used += (size_t)snprintf(base + used, sizeof base - used, "/..");
    if (used >= sizeof base)
        return false;
    if (dots)
        return use_module_in(s, base, module + dots);
    return use_module_in(s, base, module) || use_module_in(s, ".", module) || use_module_in(s, "src", module);
}

static size_t word_length(const char *text) {
    size_t length = 0;
    while (isalnum((unsigned char)text[length]) || (text[length] && strchr("_.", text[length])))
        length++;
    return length;
}

static const char *skip_blanks(const char *text) {
    return text + strspn(text, " \t");
}

/* "import a.b as c, d" and "from .a import b, c": each name behind the second `import` may be a module too. */
static void read_import(struct scan *s, const char *line) {
    bool from = strncmp(line, "from ", 5) == 0;
    char parent[NAME_BYTES] = "", module[NAME_BYTES * 2];
    if (from) {
        line = skip_blanks(line + 5);
        size_t length = word_length(line);
        snprintf(parent, sizeof parent, "%.*s", (int)length, line);
        use_module(s, parent);
        line = skip_blanks(line + length);
    }
    if (strncmp(line, "import", 6) != 0)
        return;
    line += 6;
    while (*(line += strspn(line, " \t,(\\"))) {
        size_t length = word_length(line);
        if (length == 0)
            return;
        const char *dot = from && parent[strspn(parent, ".")] ? "." : "";
        snprintf(module, sizeof module, "%s%s%.*s", parent, dot, (int)length, line);
        use_module(s, module);
        line = skip_blanks(line + length);
        if (strncmp(line, "as ", 3) == 0) {
            line = skip_blanks(line + 3);
            line += word_length(line);
        }
    }
}

/* ---- texts ---- */

static bool is_folder_of_outs(const struct scan *s, const char *path) {
    for (size_t i = 0; i < s->d->stage_count; i++)
        for (size_t k = 0; k < s->d->stages[i].out_count; k++)
            if (path_below(s->d->stages[i].outs[k].path, path))
                return true;
    return false;
}

/* A text counts if it names an out or a file. A folder's path must hold a "/": a word alone is often no path. */
static void read_text(struct scan *s, const char *text, size_t length, const char *how) {
    char name[NAME_BYTES], path[NAME_BYTES * 2];
    if (length < 2 || length >= sizeof name || *text == '/')
        return;
    snprintf(name, sizeof name, "%.*s", (int)length, text);
    snprintf(path, sizeof path, "%s/%s", s->stage->folder, name);
    char *normal = path_normal(path);
    bool folder = strchr(name, '/') && !is_file(s->d, normal) && dvc_exists(s->d, normal) && strcmp(normal, ".") != 0 &&
                  !path_below(normal, "..") && !is_folder_of_outs(s, normal);
    if (is_file(s->d, normal) || folder || writer_of(s, normal))
        use_file(s, normal, how);
    free(normal);
}

static void read_texts(struct scan *s, const char *line) {
    for (const char *c = line; *c && *c != '#'; c++) {
        if (*c != '"' && *c != '\'')
            continue;
        const char *end = strchr(c + 1, *c);
        if (!end)
            return;
        read_text(s, c + 1, (size_t)(end - c - 1), "names");
        c = end;
    }
}

static void read_script(struct scan *s) {
    struct buffer text = {0};
    char *path = path_join(s->d->root, s->script), *rest = NULL;
    bool python = ends_with(s->script, ".py");
    if (file_read(&text, path, SCRIPT_BYTES, NULL) == 0 && text.size)
        for (char *line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
            const char *code = skip_blanks(line);
            if (python && (strncmp(code, "import ", 7) == 0 || strncmp(code, "from ", 5) == 0))
                read_import(s, code);
            else
                read_texts(s, code);
        }
    free(path);
    buffer_close(&text);
}

/* The words of the command: the script, and files that it is given. */
static void read_words(struct scan *s) {
    static const char *const between = " \t\n\"'=;&|()<>";
    s->script = "the command";
    for (const char *word = s->stage->line; *(word += strspn(word, between)); word += strcspn(word, between))
        read_text(s, word, strcspn(word, between), "names");
}

void dvc_scan(struct dvc *d) {
    for (size_t i = 0; i < d->stage_count; i++) {
        struct scan s = {.d = d, .stage = &d->stages[i]};
        read_words(&s);
        for (size_t k = 0; k < s.stage->deps.count; k++)
            if (is_script(s.stage->deps.list[k]) && is_file(d, s.stage->deps.list[k]))
                paths_add_once(d, &s.found, s.stage->deps.list[k]);
        for (size_t k = 0; k < s.found.count; k++) {
            s.script = s.found.list[k];
            read_script(&s);
        }
    }
}
