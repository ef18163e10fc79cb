#include "engine/plan/plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/plan/internal.h"

const cJSON *plan_keep(struct plan *p, cJSON *tree) {
    mem_grow(p->trees, &p->tree_capacity, p->tree_count + 1);
    p->trees[p->tree_count++] = tree;
    return tree;
}

void queue_node(struct node_queue *q, struct node *n) {
    mem_grow(q->items, &q->capacity, q->count + 1);
    q->items[q->count++] = n;
}

static struct node *take_node(struct node_queue *q) {
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

void queue_expansion(struct plan *p, struct stage_plan *stage) {
    if (stage->queued || stage->state != STAGE_CLOSED)
        return;
    stage->queued = true;
    struct stage_queue *q = &p->expansions;
    mem_grow(q->items, &q->capacity, q->count + 1);
    q->items[q->count++] = stage;
}

static struct stage_plan *take_expansion(struct stage_queue *q) {
    if (q->head < q->count)
        return q->items[q->head++];
    q->head = q->count = 0;
    return NULL;
}

struct node *node_create(struct plan *p, struct stage_plan *stage, const char *name) {
    struct node *n = arena_alloc(p->arena, sizeof *n);
    n->pub.decl = stage->decl;
    n->pub.index = p->instance_count;
    n->pub.name = name;
    n->pub.named = stage->all_named;
    n->stage = stage;
    mem_grow(p->instances, &p->instance_capacity, p->instance_count + 1);
    p->instances[p->instance_count++] = &n->pub;
    stage->undone++;
    if (!bytemap_get(&p->names, name, strlen(name)))
        bytemap_put(&p->names, name, strlen(name), n);
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
    n->pub.reason = arena_printf(p->arena, "needs %s, which failed", cause->pub.name);
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

void stage_plan_opened(struct plan *p, struct stage_plan *stage) {
    stage->state = STAGE_OPEN;
    for (size_t i = 0; stage->all_wanted && i < stage->node_count; i++)
        node_want(p, stage->nodes[i]);
    targets_apply(p, stage);
    wake_waiting(p, stage);
    for (size_t i = 0; stage->undone == 0 && i < stage->follower_count; i++)
        stage_came(p, stage->followers[i]);
}

/* One instance stands for those that will never be: FAILED with a reason, or SKIPPED for a cause. */
void stage_plan_die(struct plan *p, struct stage_plan *stage, const char *reason, const struct node *cause) {
    if (stage->state != STAGE_CLOSED)
        return;
    stage->state = STAGE_DEAD;
    struct node *n = node_create(p, stage, stage->decl->full_name);
    n->pub.wanted = stage->requested;
    n->pub.named = targets_name(p, stage);
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

struct closure {
    struct plan *plan;
    struct stage_queue stack;
};

static void closure_add(struct closure *c, const struct stage_decl *decl) {
    struct stage_plan *stage = &c->plan->stages[decl->index];
    if (stage->needed)
        return;
    stage->needed = true;
    mem_grow(c->stack.items, &c->stack.capacity, c->stack.count + 1);
    c->stack.items[c->stack.count++] = stage;
}

static void closure_visit(void *context, const struct reference *r, const struct location *at) {
    (void)at;
    for (size_t i = 0; i < r->pin_count; i++)
        if (r->pins[i].value)
            value_references(r->pins[i].value, closure_visit, context);
    if (r->root == REFERENCE_STAGE)
        closure_add(context, r->stage);
}

static void need_closure(struct plan *p, struct stage_plan *first) {
    struct closure c = {p, {0}};
    closure_add(&c, first->decl);
    while (c.stack.count > 0) {
        const struct stage_decl *decl = c.stack.items[--c.stack.count]->decl;
        decl_references(decl, closure_visit, &c);
        if (decl->matrix.like)
            closure_add(&c, decl->matrix.like);
        for (size_t i = 0; i < decl->after_count; i++)
            closure_add(&c, decl->after[i]);
    }
    free(c.stack.items);
}

static void request_all(struct plan *p) {
    for (size_t i = 0; i < p->stage_count; i++)
        p->stages[i].needed = p->stages[i].requested = p->stages[i].all_wanted = true;
}

static void request_targets(struct plan *p) {
    for (size_t i = 0; i < p->target_count; i++) {
        struct stage_plan *stage = p->targets[i].stage;
        stage->requested = true;
        stage->all_named |= p->targets[i].reference.pin_count == 0;
        stage->all_wanted |= stage->all_named;
        need_closure(p, stage);
    }
}

int plan_create(struct plan **out, const struct pipeline *pipeline, const struct plan_facts *facts,
                const char *const *targets, size_t target_count, struct error *err) {
    struct plan *p = mem_alloc(sizeof *p);
    p->arena = arena_create();
    p->pipeline = pipeline;
    p->facts = *facts;
    p->stage_count = pipeline->stage_count;
    p->stages = arena_array(p->arena, p->stage_count + 1, sizeof *p->stages);
    for (size_t i = 0; i < p->stage_count; i++)
        p->stages[pipeline->stages[i]->index].decl = pipeline->stages[i];
    int rc = targets_read(p, targets, target_count, err);
    if (rc)
        goto out;
    if (target_count == 0)
        request_all(p);
    else
        request_targets(p);
    for (size_t i = 0; i < p->stage_count; i++) {
        struct stage_plan *stage = &p->stages[pipeline->stages[i]->index];
        if (stage->needed)
            stage_plan_expand(p, stage);
    }
    rc = targets_check(p, err);
    p->created = true;
out:
    if (rc) {
        plan_free(p);
        p = NULL;
    }
    *out = p;
    return rc;
}

static void free_stage(struct stage_plan *stage) {
    free(stage->waiting_nodes);
    free(stage->waiting_stages);
    free(stage->followers);
    cJSON_Delete(stage->table);
}

static void free_node(struct node *n) {
    free(n->pub.needs);
    free(n->pub.needed_by);
    free(n->waiting_stages);
    cJSON_Delete(n->labels);
}

void plan_free(struct plan *p) {
    if (!p)
        return;
    for (size_t i = 0; i < p->instance_count; i++)
        free_node((struct node *)p->instances[i]);
    for (size_t i = 0; i < p->stage_count; i++)
        free_stage(&p->stages[i]);
    for (size_t i = 0; i < p->tree_count; i++)
        cJSON_Delete(p->trees[i]);
    free(p->trees);
    free(p->instances);
    free(p->pending.items);
    free(p->expansions.items);
    free(p->keyed.items);
    bytemap_close(&p->values);
    bytemap_close(&p->files);
    bytemap_close(&p->programs);
    bytemap_close(&p->names);
    cJSON_Delete(p->machine);
    diagnostics_close(&p->faults);
    arena_free(p->arena);
    free(p);
}

static void build(struct plan *p, struct node *n) {
    struct scope s = {.plan = p, .node = n};
    if (build_action(&s)) {
        if (s.fault)
            node_fail(p, n, s.fault);
        return;
    }
    action_key(&n->pub.key, n->pub.action);
    n->pub.state = INSTANCE_KEYED;
    queue_node(&p->keyed, n);
}

static void node_advance(struct plan *p, struct node *n) {
    n->queued = false;
    if (n->pub.state == INSTANCE_WAITING && (!n->discovered || n->incomplete))
        node_discover(p, n);
    if (n->pub.state != INSTANCE_WAITING || n->pub.open_needs > 0 || n->open_stages > 0)
        return;
    if (n->pub.decl->type == STAGE_SELECT)
        select_decide(p, n);
    else
        build(p, n);
}

static void move_faults(struct plan *p, struct diagnostics *out) {
    for (size_t i = 0; i < p->faults.count; i++) {
        const struct diagnostic *d = &p->faults.items[i];
        diagnostics_add(out, d->severity, &d->at, "%s", d->message);
    }
    diagnostics_close(&p->faults);
    p->faults = (struct diagnostics){0};
}

int plan_advance(struct plan *p, struct diagnostics *diagnostics, struct error *err) {
    while (p->error.code == 0) {
        struct stage_plan *stage = take_expansion(&p->expansions);
        if (stage) {
            stage->queued = false;
            stage_plan_expand(p, stage);
            continue;
        }
        struct node *n = take_node(&p->pending);
        if (!n)
            break;
        node_advance(p, n);
    }
    move_faults(p, diagnostics);
    if (p->error.code)
        return error_set(err, p->error.code, "%s", p->error.message);
    return 0;
}

struct instance *plan_next(struct plan *p) {
    struct node *n;
    while ((n = take_node(&p->keyed)))
        if (n->pub.state == INSTANCE_KEYED)
            return &n->pub;
    return NULL;
}

void plan_finish(struct plan *p, struct instance *i, const struct content *outs, const cJSON *metrics) {
    assert(i->state == INSTANCE_KEYED);
    size_t count = i->decl->out_count;
    struct content *copy = arena_array(p->arena, count, sizeof *copy);
    if (count)
        memcpy(copy, outs, count * sizeof *copy);
    i->outs = copy;
    i->metrics = plan_keep(p, metrics ? cJSON_Duplicate(metrics, true) : cJSON_CreateObject());
    node_done(p, (struct node *)i);
}

void plan_fail(struct plan *p, struct instance *i, const char *reason) {
    if (i->state == INSTANCE_WAITING || i->state == INSTANCE_KEYED)
        node_fail(p, (struct node *)i, reason);
}

struct instance *const *plan_instances(const struct plan *p, size_t *count) {
    *count = p->instance_count;
    return p->instances;
}

size_t plan_unexpanded(const struct plan *p, const struct stage_decl **out, size_t capacity) {
    size_t count = 0;
    for (size_t i = 0; i < p->stage_count; i++) {
        const struct stage_plan *stage = &p->stages[p->pipeline->stages[i]->index];
        if (!stage->requested || stage->state != STAGE_CLOSED)
            continue;
        if (count < capacity)
            out[count] = stage->decl;
        count++;
    }
    return count;
}

const cJSON *plan_select_table(const struct plan *p, const struct instance *select) {
    return p->stages[select->decl->index].table;
}
