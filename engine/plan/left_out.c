/* Whether the selects that a failed instance leads to go on without it. */
#include "engine/plan/internal.h"

/* Whether the select was decided, or may still be when it loses one more. */
static bool is_reachable(const struct plan *p, const struct node *select) {
    const struct stage_plan *stage = select->stage;
    bool ended = select->pub.state == INSTANCE_FAILED || select->pub.state == INSTANCE_SKIPPED;
    return !ended && stage->row_count >= stage->left_out_count + p->losing + quorum_needed(stage);
}

static bool tolerates(struct plan *p, struct node *waiter);

static bool is_tolerated(struct plan *p, const struct node *n) {
    enum { LONGEST_CHAIN = 1000 };
    if (n->waiters == 0 || n->pub.needed || p->chain == LONGEST_CHAIN)
        return false;
    p->chain++;
    bool tolerated = node_each_waiter(p, n, tolerates);
    p->chain--;
    return tolerated;
}

/* A stage between an instance and the select is skipped, and so left out with it. */
static bool tolerates(struct plan *p, struct node *waiter) {
    return waiter->pub.decl->select ? has_quorum(waiter) && (p->any_loss || is_reachable(p, waiter))
                                    : is_tolerated(p, waiter);
}

bool plan_is_left_out(struct plan *p, const struct instance *i) {
    p->losing = i->state != INSTANCE_FAILED && i->state != INSTANCE_SKIPPED; /* else it is counted */
    return is_tolerated(p, (const struct node *)i);
}

bool plan_serves_quorum(struct plan *p, const struct instance *i) {
    p->any_loss = true;
    bool serves = p->has_quorum && is_tolerated(p, (const struct node *)i);
    p->any_loss = false;
    return serves;
}

bool plan_was_left_out(struct plan *p, const struct instance *i) {
    bool ended = i->state == INSTANCE_FAILED || i->state == INSTANCE_SKIPPED;
    return ended && p->has_quorum && plan_is_left_out(p, i);
}
