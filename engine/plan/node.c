#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/plan/internal.h"

void node_queue_push(struct node_queue *q, struct node *n) {
    mem_grow(q->items, &q->capacity, q->count + 1);
    q->items[q->count++] = n;
}

struct node *node_queue_pop(struct node_queue *q) {
    if (q->head < q->count)
        return q->items[q->head++];
    q->head = q->count = 0;
    return NULL;
}

static void make_pending(struct plan *p, struct node *n) {
    if (n->in_pending || n->pub.state != INSTANCE_WAITING || !n->pub.wanted)
        return;
    n->in_pending = true;
    node_queue_push(&p->pending, n);
}

static void queue_expansion(struct plan *p, struct stage_plan *stage) {
    if (stage->queued || stage->state != STAGE_CLOSED)
        return;
    stage->queued = true;
    struct stage_queue *q = &p->expansions;
    mem_grow(q->items, &q->capacity, q->count + 1);
    q->items[q->count++] = stage;
}

struct stage_plan *expansion_pop(struct plan *p) {
    struct stage_queue *q = &p->expansions;
    if (q->head < q->count)
        return q->items[q->head++];
    q->head = q->count = 0;
    return NULL;
}

void node_init(struct plan *p, struct stage_plan *stage, struct node *n, const struct axis_value *const *values) {
    n->pub.decl = stage->decl;
    n->pub.index = p->instance_count;
    n->pub.named = stage->all_named;
    n->values = values;
    n->stage = stage;
    mem_grow(p->instances, &p->instance_capacity, p->instance_count + 1);
    p->instances[p->instance_count++] = &n->pub;
    stage->undone++;
}

void plan_ask_again(struct plan *p) {
    for (struct node *n; (n = node_queue_pop(&p->asking));)
        make_pending(p, n);
}

/* ---- waiting ---- */

void node_add_waiter(struct plan *p, struct node *n, uint32_t waiter) {
    if (p->edge_count == 0)
        p->edge_count = 1;
    mem_grow(p->edges, &p->edge_capacity, p->edge_count + 1);
    uint32_t added = (uint32_t)p->edge_count++;
    p->edges[added] = (struct edge){added, waiter};
    if (n->waiters) {
        p->edges[added].next = p->edges[n->waiters].next;
        p->edges[n->waiters].next = added;
    }
    n->waiters = added;
}

/* The nodes that wait for one. */
struct waiters {
    uint32_t edge, last;
};

static struct waiters node_waiters(const struct plan *p, const struct node *n) {
    return (struct waiters){n->waiters ? p->edges[n->waiters].next : 0, n->waiters};
}

/* False behind the last. */
static bool next_waiter(const struct plan *p, struct waiters *w, uint32_t *waiter) {
    if (w->edge == 0)
        return false;
    *waiter = p->edges[w->edge].waiter;
    w->edge = w->edge == w->last ? 0 : p->edges[w->edge].next;
    return true;
}

static struct stage_plan *waiting_stage(const struct plan *p, uint32_t waiter) {
    return waiter & EDGE_STAGE ? &p->stages[waiter & ~EDGE_STAGE] : NULL;
}

static struct node *waiting_node(const struct plan *p, uint32_t waiter) {
    return (struct node *)p->instances[waiter];
}

/* ---- the end of a node ---- */

void node_want(struct plan *p, struct node *n) {
    if (n->pub.wanted)
        return;
    n->pub.wanted = true;
    make_pending(p, n);
}

/* Whether all that its key or its decision depends on is there. */
static bool is_ready(const struct node *n) {
    return n->open_needs == 0 && n->open_stages == 0;
}

static void queue_keyed(struct plan *p, struct node *n) {
    if (n->in_keyed)
        return;
    n->in_keyed = true;
    node_queue_push(&p->keyed, n);
}

void node_key(struct plan *p, struct node *n) {
    n->pub.keyed = true;
    n->pub.state = INSTANCE_KEYED;
    n->pub.behind = n->open_leaders > 0;
    queue_keyed(p, n);
}

void node_wake(struct plan *p, struct node *n) {
    if (is_ready(n))
        make_pending(p, n);
}

bool node_each_waiter(struct plan *p, const struct node *n, bool (*visit)(struct plan *p, struct node *waiter)) {
    struct waiters waiters = node_waiters(p, n);
    bool go_on = true;
    for (uint32_t waiter; go_on && next_waiter(p, &waiters, &waiter);)
        go_on = !waiting_stage(p, waiter) && visit(p, waiting_node(p, waiter));
    return go_on;
}

void node_each_dependent(struct plan *p, const struct node *n, void (*on_node)(void *context, struct node *n),
                         void (*on_stage)(void *context, struct stage_plan *stage), void *context) {
    struct waiters waiters = node_waiters(p, n);
    for (uint32_t waiter; next_waiter(p, &waiters, &waiter);) {
        struct stage_plan *stage = waiting_stage(p, waiter);
        if (stage)
            on_stage(context, stage);
        else
            on_node(context, waiting_node(p, waiter));
    }
}

