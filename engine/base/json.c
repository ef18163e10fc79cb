#include "engine/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/bytemap.h"
#include "engine/base/file.h"
#include "engine/base/json_scan.h"
#include "engine/base/memory.h"

struct json_document {
    cJSON *root;
};

/* The arena for the tree that cJSON is building on this thread; NULL: the heap. */
static _Thread_local struct arena *target;

/* cJSON_Add... returns NULL without memory, and a text would then lack a member without any message: a record an
   out, a key a component. So an allocation never returns NULL. */
static void *allocate(size_t size) {
    return target ? arena_alloc(target, size) : mem_resize(NULL, size, 1);
}

static void release(void *memory) {
    if (!target)
        free(memory);
}

/* Runs before main, so that it covers every tree. */
__attribute__((constructor)) static void set_hooks(void) {
    cJSON_InitHooks(&(cJSON_Hooks){allocate, release});
}

enum { FEW = 8 }; /* members of an object whose names are compared one by one */

/* The names of an object's members read so far. */
struct names {
    cJSON *first;
    size_t count;
    struct bytemap map; /* of all names, beyond FEW */
};

static void put_name(struct names *names, cJSON *member) {
    bytemap_put(&names->map, member->string, strlen(member->string), member);
}

/* Adds the next member. Returns an earlier one of the same name, or NULL. */
static const cJSON *add_name(struct names *names, cJSON *member) {
    if (names->count++ < FEW) {
        for (const cJSON *m = names->first; m != member; m = m->next)
            if (strcmp(m->string, member->string) == 0)
                return m;
        return NULL;
    }
    if (names->count == FEW + 1)
        for (cJSON *m = names->first; m != member; m = m->next)
            put_name(names, m);
    const cJSON *same = bytemap_get(&names->map, member->string, strlen(member->string));
    if (!same)
        put_name(names, member);
    return same;
}

/* The first member, in text order, whose name an `*earlier` member of its object has; NULL: none. */
static const cJSON *find_duplicate(const cJSON *node, const cJSON **earlier) {
    struct names names = {.first = node->child};
    const cJSON *found = NULL;
    for (cJSON *child = node->child; child && !found; child = child->next) {
        *earlier = child->string ? add_name(&names, child) : NULL;
        if (*earlier)
            found = child;
        else if (child->child)
            found = find_duplicate(child, earlier);
    }
    bytemap_close(&names.map);
    return found;
}

static int check_duplicates(const cJSON *root, const char *text, size_t size, struct json_position *at,
                            struct error *err) {
    const cJSON *earlier = NULL;
    const cJSON *found = find_duplicate(root, &earlier);
    if (!found)
        return 0;
    struct json_places *places = json_places_create(root, text, size);
    struct json_position first = json_key_position(places, earlier);
    *at = json_key_position(places, found);
    json_places_free(places);
    return error_set(err, ERR_INVALID, "%zu:%zu: the name \"%s\" is given twice (first at %zu:%zu)", at->line,
                     at->column, found->string, first.line, first.column);
}

/* `at` is not NULL. */
static int parse(cJSON **out, const char *text, size_t size, struct json_position *at, struct error *err) {
    cJSON *root;
    int rc = json_build(&root, text, size, at, err);
    if (rc < 0)
        return rc;
    rc = check_duplicates(root, text, size, at, err);
    if (rc < 0)
        cJSON_Delete(root);
    else
        *out = root;
    return rc;
}

int json_parse(struct json_document **out, const char *text, size_t size, struct json_position *at, struct error *err) {
    struct json_position place = {0, 0};
    cJSON *root = NULL;
    int rc = parse(&root, text, size, &place, err);
    if (at)
        *at = place;
    if (rc < 0)
        return rc;
    *out = mem_alloc(sizeof **out);
    (*out)->root = root;
    return 0;
}

int json_parse_in(const cJSON **out, struct arena *arena, const char *text, size_t size, struct json_position *at,
                  struct error *err) {
    struct json_position place = {0, 0};
    cJSON *root = NULL;
    target = arena;
    int rc = parse(&root, text, size, &place, err);
    target = NULL;
    if (at)
        *at = place;
    if (rc == 0)
        *out = root;
    return rc;
}

int json_read(struct json_document **out, const char *path, struct json_position *at, struct error *err) {
    struct json_position place = {0, 0};
    struct error local = {0};
    struct buffer text = {0};
    int rc = file_read(&text, path, JSON_MAX_BYTES, err);
    if (rc == 0) {
        rc = json_parse(out, buffer_text(&text), text.size, &place, &local);
        if (rc < 0)
            error_set(err, rc, "%s:%s", path, local.message);
    }
    buffer_close(&text);
    if (at)
        *at = place;
    return rc;
}

void json_free(struct json_document *doc) {
    if (!doc)
        return;
    cJSON_Delete(doc->root);
    free(doc);
}

cJSON *json_root(const struct json_document *doc) {
    return doc->root;
}

cJSON *json_detach(struct json_document *doc) {
    cJSON *root = doc->root;
    doc->root = NULL;
    json_free(doc);
    return root;
}

const char *json_text(const cJSON *object, const char *name, const char *fallback) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) ? item->valuestring : fallback;
}

double json_double(const cJSON *object, const char *name, double fallback) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : fallback;
}

bool json_bool(const cJSON *object, const char *name, bool fallback) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsBool(item) ? cJSON_IsTrue(item) : fallback;
}

void json_add_text(cJSON *object, const char *name, const char *text) {
    cJSON_AddItemToObject(object, name, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

void json_add_number(cJSON *object, const char *name, double value) {
    cJSON_AddItemToObject(object, name, isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull());
}

void json_add_copy(cJSON *object, const char *name, const cJSON *item) {
    cJSON_AddItemToObject(object, name, item ? cJSON_Duplicate(item, true) : cJSON_CreateNull());
}

void json_add_digest(cJSON *object, const char *name, const struct digest *d) {
    char hex[DIGEST_HEX_SIZE];
    if (d)
        digest_hex(hex, d);
    json_add_text(object, name, d ? hex : NULL);
}
