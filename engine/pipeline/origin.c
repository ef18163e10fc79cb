#include "engine/pipeline/origin.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/json.h"

bool commit_is_full(const char *text) {
    return strlen(text) == COMMIT_DIGITS && strspn(text, "0123456789abcdef") == COMMIT_DIGITS;
}

const char *origin_name(struct arena *arena, const struct origin *o, const char *path) {
    return arena_printf(arena, "%s#%.*s:%s", o->url, COMMIT_SHOWN, o->commit, path);
}

cJSON *origin_json(const struct origin *o) {
    cJSON *json = cJSON_CreateObject();
    json_add_text(json, "url", o->url);
    json_add_text(json, "commit", o->commit);
    json_add_text(json, "path", o->path);
    return json;
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