/* All instances of a stage that it follows are done: it may run. */
static void leader_done(struct plan *p, struct node *n) {
    if (--n->open_leaders > 0)
        return;
    n->pub.behind = false;
    if (n->pub.state == INSTANCE_KEYED)
        queue_keyed(p, n);
    else
        make_pending(p, n);
}

void node_done(struct plan *p, struct node *n) {
    struct waiters waiters = node_waiters(p, n);
    n->pub.state = INSTANCE_DONE;
    for (uint32_t waiter; next_waiter(p, &waiters, &waiter);) {
        struct stage_plan *stage = waiting_stage(p, waiter);
        struct node *dependent = stage ? NULL : waiting_node(p, waiter);
        if (stage && --stage->open == 0)
            queue_expansion(p, stage);
        if (dependent && --dependent->open_needs == 0)
            node_wake(p, dependent);
    }
    if (--n->stage->undone > 0)
        return;
    for (size_t i = 0; i < n->stage->follower_count; i++)
        leader_done(p, n->stage->followers[i]);
}

/* It cannot run yet. One that follows others with `after` may have a key. */
static bool is_held_back(const struct node *n) {
    return n->pub.state == INSTANCE_WAITING || (n->pub.state == INSTANCE_KEYED && n->pub.behind);
}

/* A select that goes on without the failed instance does not help a stage that takes all instances. */
static bool has_select_with_quorum(const struct plan *p, const struct stage_decl *stage) {
    for (size_t i = 0; i < p->pipeline->stage_count; i++) {
        const struct select_decl *select = p->pipeline->stages[i]->select;
        if (select && select->quorum > 0 && select->from->stage == stage)
            return true;
    }
    return false;
}

static const char *skip_reason(struct plan *p, const struct node *cause) {
    return arena_printf(p->arena, "needs %s, which failed%s", instance_name(&cause->pub),
                        has_select_with_quorum(p, cause->pub.decl)
                            ? "; a select with \"group_by\": [] and a \"quorum\" takes all that succeeded"
                            : "");
}

static void skip(struct node *n, const struct node *cause, const char *reason) {
    n->pub.state = INSTANCE_SKIPPED;
    n->pub.reason = reason;
    n->cause = cause;
}

/* The walk from a failed node over the nodes that it skips. */
struct spreading {
    struct plan *plan;
    const struct node *cause;
    const char *reason; /* of all that are skipped */
    struct node_queue stack;
};

static void spread_to(struct spreading *s, struct node *n, const struct node *from) {
    if (!is_held_back(n))
        return;
    if (from && has_quorum(n) && !from->pub.needed) {
        quorum_lose(s->plan, n, from);
        n->open_needs--;
        node_wake(s->plan, n);
        return;
    }
    skip(n, s->cause, s->reason);
    n->pub.needed |= from && from->pub.needed;
    node_queue_push(&s->stack, n);
}

/* Skips everything that depends on a failed instance. It uses no recursion, since chains may be long. */
static void spread(struct plan *p, struct node *first) {
    struct spreading s = {.plan = p, .cause = first->cause ? first->cause : first};
    s.reason = first->cause ? first->pub.reason : skip_reason(p, first);
    node_queue_push(&s.stack, first);
    while (s.stack.count > 0) {
        struct node *n = s.stack.items[--s.stack.count];
        struct waiters waiters = node_waiters(p, n);
        for (uint32_t waiter; next_waiter(p, &waiters, &waiter);)
            if (!waiting_stage(p, waiter))
                spread_to(&s, waiting_node(p, waiter), n);
        n->stage->unended = n;
        for (size_t i = 0; i < n->stage->follower_count; i++)
            spread_to(&s, n->stage->followers[i], NULL);
        waiters = node_waiters(p, n);
        for (uint32_t waiter; next_waiter(p, &waiters, &waiter);)
            if (waiting_stage(p, waiter))
                stage_plan_die(p, waiting_stage(p, waiter), NULL, s.cause);
    }
    free(s.stack.items);
}

void node_fail(struct plan *p, struct node *n, const char *reason) {
    n->pub.state = INSTANCE_FAILED;
    n->pub.reason = arena_strdup(p->arena, reason);
    spread(p, n);
}

void node_skip(struct plan *p, struct node *n, const struct node *cause) {
    if (!is_held_back(n))
        return;
    const char *reason = cause->cause ? cause->pub.reason : skip_reason(p, cause);
    skip(n, cause->cause ? cause->cause : cause, reason);
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
        leader_done(p, stage->followers[i]);
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
    struct node *n = arena_alloc(p->arena, sizeof *n);
    node_init(p, stage, n, NULL);
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
        skip(n, cause, skip_reason(p, cause));
    }
    wake_waiting(p, stage);
    for (size_t i = 0; i < stage->follower_count; i++) {
        struct node *follower = stage->followers[i];
        if (!is_held_back(follower))
            continue;
        follower->pub.state = INSTANCE_WAITING;
        follower->incomplete = true; /* so that it is discovered again, and finds what failed */
        make_pending(p, follower);
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
