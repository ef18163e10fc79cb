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

bool plan_has_quorum(const struct plan *p) {
    return p->has_quorum;
}
