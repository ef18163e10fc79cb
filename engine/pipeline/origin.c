#include "engine/pipeline/origin.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"

bool commit_is_full(const char *text) {
    return strlen(text) == COMMIT_DIGITS && strspn(text, "0123456789abcdef") == COMMIT_DIGITS;
}

const char *origin_name(struct arena *arena, const struct origin *o, const char *path) {
    return arena_printf(arena, "%s#%.*s:%s", o->url, COMMIT_SHOWN, o->commit, path);
}

const char *origin_beside(struct arena *arena, const struct origin *o, const char *path) {
    if (*path == '/')
        return NULL;
    char *folder = path_directory(o->path), *joined = path_join(folder, path), *normal = path_normal(joined);
    bool leaves = strncmp(normal, "..", 2) == 0 && strchr("/", normal[2]);
    const char *kept = leaves ? NULL : arena_strdup(arena, normal);
    free(folder);
    free(joined);
    free(normal);
    return kept;
}
