/* Selects with a quorum, which go on without the instances that failed. */
#include <math.h>

#include "engine/base/memory.h"
#include "engine/plan/internal.h"

bool has_quorum(const struct node *n) {
    return n->pub.decl->select && n->pub.decl->select->quorum > 0;
}

size_t quorum_needed(const struct stage_plan *select) {
    const struct select_decl *decl = select->decl->select;
    double needed = decl->quorum_is_part ? ceil(decl->quorum * (double)select->row_count - 1e-9) : decl->quorum;
    return needed < 1 ? 1 : (size_t)needed;
}

void quorum_lose(struct plan *p, struct node *select, const struct node *row) {
    struct stage_plan *stage = select->stage;
    arena_grow(p->arena, stage->left_out, &stage->left_out_capacity, stage->left_out_count + 1);
    stage->left_out[stage->left_out_count++] = row;
}

void quorum_rows(struct plan *p, struct match *m) {
    struct node **rows = arena_array(p->scratch, m->count, sizeof(struct node *));
    size_t count = 0;
    for (size_t i = 0; i < m->count; i++)
        if (m->rows[i]->pub.state == INSTANCE_DONE)
            rows[count++] = m->rows[i];
    m->rows = rows;
    m->count = count;
}

/* Whether the select was decided, or may still be when it loses one more. */
static bool is_reachable(const struct plan *p, const struct node *select) {
    const struct stage_plan *stage = select->stage;
    bool ended = select->pub.state == INSTANCE_FAILED || select->pub.state == INSTANCE_SKIPPED;
    return !ended && stage->row_count >= stage->left_out_count + p->losing + quorum_needed(stage);
}

static bool tolerates(struct plan *p, struct node *waiter);

static bool is_tolerated(struct plan *p, const struct node *n) {
    enum { LONGEST_CHAIN = 1000 };
    if (n->waiters == 0 || p->chain == LONGEST_CHAIN)
        return false;
    p->chain++;
    bool tolerated = node_each_waiter(p, n, tolerates);
    p->chain--;
    return tolerated;
}

/* A stage between an instance and the select is skipped, and so left out with it. */
static bool tolerates(struct plan *p, struct node *waiter) {
    return waiter->pub.decl->select ? has_quorum(waiter) && is_reachable(p, waiter) : is_tolerated(p, waiter);
}

bool plan_is_left_out(struct plan *p, const struct instance *i) {
    p->losing = i->state != INSTANCE_FAILED; /* one that failed is counted */
    return is_tolerated(p, (const struct node *)i);
}

bool plan_has_quorum(const struct plan *p) {
    return p->has_quorum;
}
