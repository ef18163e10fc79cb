/*
 * Overrides of params: --set, --params and the `params` of an include. Each is a patch: objects are merged member by
 * member, anything else is replaced. Only declared params and members can be overridden.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/pipeline/reader.h"

struct location override_location(const struct reader *r, size_t i) {
    return (struct location){.source = &r->override_sources[i]};
}

cJSON *patch_apply(const cJSON *base, const cJSON *patch) {
    if (!cJSON_IsObject(base) || !cJSON_IsObject(patch))
        return mem_checked(cJSON_Duplicate(patch, true));
    cJSON *out = mem_checked(cJSON_Duplicate(base, true));
    struct json_index members;
    json_index_open(&members, out);
    const cJSON *member;
    cJSON_ArrayForEach(member, patch) {
        cJSON *old = json_index_get(&members, member->string);
        if (old)
            json_replace(out, old, patch_apply(old, member));
        else
            cJSON_AddItemToObject(out, member->string, mem_checked(cJSON_Duplicate(member, true)));
    }
    json_index_close(&members);
    return out;
}

static bool fail_unknown(struct reader *r, const cJSON *declared, const cJSON *member, const char *path,
                         const struct location *at) {
    if (is_silent(r))
        return false;
    size_t count = 0;
    const char **names = arena_array(r->arena, (size_t)cJSON_GetArraySize(declared), sizeof *names);
    const cJSON *known;
    cJSON_ArrayForEach(known, declared) {
        names[count++] = known->string;
    }
    report(r, at, "%s has no \"%s\" to override%s", path, member->string,
           suggestion(r, member->string, names, count, "it declares nothing"));
    return false;
}

bool patch_check(struct reader *r, const cJSON *declared, const cJSON *patch, const char *path,
                 const struct location *at) {
    if (cJSON_IsObject(declared) != cJSON_IsObject(patch) && !cJSON_IsNull(declared)) {
        report(r, at, "%s is %s and cannot be overridden by %s", path, describe(r, declared), describe(r, patch));
        return false;
    }
    if (!cJSON_IsObject(declared))
        return true;
    bool good = true;
    struct json_index members;
    json_index_open(&members, declared);
    const cJSON *member;
    cJSON_ArrayForEach(member, patch) {
        const cJSON *old = json_index_get(&members, member->string);
        if (!old)
            good = fail_unknown(r, declared, member, path, at);
        else
            good &= patch_check(r, old, member, arena_printf(r->arena, "%s.%s", path, member->string), at);
    }
    json_index_close(&members);
    return good;
}

/* Gives {"a": {"b": value}} for the path "a.b". */
static cJSON *patch_of(const struct override *o) {
    cJSON *patch = mem_checked(cJSON_Duplicate(o->value, true));
    size_t length = strlen(o->path);
    while (length) {
        size_t begin = length;
        while (begin && o->path[begin - 1] != '.')
            begin--;
        char *name = mem_strndup(o->path + begin, length - begin);
        cJSON *outer = mem_checked(cJSON_CreateObject());
        cJSON_AddItemToObject(outer, name, patch);
        free(name);
        patch = outer;
        length = begin ? begin - 1 : 0;
    }
    return patch;
}

static bool holds_reference(const cJSON *node) {
    if (cJSON_IsString(node))
        return strstr(node->valuestring, "${") != NULL;
    const cJSON *child;
    cJSON_ArrayForEach(child, node) {
        if (holds_reference(child))
            return true;
    }
    return false;
}

void overrides_prepare(struct reader *r) {
    r->patches = arena_array(r->arena, r->override_count, sizeof *r->patches);
    r->override_sources = arena_array(r->arena, r->override_count, sizeof *r->override_sources);
    cJSON *recorded = mem_checked(cJSON_CreateObject());
    for (size_t i = 0; i < r->override_count; i++) {
        const struct override *o = &r->overrides[i];
        r->override_sources[i].name = o->source;
        struct location at = override_location(r, i);
        cJSON *patch = patch_of(o);
        keep_json(r, patch);
        if (!cJSON_IsObject(patch)) {
            report(r, &at, "params are an object; found %s", describe(r, patch));
            continue;
        }
        if (holds_reference(patch)) {
            report(r, &at, "an override is a plain value: it cannot hold a reference");
            continue;
        }
        r->patches[i] = patch;
        cJSON *merged = patch_apply(recorded, patch);
        cJSON_Delete(recorded);
        recorded = merged;
    }
    keep_json(r, recorded);
    r->recorded = recorded;
}

/* Whether the path is names separated by single dots. */
static bool is_path(const char *path, size_t length) {
    char before = '.';
    for (size_t i = 0; i < length; i++) {
        if (path[i] == '[' || (path[i] == '.' && before == '.'))
            return false;
        before = path[i];
    }
    return before != '.';
}

int override_parse(struct override *out, const char *argument, struct error *err) {
    static const char root[] = "params.";
    const char *equals = strchr(argument, '=');
    if (strncmp(argument, root, sizeof root - 1) != 0 || !equals)
        return error_set(err, ERR_USAGE, "\"%s\" is no override: write params.NAME=VALUE, as in params.steps=500",
                         argument);
    const char *path = argument + sizeof root - 1;
    if (!is_path(path, (size_t)(equals - path)))
        return error_set(err, ERR_USAGE, "\"%.*s\" is no path to a param: write names with single dots between them",
                         (int)(equals - argument), argument);
    struct json_document *doc = NULL;
    cJSON *value;
    if (json_parse(&doc, equals + 1, strlen(equals + 1), NULL, NULL) == 0)
        value = json_detach(doc);
    else
        value = mem_checked(cJSON_CreateString(equals + 1));
    *out = (struct override){mem_strndup(path, (size_t)(equals - path)), value, mem_printf("--set %s", argument)};
    return 0;
}

/* Removes const: the members of an override are read-only for all but its owner. */
static void *writable(const void *memory) {
    void *out;
    memcpy(&out, &memory, sizeof out);
    return out;
}

void override_close(struct override *o) {
    free(writable(o->path));
    free(writable(o->source));
    cJSON_Delete(writable(o->value));
    *o = (struct override){0};
}
