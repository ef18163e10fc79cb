#include <string.h>

#include "engine/plan/internal.h"

struct with_check {
    struct scope *scope;
    const struct value *declared;
    const cJSON *root;
};

/* Writes the steps from the root to a node, innermost last; false when it is not below. */
static bool path_to(const cJSON *from, const cJSON *node, const cJSON **path, size_t *count) {
    if (*count == JSON_MAX_DEPTH)
        return false;
    if (from == node)
        return true;
    const cJSON *child;
    cJSON_ArrayForEach(child, from) {
        path[(*count)++] = child;
        if (path_to(child, node, path, count))
            return true;
        --*count;
    }
    return false;
}

static const struct value *member_value(const struct value *v, const char *name) {
    for (size_t i = 0; v->type == VALUE_OBJECT && i < v->as.object.count; i++)
        if (strcmp(v->as.object.names[i], name) == 0)
            return v->as.object.values[i];
    if (v->type != VALUE_EXTENDS)
        return NULL;
    const struct value *patched = member_value(v->as.extends.patch, name);
    return patched ? patched : member_value(v->as.extends.base, name);
}

/* The place in the file of a node of the resolved tree, as deep as the file's own structure goes. */
static const struct location *written_at(const struct with_check *check, const cJSON *node) {
    const cJSON *path[JSON_MAX_DEPTH + 1];
    size_t count = 0;
    const struct value *v = check->declared;
    if (!path_to(check->root, node, path, &count))
        return &v->at;
    for (size_t i = 0; i < count; i++) {
        const struct value *next = path[i]->string ? member_value(v, path[i]->string) : NULL;
        if (!next)
            break;
        v = next;
    }
    return &v->at;
}

static void on_fault(void *context, const cJSON *at, bool on_key, const char *message) {
    const struct with_check *check = context;
    (void)on_key;
    scope_fault(check->scope, written_at(check, at), "%s", message);
}

static int make(struct action *a, struct scope *s, struct arena *arena) {
    const struct stage_decl *decl = s->node->pub.decl;
    cJSON *json = NULL;
    int rc = decl->with ? resolve_json(&json, s, decl->with) : 0;
    if (rc == 0 && decl->with && decl->with->type != VALUE_LITERAL) {
        struct with_check check = {s, decl->with, json};
        rc = kind_check_with(decl->kind, json, NULL, on_fault, &check) ? ERR_INVALID : 0;
    }
    if (rc == 0) {
        a->with = tree_keep(arena, json);
        a->reduced = tree_keep(arena, kind_with_reduced(decl->kind, json));
    } else {
        cJSON_Delete(json);
    }
    return rc;
}

int build_with(struct action *a, struct scope *s) {
    const struct stage_decl *decl = s->node->pub.decl;
    struct stage_plan *stage = s->node->stage;
    bool same = !decl->with || decl->with->type == VALUE_LITERAL;
    if (same && stage->reduced) {
        a->with = stage->with;
        a->reduced = stage->reduced;
        return 0;
    }
    int rc = make(a, s, same ? s->plan->arena : s->arena);
    if (rc == 0 && same) {
        stage->with = a->with;
        stage->reduced = a->reduced;
    }
    return rc;
}
