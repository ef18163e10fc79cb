#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/plan/internal.h"

void queue_node(struct node_queue *q, struct node *n) {
    mem_grow(q->items, &q->capacity, q->count + 1);
    q->items[q->count++] = n;
}

struct node *take_node(struct node_queue *q) {
    if (q->head < q->count)
        return q->items[q->head++];
    q->head = q->count = 0;
    return NULL;
}

static void make_pending(struct plan *p, struct node *n) {
    if (n->queued || n->pub.state != INSTANCE_WAITING || !n->pub.wanted)
        return;
    n->queued = true;
    queue_node(&p->pending, n);
}

static void queue_expansion(struct plan *p, struct stage_plan *stage) {
    if (stage->queued || stage->state != STAGE_CLOSED)
        return;
    stage->queued = true;
    struct stage_queue *q = &p->expansions;
    mem_grow(q->items, &q->capacity, q->count + 1);
    q->items[q->count++] = stage;
}

struct stage_plan *take_expansion(struct plan *p) {
    struct stage_queue *q = &p->expansions;
    if (q->head < q->count)
        return q->items[q->head++];
    q->head = q->count = 0;
    return NULL;
}

struct node *node_create(struct plan *p, struct stage_plan *stage, const struct axis_value *const *values) {
    struct node *n = arena_alloc(p->arena, sizeof *n);
    n->pub.decl = stage->decl;
    n->pub.index = p->instance_count;
    n->values = values;
    n->pub.named = stage->all_named;
    n->stage = stage;
    mem_grow(p->instances, &p->instance_capacity, p->instance_count + 1);
    p->instances[p->instance_count++] = &n->pub;
    stage->undone++;
    return n;
}

void node_want(struct plan *p, struct node *n) {
    if (n->pub.wanted)
        return;
    n->pub.wanted = true;
    make_pending(p, n);
}

static void stage_came(struct plan *p, struct node *n) {
    if (--n->open_stages == 0 && n->pub.open_needs == 0)
        make_pending(p, n);
}

void node_done(struct plan *p, struct node *n) {
    n->pub.state = INSTANCE_DONE;
    for (size_t i = 0; i < n->pub.needed_by_count; i++) {
        struct node *d = (struct node *)n->pub.needed_by[i];
        if (--d->pub.open_needs == 0 && d->open_stages == 0)
            make_pending(p, d);
    }
    for (size_t i = 0; i < n->waiting_stage_count; i++)
        if (--n->waiting_stages[i]->open == 0)
            queue_expansion(p, n->waiting_stages[i]);
    if (--n->stage->undone > 0)
        return;
    for (size_t i = 0; i < n->stage->follower_count; i++)
        stage_came(p, n->stage->followers[i]);
}

static bool mark_skipped(struct plan *p, struct node *n, const struct node *cause) {
    if (n->pub.state != INSTANCE_WAITING)
        return false;
    n->pub.state = INSTANCE_SKIPPED;
    n->cause = cause;
    n->pub.reason = arena_printf(p->arena, "needs %s, which failed", instance_name(&cause->pub));
    return true;
}

/* What depends on an instance that ended badly is skipped, and so on; without recursion, chains may be long. */
static void spread(struct plan *p, struct node *first) {
    struct node_queue stack = {0};
    queue_node(&stack, first);
    while (stack.count > 0) {
        struct node *n = stack.items[--stack.count];
        const struct node *cause = n->cause ? n->cause : n;
        for (size_t i = 0; i < n->pub.needed_by_count; i++)
            if (mark_skipped(p, (struct node *)n->pub.needed_by[i], cause))
                queue_node(&stack, (struct node *)n->pub.needed_by[i]);
        n->stage->unended = n;
        for (size_t i = 0; i < n->stage->follower_count; i++)
            if (mark_skipped(p, n->stage->followers[i], cause))
                queue_node(&stack, n->stage->followers[i]);
        for (size_t i = 0; i < n->waiting_stage_count; i++)
            stage_plan_die(p, n->waiting_stages[i], NULL, cause);
    }
    free(stack.items);
}

void node_fail(struct plan *p, struct node *n, const char *reason) {
    n->pub.state = INSTANCE_FAILED;
    n->pub.reason = arena_strdup(p->arena, reason);
    spread(p, n);
}

void node_skip(struct plan *p, struct node *n, const struct node *cause) {
    if (mark_skipped(p, n, cause->cause ? cause->cause : cause))
        spread(p, n);
}

static void wake_waiting(struct plan *p, struct stage_plan *stage) {
    for (size_t i = 0; i < stage->waiting_node_count; i++) {
        stage->waiting_nodes[i]->open_stages--;
        make_pending(p, stage->waiting_nodes[i]);
    }
    for (size_t i = 0; i < stage->waiting_stage_count; i++)
        if (--stage->waiting_stages[i]->open == 0)
            queue_expansion(p, stage->waiting_stages[i]);
}

void stage_plan_open(struct plan *p, struct stage_plan *stage) {
    stage->state = STAGE_OPEN;
    for (size_t i = 0; stage->all_wanted && i < stage->node_count; i++)
        node_want(p, stage->nodes[i]);
}

void stage_plan_wake(struct plan *p, struct stage_plan *stage) {
    wake_waiting(p, stage);
    for (size_t i = 0; stage->undone == 0 && i < stage->follower_count; i++)
        stage_came(p, stage->followers[i]);
}

static bool is_target(const struct plan *p, const struct stage_plan *stage) {
    bool named = false;
    for (size_t i = 0; i < p->target_count; i++)
        named |= p->targets[i].stage == stage;
    return named;
}

/* One instance stands for those that will never be: FAILED with a reason, or SKIPPED for a cause. */
void stage_plan_die(struct plan *p, struct stage_plan *stage, const char *reason, const struct node *cause) {
    if (stage->state != STAGE_CLOSED)
        return;
    stage->state = STAGE_DEAD;
    struct node *n = node_create(p, stage, NULL);
    n->pub.wanted = stage->requested;
    n->pub.named = is_target(p, stage);
    stage->nodes = arena_array(p->arena, 1, sizeof *stage->nodes);
    stage->nodes[0] = n;
    stage->node_count = 1;
    stage->unended = n;
    if (reason) {
        n->pub.state = INSTANCE_FAILED;
        n->pub.reason = arena_strdup(p->arena, reason);
    } else {
        mark_skipped(p, n, cause);
    }
    wake_waiting(p, stage);
    for (size_t i = 0; i < stage->follower_count; i++) {
        stage->followers[i]->incomplete = true; /* so that it is looked at again, and finds what failed */
        make_pending(p, stage->followers[i]);
    }
}

void stage_plan_request(struct plan *p, struct stage_plan *stage) {
    if (stage->requested)
        return;
    stage->requested = true;
    if (stage->state == STAGE_DEAD)
        stage->nodes[0]->pub.wanted = true;
    queue_expansion(p, stage);
}
