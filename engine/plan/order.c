#include <stdlib.h>

#include "engine/plan/internal.h"

/*
 * The longest path behind each instance, settled from the ends: an instance is settled once all that depend on it are.
 * Those ordered behind a stage with `after` settle the stage first, which then stands as one dependent of each of its
 * instances.
 */
struct settling {
    struct plan *plan;
    struct node_queue ready;
};

static void raise_to(struct settling *q, struct node *n, double behind_s) {
    if (behind_s > n->pub.remaining_s)
        n->pub.remaining_s = behind_s;
    if (--n->pending == 0)
        queue_node(&q->ready, n);
}

static void settle_stage(struct settling *q, struct stage_plan *stage, double behind_s) {
    if (behind_s > stage->remaining_s)
        stage->remaining_s = behind_s;
    if (--stage->pending > 0)
        return;
    for (size_t i = 0; i < stage->node_count; i++)
        raise_to(q, stage->nodes[i], stage->remaining_s);
}

static void settle(struct settling *q, struct node *n) {
    for (size_t i = 0; i < n->pub.need_count; i++)
        raise_to(q, (struct node *)n->pub.needs[i], n->pub.remaining_s);
    for (size_t i = 0; i < n->leader_count; i++)
        settle_stage(q, n->leaders[i], n->pub.remaining_s);
}

static void prepare(struct settling *q) {
    struct plan *p = q->plan;
    for (size_t i = 0; i < p->stage_count; i++) {
        p->stages[i].pending = p->stages[i].follower_count;
        p->stages[i].remaining_s = 0;
    }
    for (size_t i = 0; i < p->instance_count; i++) {
        struct node *n = (struct node *)p->instances[i];
        n->pub.remaining_s = 0;
        n->pending = n->pub.needed_by_count + (n->stage->follower_count > 0);
        if (n->pending == 0)
            queue_node(&q->ready, n);
    }
}

void plan_order(struct plan *p, double (*estimate)(void *context, const struct instance *i), void *context) {
    struct settling q = {.plan = p};
    prepare(&q);
    while (q.ready.head < q.ready.count) {
        struct node *n = q.ready.items[q.ready.head++];
        if (n->pub.decl->type != STAGE_SELECT)
            n->pub.remaining_s += estimate(context, &n->pub);
        settle(&q, n);
    }
    free(q.ready.items);
}
