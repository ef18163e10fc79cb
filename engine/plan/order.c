#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/plan/internal.h"

/* The instances of a stage as one, for those ordered behind it with `after`. */
struct leader {
    size_t pending;
    double behind_s;
};

/*
 * The longest path behind each instance, from the ends: an instance is ready once all that depend on it are. Those
 * ordered behind a stage with `after` are first added up in the stage, which then is one dependent of each of its
 * instances.
 */
struct ordering {
    struct plan *plan;
    uint32_t *pending; /* by instance: dependents that are not ready */
    struct leader *leaders;
    struct node_queue ready;
};

static void raise_to(struct ordering *o, struct node *n, double behind_s) {
    if (behind_s > n->pub.remaining_s)
        n->pub.remaining_s = behind_s;
    if (--o->pending[n->pub.index] == 0)
        node_queue_push(&o->ready, n);
}

static void raise_stage(struct ordering *o, const struct stage_decl *decl, double behind_s) {
    struct leader *leader = &o->leaders[decl->index];
    const struct stage_plan *stage = &o->plan->stages[decl->index];
    if (behind_s > leader->behind_s)
        leader->behind_s = behind_s;
    if (--leader->pending > 0)
        return;
    for (size_t i = 0; i < stage->node_count; i++)
        raise_to(o, stage->nodes[i], leader->behind_s);
}

static size_t leader_count(const struct node *n) {
    return n->discovered ? n->pub.decl->after_count : 0;
}

static void count_dependents(struct ordering *o) {
    const struct plan *p = o->plan;
    for (size_t i = 0; i < p->instance_count; i++) {
        struct node *n = (struct node *)p->instances[i];
        n->pub.remaining_s = 0;
        for (size_t k = 0; k < n->pub.need_count; k++)
            o->pending[n->pub.needs[k]->index]++;
        for (size_t k = 0; k < leader_count(n); k++)
            o->leaders[n->pub.decl->after[k]->index].pending++;
    }
    for (size_t i = 0; i < p->instance_count; i++) {
        struct node *n = (struct node *)p->instances[i];
        o->pending[i] += o->leaders[n->pub.decl->index].pending > 0;
        if (o->pending[i] == 0)
            node_queue_push(&o->ready, n);
    }
}

void plan_order(struct plan *p, double (*estimate)(void *context, const struct instance *i), void *context) {
    struct ordering o = {.plan = p};
    o.pending = mem_array(p->instance_count, sizeof *o.pending);
    o.leaders = mem_array(p->stage_count, sizeof *o.leaders);
    count_dependents(&o);
    while (o.ready.head < o.ready.count) {
        struct node *n = o.ready.items[o.ready.head++];
        if (n->pub.decl->type != STAGE_SELECT)
            n->pub.remaining_s += estimate(context, &n->pub);
        for (size_t i = 0; i < n->pub.need_count; i++)
            raise_to(&o, (struct node *)n->pub.needs[i], n->pub.remaining_s);
        for (size_t i = 0; i < leader_count(n); i++)
            raise_stage(&o, n->pub.decl->after[i], n->pub.remaining_s);
    }
    free(o.pending);
    free(o.leaders);
    free(o.ready.items);
}
