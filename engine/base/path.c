#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"

char *path_join(const char *directory, const char *name) {
    size_t length = strlen(directory);
    if (length == 0 || name[0] == '/')
        return mem_strdup(name);
    while (length > 1 && directory[length - 1] == '/')
        length--;
    return mem_printf("%.*s%s%s", (int)length, directory, directory[length - 1] == '/' ? "" : "/", name);
}

char *path_directory(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        return mem_strdup(".");
    while (slash > path && slash[-1] == '/')
        slash--;
    return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

const char *path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *path_below(const char *path, const char *folder) {
    size_t length = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
    if (strncmp(path, folder, length) != 0 || (path[length] != '\0' && path[length] != '/'))
        return NULL;
    return path + length + (path[length] == '/');
}

static const char TEMPORARY[] = ".tmp-";

char *path_temporary(const char *path, const char *mark) {
    char *directory = path_directory(path);
    char *name = mem_printf(".%s%s%s", path_base(path), TEMPORARY, mark);
    char *temporary = path_join(directory, name);
    free(name);
    free(directory);
    return temporary;
}

size_t path_temporary_base(const char *entry, const char **mark) {
    const char *end = NULL;
    for (const char *at = entry; (at = strstr(at, TEMPORARY)); at++)
        end = at; /* the last one, since a name may hold it too */
    if (entry[0] != '.' || !end || end <= entry + 1)
        return 0;
    if (mark)
        *mark = end + strlen(TEMPORARY);
    return (size_t)(end - entry) - 1;
}

bool path_is_temporary_of(const char *entry, const char *name) {
    size_t length = path_temporary_base(entry, NULL);
    return length > 0 && length == strlen(name) && strncmp(entry + 1, name, length) == 0;
}

static bool is_program(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

char *path_find_program(const char *name, const char *search, const char *directory) {
    while (*search) {
        size_t length = strcspn(search, ":");
        char *folder = mem_strndup(search, length), *candidate = NULL;
        char *place = *folder == '/' ? mem_strdup(folder) : directory ? path_join(directory, folder) : NULL;
        if (place)
            candidate = path_join(place, name);
        free(folder);
        free(place);
        if (candidate && is_program(candidate))
            return candidate;
        free(candidate);
        search += length + (search[length] == ':');
    }
    return NULL;
}

/* Drops the last part of a normal form for a ".."; false: there is none. */
static bool drop_part(struct buffer *b, size_t root) {
    if (b->size == root)
        return false;
    const char *parts = b->data + root;
    const char *slash = strrchr(parts, '/');
    const char *last = slash ? slash + 1 : parts;
    if (strcmp(last, "..") == 0)
        return false;
    b->size = slash ? (size_t)(slash - b->data) : root;
    b->data[b->size] = '\0';
    return true;
}

/* Most paths are. Some normal ones are not told: "..", names that begin with ".". */
static bool is_surely_normal(const char *path) {
    return path[0] && path[0] != '.' && !strstr(path, "//") && !strstr(path, "/.") && path[strlen(path) - 1] != '/';
}

char *path_normal(const char *path) {
    if (is_surely_normal(path))
        return mem_strdup(path);
    struct buffer b = {0};
    size_t root = path[0] == '/';
    if (root)
        buffer_putc(&b, '/');
    while (*path) {
        size_t length = strcspn(path, "/");
        bool up = length == 2 && memcmp(path, "..", 2) == 0;
        bool here = length == 0 || (length == 1 && path[0] == '.');
        if (!here && !(up && (drop_part(&b, root) || root))) {
            if (b.size > root)
                buffer_putc(&b, '/');
            buffer_append(&b, path, length);
        }
        path += length;
        path += *path == '/';
    }
    if (b.size == 0)
        buffer_putc(&b, '.');
    return buffer_detach(&b);
}

char *path_repository(const char *directory) {
    char *here = realpath(directory, NULL);
    char *start = here ? mem_strdup(here) : mem_strdup(directory);
    while (here) {
        char *git = path_join(here, ".git");
        bool found = access(git, F_OK) == 0;
        free(git);
        if (found) {
            free(start);
            return here;
        }
        if (strcmp(here, "/") == 0)
            break;
        char *parent = path_directory(here);
        free(here);
        here = parent;
    }
    free(here);
    return start;
}
