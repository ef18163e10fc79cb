#include <string.h>

#include "engine/base/memory.h"
#include "engine/pipeline/paths.h"
#include "engine/plan/internal.h"

const char *resolve_path(struct scope *s, const struct value *v) {
    cJSON *json = NULL;
    const char *path = NULL;
    if (resolve_json(&json, s, v) == 0) {
        if (cJSON_IsString(json) && *json->valuestring)
            path = arena_strdup(s->arena, json->valuestring);
        else
            scope_fault(s, &v->at, "a path is text");
    }
    cJSON_Delete(json);
    return path;
}

const struct out_decl *node_out(struct scope *s, struct node *n, size_t index) {
    const struct out_decl *declared = &n->pub.decl->outs[index];
    struct scope inner = {.plan = s->plan, .arena = s->arena, .node = n, .silent = s->silent};
    if (!declared->template)
        return declared;
    const char *path = resolve_path(&inner, declared->template);
    const char *fault = path ? out_path_fault(path) : NULL;
    if (fault)
        scope_fault(&inner, &declared->template->at, "the path \"%s\" of the out \"%s\" %s", path, declared->name,
                    fault);
    if (inner.fault) {
        s->fault = s->fault ? s->fault : inner.fault;
        return NULL;
    }
    struct out_decl *out = arena_alloc(s->arena, sizeof *out);
    *out = *declared;
    out->path = path;
    return out;
}

int build_outs(struct action *a, struct scope *s) {
    const struct stage_decl *decl = s->node->pub.decl;
    a->outs = decl->outs;
    a->out_count = decl->out_count;
    if (!decl->places_vary)
        return 0;
    struct out_decl *outs = arena_array(s->arena, decl->out_count, sizeof *outs);
    for (size_t i = 0; i < decl->out_count; i++) {
        const struct out_decl *out = node_out(s, s->node, i);
        if (!out)
            return ERR_INVALID;
        outs[i] = *out;
    }
    a->outs = outs;
    return 0;
}

/* ---- places ---- */

struct places {
    struct scope *scope;
    const struct out_decl *outs;
    size_t first_out; /* the index of the first out among the paths */
};

/* A metrics out may lie in a directory out. */
static bool may_lie_in(const struct places *p, const struct placed_path *folder, const struct placed_path *inside) {
    return folder->index >= p->first_out && inside->index >= p->first_out && folder->length < inside->length &&
           p->outs[folder->index - p->first_out].type == OUT_DIRECTORY &&
           p->outs[inside->index - p->first_out].type == OUT_METRICS;
}

static const char *side(const struct places *p, const struct placed_path *path) {
    return path->index < p->first_out ? "input" : "out";
}

static void report_overlap(void *context, const struct placed_path *folder, const struct placed_path *inside) {
    const struct places *p = context;
    struct scope *s = p->scope;
    if (may_lie_in(p, folder, inside))
        return;
    bool same = folder->length == inside->length;
    scope_fault(s, &s->node->pub.decl->at, "the places of the %s %s and the %s %s in the directory of %s %s",
                side(p, folder), folder->path, side(p, inside), inside->path, instance_name(&s->node->pub),
                same ? "are equal: choose another for one of them"
                     : "lie in one another: choose another for one of them");
}

int build_check_places(const struct action *a, struct scope *s) {
    struct path_list paths = {0};
    for (size_t i = 0; i < a->input_count; i++) {
        const struct action_input *in = &a->inputs[i];
        for (size_t k = 0; k < in->count; k++)
            if (in->items[k].place)
                paths_add(&paths, in->items[k].place, in->name, NULL);
        if (in->count > 0 && !in->items[0].place)
            paths_add(&paths, arena_printf(s->arena, "in/%s", in->name), in->name, NULL);
    }
    struct places places = {s, a->outs, paths.count};
    for (size_t i = 0; i < a->out_count; i++)
        paths_add(&paths, a->outs[i].path, a->outs[i].name, NULL);
    paths_check(&paths, report_overlap, &places);
    return s->fault ? ERR_INVALID : 0;
}
