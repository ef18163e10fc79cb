#include <string.h>

#include "engine/plan/internal.h"

/* Whether all it refers to is done: a result waits for what never comes, too. */
static bool is_ready(struct scope *s, const struct value *v) {
    scope_discover(s, v);
    return !s->fault && !s->waits && !s->blocker;
}

/* Outs that were not written are no items. */
static int read_items(struct result_item *items, size_t *count, struct scope *s, const struct reference *r,
                      const struct match *m, struct error *err) {
    struct plan *p = s->plan;
    for (size_t i = 0; i < m->count; i++) {
        struct node *n = m->rows[i];
        size_t index;
        if (!stage_out(n->pub.decl, r->steps[1].name, &index))
            return error_set(err, ERR_INVALID, "%s: %s has no out \"%s\"", r->text, instance_name(&n->pub),
                             r->steps[1].name);
        const struct out_decl *out = node_out(s, n, index);
        if (!out)
            return error_set(err, ERR_INVALID, "%s", s->fault);
        if (digest_is_zero(&n->pub.outs[index].digest))
            continue;
        cJSON *labels = action_labels(node_labels(p->arena, n), instance_coordinate_count(&n->pub));
        items[(*count)++] = (struct result_item){&n->pub, out, &n->pub.outs[index], tree_keep(p->arena, labels)};
    }
    return 0;
}

int plan_result(struct plan *p, const struct result_decl *result, const struct result_item **items, size_t *count,
                bool *waiting, struct error *err) {
    struct scope s = {.plan = p, .arena = p->arena, .silent = true, .optional = true};
    const struct reference *r = result->value->type == VALUE_REFERENCE ? result->value->as.reference : NULL;
    struct match m;
    *items = NULL;
    *count = 0;
    *waiting = false;
    if (!r || r->root != REFERENCE_STAGE || r->step_count != 2 || !r->steps[0].name || !r->steps[1].name ||
        strcmp(r->steps[0].name, "outs") != 0)
        return error_set(err, ERR_INVALID, "result %s: it names outs, as in ${stages.NAME.outs.NAME}", result->name);
    *waiting = !is_ready(&s, result->value) && !s.fault;
    if (*waiting)
        return 0;
    if (s.fault || match_reference(&m, &s, r, &result->value->at))
        return error_set(err, ERR_INVALID, "result %s: %s", result->name, s.fault);
    struct result_item *found = arena_array(p->arena, m.count, sizeof *found);
    int rc = read_items(found, count, &s, r, &m, err);
    if (rc)
        return error_prefix(err, "result %s", result->name);
    *items = found;
    return 0;
}
