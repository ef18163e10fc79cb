/* Paths below a folder: of inputs and outs in a stage's directory, of results in their folder. */
#ifndef RETORT_ENGINE_PIPELINE_PATHS_H
#define RETORT_ENGINE_PIPELINE_PATHS_H

#include <cJSON.h>
#include <stddef.h>

#include "engine/base/arena.h"

/* The fault of a path below a folder ("is absolute: ..."); NULL for a relative one without ".." and backslash. */
const char *path_fault(const char *path);

/* The same for a place in a stage's directory: of an input, of an out. */
const char *input_place_fault(const char *path);
const char *out_path_fault(const char *path);

/* The fault of a URL that a run shall fetch, and of a SHA-256 in hexadecimal; NULL: none. */
const char *url_fault(const char *url);
const char *digest_fault(const char *text);

/* The name of the file that a URL without fault names; "": it names none. */
const char *url_file_name(struct arena *arena, const char *url);

/* A path of a list in which no path may equal another or lie in it. */
struct placed_path {
    const char *path;
    size_t length;    /* without "/" at the end */
    const char *name; /* of the input, out or result */
    const cJSON *node;
    size_t index;                     /* in the order of adding */
    const struct placed_path *folder; /* the nearest path that it lies in; set by paths_check */
};

struct path_list { /* `{0}` is empty */
    struct placed_path *items;
    size_t count, capacity;
};

/* Adds a path; `node` is its place for faults, and may be NULL. */
void paths_add(struct path_list *paths, const char *path, const char *name, const cJSON *node);

/* Calls `overlap` for each path that equals another or lies in it, with the nearest such path. Frees the list. */
typedef void path_overlap(void *context, const struct placed_path *folder, const struct placed_path *inside);
void paths_check(struct path_list *paths, path_overlap *overlap, void *context);

#endif
