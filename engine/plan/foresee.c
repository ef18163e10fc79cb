/* Faults of instances that still wait for results: what they give by themselves is resolved before anything runs. */
#include <string.h>

#include "engine/plan/internal.h"

struct readiness {
    struct scope *scope;
    bool ready;
};

static void look_at_reference(void *context, const struct reference *r, const struct location *at) {
    struct readiness *x = context;
    struct matrix_member member;
    bool coordinate = r->root == REFERENCE_MATRIX && resolve_matrix(&member, x->scope, r, at) == 0;
    x->ready &= coordinate;
    if (coordinate && member.value)
        value_references(member.value, look_at_reference, x);
}

/* Whether a value (NULL is fine) depends on params and coordinates alone. */
static bool is_ready(struct scope *s, const struct value *v) {
    struct readiness x = {s, true};
    if (v)
        value_references(v, look_at_reference, &x);
    return x.ready;
}

/* ---- inputs ---- */

static void foresee_input(struct scope *s, const struct input_decl *in) {
    for (size_t i = 0; i < in->item_count; i++)
        foresee_input(s, &in->items[i]);
    if (in->type == INPUT_LIST || !is_ready(s, in->value) || !is_ready(s, in->label) || !is_ready(s, in->place) ||
        !is_ready(s, in->sha256))
        return;
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
        if (!is_ready(s, member))
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

static void foresee_words(struct scope *s, const struct stage_decl *decl) {
    const struct value *cmd = decl->cmd;
    for (size_t i = 0; cmd && cmd->type == VALUE_LIST && i < cmd->as.list.count; i++)
        if (is_ready(s, cmd->as.list.items[i]))
            word_check(s, cmd->as.list.items[i], true);
    for (size_t i = 0; i < decl->env_count; i++)
        if (is_ready(s, decl->env[i].value))
            word_check(s, decl->env[i].value, false);
}

void plan_foresee(struct plan *p, struct diagnostics *diagnostics) {
    for (size_t i = 0; i < p->instance_count; i++) {
        struct node *n = (struct node *)p->instances[i];
        const struct stage_decl *decl = n->pub.decl;
        if (n->pub.state != INSTANCE_WAITING || n->stage->state != STAGE_OPEN || decl->type == STAGE_SELECT)
            continue;
        struct scope s = {.plan = p, .arena = p->scratch, .node = n};
        for (size_t k = 0; k < decl->in_count; k++)
            foresee_input(&s, &decl->in[k]);
        foresee_with(&s, decl);
        foresee_words(&s, decl);
        arena_reset(p->scratch);
    }
    diagnostics_move(diagnostics, &p->faults);
}
