/*
 * `with` with every default written in, and `with` without any.
 *
 * A default is made from its text when it is first asked for. It is kept unchanged as long as the program runs, because
 * a plan asks for the same few once for every instance.
 */
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "stages/kinds/kind.h"

typedef cJSON *transform(const struct param *p, const cJSON *value);

static cJSON *copy(const cJSON *value) {
    return cJSON_Duplicate(value, true);
}

static void object_add(cJSON *object, const char *name, cJSON *value) {
    cJSON_AddItemToObject(object, name, value);
}

/* Elements of a list or values of a map, each transformed as the description of an element says. */
static cJSON *transform_items(const struct param *p, const cJSON *value, transform *each) {
    cJSON *out = cJSON_IsArray(value) ? cJSON_CreateArray() : cJSON_CreateObject();
    for (const cJSON *item = value->child; item; item = item->next) {
        cJSON *done = each(&p->members[0], item);
        if (cJSON_IsArray(value))
            cJSON_AddItemToArray(out, done);
        else
            object_add(out, item->string, done);
    }
    return out;
}

static bool has_members(const struct param *p, const cJSON *value) {
    return p->type == PARAM_OBJECT && p->member_count && cJSON_IsObject(value);
}

static bool has_items(const struct param *p, const cJSON *value) {
    return p->members &&
           ((p->type == PARAM_LIST && cJSON_IsArray(value)) || (p->type == PARAM_MAP && cJSON_IsObject(value)));
}

static cJSON *complete_members(const struct param *members, size_t count, const cJSON *object);

static cJSON *complete_value(const struct param *p, const cJSON *value) {
    if (has_members(p, value))
        return complete_members(p->members, p->member_count, value);
    return has_items(p, value) ? transform_items(p, value, complete_value) : copy(value);
}

/* A default as a stage is shown it, and as a key would hold it. */
struct fallback {
    const struct param *param;
    cJSON *complete, *reduced;
    struct fallback *next;
};

enum { FALLBACK_CHAINS = 256 };

/* By the param's address, which is constant data. Chains only grow, at their heads, so any thread may walk them. */
static _Atomic(struct fallback *) fallbacks[FALLBACK_CHAINS];

static cJSON *reduce_value(const struct param *p, const cJSON *value);

/* The fallbacks are texts of this program: one that does not parse ends it. Two threads that make the same one both
   keep it. */
static const struct fallback *fallback_make(const struct param *p, _Atomic(struct fallback *) *chain) {
    cJSON *parsed = mem_checked(cJSON_Parse(p->fallback));
    struct fallback *f = mem_alloc(sizeof *f);
    *f = (struct fallback){p, complete_value(p, parsed), reduce_value(p, parsed), atomic_load(chain)};
    cJSON_Delete(parsed);
    while (!atomic_compare_exchange_weak(chain, &f->next, f))
        continue;
    return f;
}

/* The value of `p`, which has a fallback, where it is left out. */
static const struct fallback *fallback_of(const struct param *p) {
    _Atomic(struct fallback *) *chain = &fallbacks[(uintptr_t)p / sizeof *p % FALLBACK_CHAINS];
    for (const struct fallback *f = atomic_load(chain); f; f = f->next)
        if (f->param == p)
            return f;
    return fallback_make(p, chain);
}

static cJSON *complete_members(const struct param *members, size_t count, const cJSON *object) {
    cJSON *out = cJSON_CreateObject();
    for (size_t i = 0; i < count; i++) {
        const cJSON *given = cJSON_GetObjectItemCaseSensitive(object, members[i].name);
        if (given)
            object_add(out, members[i].name, complete_value(&members[i], given));
        else if (members[i].fallback)
            object_add(out, members[i].name, copy(fallback_of(&members[i])->complete));
    }
    for (const cJSON *node = object ? object->child : NULL; node; node = node->next)
        if (!param_find(members, count, node->string))
            object_add(out, node->string, copy(node));
    return out;
}

cJSON *kind_with_complete(const struct kind *kind, const cJSON *with) {
    return complete_members(kind->params, kind->param_count, with);
}

static cJSON *reduce_members(const struct param *members, size_t count, const cJSON *object);

static cJSON *reduce_value(const struct param *p, const cJSON *value) {
    if (has_members(p, value))
        return reduce_members(p->members, p->member_count, value);
    return has_items(p, value) ? transform_items(p, value, reduce_value) : copy(value);
}

static cJSON *reduce_members(const struct param *members, size_t count, const cJSON *object) {
    cJSON *out = cJSON_CreateObject();
    for (const cJSON *node = object ? object->child : NULL; node; node = node->next) {
        const struct param *p = param_find(members, count, node->string);
        cJSON *reduced = p ? reduce_value(p, node) : copy(node);
        if (p && p->fallback && json_equal(reduced, fallback_of(p)->reduced))
            cJSON_Delete(reduced);
        else
            object_add(out, node->string, reduced);
    }
    return out;
}

cJSON *kind_with_reduced(const struct kind *kind, const cJSON *with) {
    return reduce_members(kind->params, kind->param_count, with);
}
