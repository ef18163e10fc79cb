/*
 * Overrides of params: --set, --set-json, --params and the `params` of an include. Each is a patch: objects are merged
 * member by member, anything else is replaced. Only declared params and members can be overridden.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/pipeline/reader.h"

static struct location override_location(const struct reader *r, size_t i) {
    return (struct location){.source = &r->override_sources[i]};
}

cJSON *patch_apply(const cJSON *base, const cJSON *patch) {
    if (!cJSON_IsObject(base) || !cJSON_IsObject(patch))
        return cJSON_Duplicate(patch, true);
    cJSON *out = cJSON_Duplicate(base, true);
    struct json_index members;
    json_index_open(&members, out);
    const cJSON *member;
    cJSON_ArrayForEach(member, patch) {
        cJSON *old = json_index_get(&members, member->string);
        if (old)
            json_replace(out, old, patch_apply(old, member));
        else
            json_add_copy(out, member->string, member);
    }
    json_index_close(&members);
    return out;
}

static bool fail_unknown(struct reader *r, const cJSON *declared, const char *name, const char *path,
                         const struct location *at) {
    if (is_silent(r))
        return false;
    size_t count = 0;
    const char **names = arena_array(r->arena, (size_t)cJSON_GetArraySize(declared), sizeof *names);
    const cJSON *known;
    cJSON_ArrayForEach(known, declared) {
        names[count++] = known->string;
    }
    report(r, at, "%s has no \"%s\" to override%s", path, name,
           suggestion(r, name, names, count, "it declares nothing"));
    return false;
}

static bool is_type(const cJSON *a, const cJSON *b) {
    return (a->type & 0xFF) == (b->type & 0xFF) || (cJSON_IsBool(a) && cJSON_IsBool(b));
}

/* Whether the items of a declared list have one type. An empty list has none, and null is no type. */
static bool has_item_type(const cJSON *list) {
    const cJSON *first = list->child, *item;
    cJSON_ArrayForEach(item, list) {
        if (cJSON_IsNull(item) || !is_type(item, first))
            return false;
    }
    return first != NULL;
}

static const char *plural_type(const cJSON *item) {
    return cJSON_IsNumber(item)   ? "numbers"
           : cJSON_IsString(item) ? "texts"
           : cJSON_IsArray(item)  ? "lists"
           : cJSON_IsObject(item) ? "objects"
                                  : "true and false";
}

/* Reports the first item of `list` that has another type than those of the declared list, which all have one. */
static bool check_items(struct reader *r, const cJSON *declared, const cJSON *list, const char *path,
                        const struct location *at) {
    const cJSON *wanted = declared->child, *item;
    size_t index = 0;
    if (!has_item_type(declared))
        return true;
    cJSON_ArrayForEach(item, list) {
        const char *here = arena_printf(r->arena, "%s[%zu]", path, index++);
        if (!is_type(wanted, item)) {
            report(r, at, "%s is %s; the list holds %s; --set-json changes a type", here, describe(r, item),
                   plural_type(wanted));
            return false;
        }
        if (cJSON_IsArray(item) && !check_items(r, wanted, item, here, at))
            return false;
    }
    return true;
}

/* Compares one value with the declared one. */
static bool check_type(struct reader *r, const cJSON *declared, const cJSON *value, enum patch_rule rule,
                       const char *path, const struct location *at) {
    bool differs = rule == PATCH_TYPES ? !is_type(declared, value) : cJSON_IsObject(declared) != cJSON_IsObject(value);
    if (rule == PATCH_ANY || cJSON_IsNull(declared))
        return true;
    if (differs) {
        report(r, at, "%s is %s and cannot be overridden by %s%s", path, describe(r, declared), describe(r, value),
               rule == PATCH_TYPES ? "; --set-json changes a type" : "");
        return false;
    }
    return rule != PATCH_TYPES || !cJSON_IsArray(declared) || check_items(r, declared, value, path, at);
}

