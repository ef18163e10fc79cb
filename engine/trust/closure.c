#include "engine/trust/closure.h"

#include <string.h>

struct gathering {
    struct committed *committed;
    struct arena *arena;
    struct bytemap asked; /* paths of commits */
    struct notes notes;
};

/* Of the foreign file whose axes a stage takes by "like": their values name files of that commit. NULL: none. */
static const struct origin *origin_of_axes(const struct stage_decl *stage) {
    for (const struct stage_decl *like = stage->matrix.like; like; like = like->source->matrix.like)
        if (like->source->scope->origin)
            return like->source->scope->origin;
    return NULL;
}

bool closure_concerns(const struct pipeline *p, const struct stage_decl *stage) {
    return stage->type != STAGE_SELECT && (p->borrows_params || stage->scope->origin || origin_of_axes(stage));
}

/* ---- inputs ---- */

static void add_note(struct gathering *g, const struct origin *o, const char *path, const struct content *content) {
    char hex[DIGEST_HEX_SIZE];
    digest_hex(hex, &content->digest);
    notes_add(&g->notes, o, content->directory ? "folder" : content->executable ? "executable" : "input", path, hex);
}

/* Whether the path is asked for the first time. */
static bool is_new(struct gathering *g, const struct origin *o, const char *path) {
    const char *key = arena_printf(g->arena, "%s#%s:%s", o->url, o->commit, path);
    if (bytemap_get(&g->asked, key, strlen(key)))
        return false;
    bytemap_put(&g->asked, key, strlen(key), g);
    return true;
}

/* A path that leads to no input is noted as such: the plan reports it. */
static int add_path(struct gathering *g, const struct origin *o, const char *path, struct error *err) {
    const char *place = origin_beside(g->arena, o, path);
    struct content content;
    struct error why = {0};
    if (place && !is_new(g, o, place))
        return 0;
    int rc = place ? committed_content(g->committed, o, place, NULL, 0, &content, &why) : ERR_INVALID;
    if (rc == 0)
        add_note(g, o, place, &content);
    else if (rc == ERR_NOT_FOUND || rc == ERR_INVALID)
        notes_add(&g->notes, o, "nothing", place ? place : path, "");
    else
        return error_set(err, rc, "%s", why.message);
    return 0;
}

static int add_literal(struct gathering *g, const struct origin *o, const cJSON *json, struct error *err) {
    const cJSON *item;
    int rc = 0;
    if (cJSON_IsString(json))
        return add_path(g, o, json->valuestring, err);
    cJSON_ArrayForEach(item, json)
        if (rc == 0)
            rc = add_literal(g, o, item, err);
    return rc;
}

/* The id of the commit's tree stands for all of its files. */
static int add_tree(struct gathering *g, const struct origin *o, struct error *err) {
    char tree[COMMIT_DIGITS + 1];
    int rc = committed_tree(g->committed, o, tree, err);
    if (rc == 0)
        notes_add(&g->notes, o, "tree", "", tree);
    return rc;
}

static int add_value(struct gathering *g, const struct stage_decl *stage, const struct value *v, struct error *err) {
    const struct origin *own = stage->scope->origin, *axes = origin_of_axes(stage);
    int rc = 0;
    if (v->type == VALUE_LITERAL)
        return own ? add_literal(g, own, v->as.literal, err) : 0;
    if (v->type == VALUE_REFERENCE && v->as.reference->root == REFERENCE_STAGE)
        return 0;
    if (own)
        rc = add_tree(g, own, err);
    return rc == 0 && axes ? add_tree(g, axes, err) : rc;
}

static int add_input(struct gathering *g, const struct stage_decl *stage, const struct input_decl *in,
                     struct error *err) {
    int rc = 0;
    if (in->type != INPUT_URL && in->type != INPUT_LIST && in->value)
        rc = add_value(g, stage, in->value, err);
    for (size_t i = 0; rc == 0 && i < in->item_count; i++)
        rc = add_input(g, stage, &in->items[i], err);
    return rc;
}

int closure_digest(struct digest *out, cJSON *files, const struct pipeline *p, const struct reads *reads,
                   struct committed *committed, struct error *err) {
    struct gathering g = {.committed = committed, .arena = arena_create()};
    int rc = 0;
    for (size_t i = 0; i < p->stage_count; i++)
        for (size_t k = 0; rc == 0 && k < p->stages[i]->in_count; k++)
            rc = add_input(&g, p->stages[i], &p->stages[i]->in[k], err);
    notes_add_all(&g.notes, &reads->notes);
    notes_digest(out, &g.notes);
    if (files)
        notes_files(files, &g.notes);
    notes_close(&g.notes);
    bytemap_close(&g.asked);
    arena_free(g.arena);
    return rc;
}
