/* Faults of instances that still wait for results: what they give by themselves is resolved before anything runs. */
#include <string.h>

#include "engine/plan/internal.h"

/* ---- inputs ---- */

static void foresee_input(struct scope *s, const struct input_decl *in) {
    for (size_t i = 0; i < in->item_count; i++)
        foresee_input(s, &in->items[i]);
    if (in->type != INPUT_LIST && value_is_known(s, in->value) && value_is_known(s, in->label) &&
        value_is_known(s, in->place) && value_is_known(s, in->sha256))
        input_check(s, in);
}

/* ---- with ---- */

struct foreseen {
    struct scope *scope;
    const struct value *with;
};

/* A reference that has no value yet stands in the tree as its text. */
static bool is_open(void *context, const cJSON *node) {
    (void)context;
    return cJSON_IsString(node) && strstr(node->valuestring, "${");
}

static void on_fault(void *context, const cJSON *at, bool on_key, const char *message) {
    const struct foreseen *f = context;
    const struct location *place = &f->with->at;
    (void)on_key;
    for (size_t i = 0; at->string && i < f->with->as.object.count; i++)
        if (strcmp(f->with->as.object.names[i], at->string) == 0)
            place = &f->with->as.object.values[i]->at;
    scope_fault(f->scope, place, "%s", message);
}

static cJSON *foresee_members(struct scope *s, const struct value *with) {
    cJSON *tree = cJSON_CreateObject(), *json = NULL;
    for (size_t i = 0; i < with->as.object.count; i++) {
        const struct value *member = with->as.object.values[i];
        if (!value_is_known(s, member))
            json = value_as_written(member);
        else if (resolve_json(&json, s, member))
            continue;
        cJSON_AddItemToObject(tree, with->as.object.names[i], json);
    }
    return tree;
}

static void foresee_with(struct scope *s, const struct stage_decl *decl) {
    struct foreseen f = {s, decl->with};
    if (!decl->kind || !decl->with || decl->with->type != VALUE_OBJECT)
        return;
    cJSON *tree = foresee_members(s, decl->with);
    if (!s->fault)
        kind_check_with(decl->kind, tree, is_open, on_fault, &f);
    cJSON_Delete(tree);
}

/* ---- all ---- */

/* Of a stage with a PATH of its own only its action tells where programs are looked up. */
static void foresee_pins(struct scope *s, const struct stage_decl *decl) {
    struct action none = {0};
    if (!stage_sets(decl, "PATH"))
        build_pins(&none, s);
}

static void visit_reference(void *context, const struct reference *r, const struct location *at) {
    foresee_member(context, r, at);
}

static void foresee_members_of_others(struct plan *p) {
    for (size_t i = 0; i < p->pipeline->stage_count; i++) {
        const struct stage_plan *stage = &p->stages[i];
        struct scope s = {.plan = p, .arena = p->scratch};
        if (stage->needed && stage->state != STAGE_DEAD)
            decl_references(stage->decl, visit_reference, &s);
    }
}

void plan_foresee(struct plan *p, struct diagnostics *diagnostics) {
    foresee_members_of_others(p);
    for (size_t i = 0; i < p->instance_count; i++) {
        struct node *n = (struct node *)p->instances[i];
        const struct stage_decl *decl = n->pub.decl;
        if (n->pub.state != INSTANCE_WAITING || n->stage->state != STAGE_OPEN || decl->type == STAGE_SELECT)
            continue;
        struct scope s = {.plan = p, .arena = p->scratch, .node = n};
        for (size_t k = 0; k < decl->in_count; k++)
            foresee_input(&s, &decl->in[k]);
        foresee_with(&s, decl);
        words_foresee(&s);
        foresee_pins(&s, decl);
        places_foresee(&s);
        arena_reset(p->scratch);
    }
    diagnostics_move(diagnostics, &p->faults);
}