bool patch_check(struct reader *r, const cJSON *declared, const cJSON *patch, enum patch_rule rule, const char *path,
                 const struct location *at) {
    if (!check_type(r, declared, patch, rule, path, at))
        return false;
    if (!cJSON_IsObject(declared) || !cJSON_IsObject(patch))
        return true;
    bool good = true;
    struct json_index members;
    json_index_open(&members, declared);
    const cJSON *member;
    cJSON_ArrayForEach(member, patch) {
        const cJSON *old = json_index_get(&members, member->string);
        if (!old)
            good = fail_unknown(r, declared, member->string, path, at);
        else
            good &= patch_check(r, old, member, rule, arena_printf(r->arena, "%s.%s", path, member->string), at);
    }
    json_index_close(&members);
    return good;
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

/* Reports a value that holds a reference. */
static bool check_plain(struct reader *r, const cJSON *value, const struct location *at) {
    bool plain = !holds_reference(value);
    if (!plain)
        report(r, at, "an override is a plain value: it cannot hold a reference");
    return plain;
}

/* The value of --set for what is declared: text for a text, else JSON. NULL after a reported fault. */
static const cJSON *read_set(struct reader *r, const struct override *o, const cJSON *declared, const char *path,
                             const struct location *at) {
    const char *text = o->value->valuestring;
    struct json_document *doc = NULL;
    struct error err = {0};
    if (cJSON_IsString(declared))
        return o->value;
    if (json_parse(&doc, text, strlen(text), NULL, &err) == 0)
        return keep_json(r, json_detach(doc));
    report(r, at, "%s is %s, so its value is JSON: %s", path, describe(r, declared), err.message);
    return NULL;
}

/* Gives the declared value that `below`, names with a dot before each, leads to from `declared`. `*path` is prolonged.
   NULL after a reported fault. */
static const cJSON *follow(struct reader *r, const cJSON *declared, const char *below, const char **path,
                           const struct location *at) {
    while (*below) {
        size_t length = strcspn(below + 1, ".");
        const char *name = arena_printf(r->arena, "%.*s", (int)length, below + 1);
        if (!cJSON_IsObject(declared)) {
            report(r, at, "%s is %s: it has no member \"%s\"", *path, describe(r, declared), name);
            return NULL;
        }
        const cJSON *member = find_member(r, declared, name);
        if (!member) {
            fail_unknown(r, declared, name, *path, at);
            return NULL;
        }
        declared = member;
        *path = arena_printf(r->arena, "%s.%s", *path, name);
        below += 1 + length;
    }
    return declared;
}

/* Gives {"a": {"b": value}} for ".a.b". */
static cJSON *wrap(const char *below, const cJSON *value) {
    cJSON *patch = cJSON_Duplicate(value, true);
    for (size_t length = strlen(below); length;) {
        size_t begin = length;
        while (below[begin - 1] != '.')
            begin--;
        char *name = mem_strndup(below + begin, length - begin);
        cJSON *outer = cJSON_CreateObject();
        cJSON_AddItemToObject(outer, name, patch);
        free(name);
        patch = outer;
        length = begin - 1;
    }
    return patch;
}

/* The rest of an override's path, behind the param's name; NULL when it overrides another param. */
static const char *path_below(const char *path, const char *param) {
    size_t length = strlen(param);
    return strncmp(path, param, length) == 0 && (!path[length] || path[length] == '.') ? path + length : NULL;
}

bool override_patch(cJSON **out, struct reader *r, size_t i, const char *param, const cJSON *declared,
                    const char *path) {
    const struct override *o = &r->overrides[i];
    struct location at = override_location(r, i);
    const char *below = o->type == OVERRIDE_FILE ? "" : path_below(o->path, param);
    const cJSON *value = o->type == OVERRIDE_FILE ? find_member(r, o->value, param) : o->value;
    *out = NULL;
    if (!below || !value)
        return true;
    declared = check_plain(r, value, &at) ? follow(r, declared, below, &path, &at) : NULL;
    if (declared && o->type == OVERRIDE_SET)
        value = read_set(r, o, declared, path, &at);
    if (!declared || !value || !check_plain(r, value, &at))
        return false;
    if (!patch_check(r, declared, value, o->type == OVERRIDE_SET_JSON ? PATCH_ANY : PATCH_TYPES, path, &at))
        return false;
    *out = wrap(below, value);
    return true;
}

static void check_declared(const struct part *root, const char *name, const struct location *at) {
    struct reader *r = root->reader;
    if (!find_param(root, name) && !root->params_lost)
        report(r, at, "the pipeline declares no param \"%s\"%s", name,
               suggestion(r, name, root->param_names, root->param_count, "it declares none"));
}

void overrides_check(const struct part *root) {
    struct reader *r = root->reader;
    r->override_sources = arena_array(r->arena, r->override_count, sizeof *r->override_sources);
    for (size_t i = 0; i < r->override_count; i++) {
        const struct override *o = &r->overrides[i];
        r->override_sources[i].name = o->source;
        struct location at = override_location(r, i);
        const cJSON *member;
        if (o->type != OVERRIDE_FILE)
            check_declared(root, arena_printf(r->arena, "%.*s", (int)strcspn(o->path, "."), o->path), &at);
        else if (!cJSON_IsObject(o->value))
            report(r, &at, "params are an object; found %s", describe(r, o->value));
        else
            cJSON_ArrayForEach(member, o->value) {
                check_declared(root, member->string, &at);
            }
    }
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

/* Splits "params.steps=500" of the option `option` and returns the value's text; NULL and ERR_USAGE for another
   text. */
static const char *parse_argument(struct override *out, const char *option, const char *argument, struct error *err) {
    static const char root[] = "params.";
    const char *equals = strchr(argument, '=');
    if (strncmp(argument, root, sizeof root - 1) != 0 || !equals) {
        error_set(err, ERR_USAGE, "\"%s\" is no override: write params.NAME=VALUE, as in params.steps=500", argument);
        return NULL;
    }
    const char *path = argument + sizeof root - 1;
    if (!is_path(path, (size_t)(equals - path))) {
        error_set(err, ERR_USAGE, "\"%.*s\" is no path to a param: write names with single dots between them",
                  (int)(equals - argument), argument);
        return NULL;
    }
    *out = (struct override){.path = mem_strndup(path, (size_t)(equals - path)),
                             .source = mem_printf("%s %s", option, argument)};
    return equals + 1;
}

int override_parse(struct override *out, const char *argument, struct error *err) {
    const char *text = parse_argument(out, "--set", argument, err);
    if (!text)
        return ERR_USAGE;
    out->type = OVERRIDE_SET;
    out->value = cJSON_CreateString(text);
    return 0;
}

int override_parse_json(struct override *out, const char *argument, struct error *err) {
    struct json_document *doc = NULL;
    struct error fault = {0};
    const char *text = parse_argument(out, "--set-json", argument, err);
    if (!text)
        return ERR_USAGE;
    if (json_parse(&doc, text, strlen(text), NULL, &fault)) {
        override_close(out);
        return error_set(err, ERR_USAGE, "--set-json %s: the value is no JSON: %s", argument, fault.message);
    }
    out->type = OVERRIDE_SET_JSON;
    out->value = json_detach(doc);
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
