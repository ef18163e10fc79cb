/* The places that .pth files and editable installs add to the module search path. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/environment/python.h"

enum { FILE_LIMIT = 1 << 20 };

static void add_path(struct python *p, const char *module, const char *path) {
    for (size_t i = 0; i < p->path_count; i++)
        if (strcmp(p->paths[i].path, path) == 0)
            return;
    if (path_below(path, p->prefix) || !file_exists(path))
        return;
    mem_grow(p->paths, &p->path_capacity, p->path_count + 1);
    p->paths[p->path_count++] = (struct python_path){module ? mem_strdup(module) : NULL, mem_strdup(path)};
}

/* ---- finders of setuptools ---- */

/* Reads a quoted text at `*at` or behind it, before `end`. NULL: there is none. The caller frees. */
static char *next_quoted(const char **at, const char *end) {
    while (*at < end && **at != '\'' && **at != '"')
        ++*at;
    if (*at >= end)
        return NULL;
    char quote = *(*at)++;
    struct buffer text = {0};
    for (; *at < end && **at != quote; ++*at) {
        if (**at == '\\' && *at + 1 < end)
            ++*at;
        buffer_putc(&text, **at);
    }
    ++*at;
    return buffer_detach(&text);
}

/* The finder holds a line MAPPING = {'package': '/folder/package', ...}. */
static void read_mapping(struct python *p, const char *text) {
    const char *at = strstr(text, "MAPPING"), *begin = at ? strchr(at, '{') : NULL;
    const char *end = begin ? strchr(begin, '}') : NULL;
    if (!end)
        return;
    for (at = begin; at < end;) {
        char *module = next_quoted(&at, end), *path = module ? next_quoted(&at, end) : NULL;
        if (path && *path == '/')
            add_path(p, module, path);
        free(module);
        free(path);
    }
}

/* `line` imports a module beside the .pth file: "import __editable___pkg_0_1_finder; ...". */
static void read_finder(struct python *p, const char *site, const char *line) {
    const char *module = line + strlen("import ");
    char *path = mem_printf("%s/%.*s.py", site,
                            (int)strspn(module, "abcdefghijklmnopqrstuvwxyz"
                                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"),
                            module);
    struct buffer text = {0};
    if (strncmp(module, "__editable__", 12) == 0 && file_read(&text, path, FILE_LIMIT, NULL) == 0)
        read_mapping(p, buffer_text(&text));
    buffer_close(&text);
    free(path);
}

/* ---- .pth files ---- */

static void read_line(struct python *p, const char *site, const char *line) {
    if (strncmp(line, "import ", 7) == 0) {
        read_finder(p, site, line);
    } else if (*line && *line != '#' && strncmp(line, "import\t", 7) != 0) {
        char *joined = path_join(site, line), *path = path_normal(joined);
        add_path(p, NULL, path);
        free(joined);
        free(path);
    }
}

void python_read_pth(struct python *p, const char *site, const char *name) {
    char *path = path_join(site, name);
    struct buffer text = {0};
    if (file_read(&text, path, FILE_LIMIT, NULL) == 0) {
        for (const char *at = buffer_text(&text); *at;) {
            size_t length = strcspn(at, "\n"), shown = length;
            while (shown > 0 && strchr(" \t\r", at[shown - 1]))
                shown--;
            char *line = mem_strndup(at, shown);
            read_line(p, site, line);
            free(line);
            at += length + (at[length] == '\n');
        }
    }
    buffer_close(&text);
    free(path);
}
