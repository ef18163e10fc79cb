#include "engine/pipeline/paths.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

const char *path_fault(const char *path) {
    if (!path[0])
        return "is empty";
    if (path[0] == '/')
        return "is absolute: write it relative";
    for (const char *c = path; *c; c++)
        if (*c == '\\' || (unsigned char)*c < 0x20 || *c == 0x7F)
            return *c == '\\' ? "holds a backslash: write \"/\"" : "holds a control character";
    for (const char *part = path; *part; part += strspn(part, "/")) {
        size_t length = strcspn(part, "/");
        if (length == 2 && strncmp(part, "..", 2) == 0)
            return "leads out of its folder with \"..\"";
        if (length == 1 && *part == '.')
            return "holds \".\" as a folder: leave it out";
        part += length;
        if (strncmp(part, "//", 2) == 0)
            return "holds \"//\": write one \"/\"";
    }
    return NULL;
}

const char *input_place_fault(const char *path) {
    static const char *const own[] = {".home", ".tmp"};
    const char *fault = path_fault(path);
    for (size_t i = 0; !fault && i < sizeof own / sizeof *own; i++)
        if (strncmp(path, own[i], strlen(own[i])) == 0 && strchr("/", path[strlen(own[i])]))
            fault = "lies in a folder that the stage has for itself: choose another";
    return fault;
}

const char *out_path_fault(const char *path) {
    const char *fault = path_fault(path);
    if (!fault && path[strlen(path) - 1] == '/')
        fault = "ends in \"/\": for a directory write {\"path\": ..., \"type\": \"directory\"}";
    if (!fault && (strcmp(path, "in") == 0 || strncmp(path, "in/", 3) == 0))
        fault = "lies in \"in\", where the inputs are: choose another folder";
    return fault;
}

void paths_add(struct path_list *paths, const char *path, const char *name, const cJSON *node) {
    size_t length = strlen(path);
    if (length && path[length - 1] == '/')
        length--;
    mem_grow(paths->items, &paths->capacity, paths->count + 1);
    paths->items[paths->count] = (struct placed_path){path, length, name, node, paths->count, NULL};
    paths->count++;
}

/* Sorts "/" before all other bytes, so that the contents of a folder follow it directly. */
static int compare_bytes(const char *a, const char *b, size_t length) {
    size_t i = 0;
    while (i < length && a[i] == b[i])
        i++;
    if (i == length)
        return 0;
    int x = a[i] == '/' ? 0 : (unsigned char)a[i];
    int y = b[i] == '/' ? 0 : (unsigned char)b[i];
    return x - y;
}

static int compare_paths(const void *left, const void *right) {
    const struct placed_path *a = left;
    const struct placed_path *b = right;
    int order = compare_bytes(a->path, b->path, a->length < b->length ? a->length : b->length);
    if (order == 0)
        order = (a->length > b->length) - (a->length < b->length);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

static bool lies_in(const struct placed_path *inside, const struct placed_path *folder) {
    return inside->length >= folder->length && memcmp(inside->path, folder->path, folder->length) == 0 &&
           (inside->length == folder->length || inside->path[folder->length] == '/');
}

void paths_check(struct path_list *paths, path_overlap *overlap, void *context) {
    if (paths->count > 1)
        qsort(paths->items, paths->count, sizeof *paths->items, compare_paths);
    for (size_t i = 1; i < paths->count; i++) {
        struct placed_path *inside = &paths->items[i];
        const struct placed_path *folder = inside - 1;
        while (folder && !lies_in(inside, folder))
            folder = folder->folder;
        inside->folder = folder;
        if (folder)
            overlap(context, folder, inside);
    }
    free(paths->items);
    *paths = (struct path_list){0};
}
