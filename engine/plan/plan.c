#include "engine/plan/plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/plan/internal.h"

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
    p->scratch = arena_create();
    p->key_maker = key_maker_create();
    p->pipeline = pipeline;
    p->facts = *facts;
    p->stage_count = pipeline->stage_count;
    p->stages = arena_array(p->arena, p->stage_count + 1, sizeof *p->stages);
    for (size_t i = 0; i < p->stage_count; i++) {
        struct stage_plan *stage = &p->stages[pipeline->stages[i]->index];
        stage->plan = p;
        stage->decl = pipeline->stages[i];
    }
    int rc = targets_read(p, targets, target_count, err);
    if (rc)
        goto out;
    if (target_count == 0)
        request_all(p);
    else
        request_targets(p);
    watch_selects(p);
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
    free(stage->view.cells);
    free(stage->omitted.cells);
}

void plan_free(struct plan *p) {
    if (!p)
        return;
    for (size_t i = 0; i < p->instance_count; i++)
        instance_release_action(p->instances[i]);
    for (size_t i = 0; i < p->stage_count; i++)
        free_stage(&p->stages[i]);
    free(p->instances);
    free(p->edges);
    free(p->found);
    free(p->pending.items);
    free(p->expansions.items);
    free(p->keyed.items);
    free(p->asking.items);
    bytemap_close(&p->values);
    bytemap_close(&p->files);
    bytemap_close(&p->parts);
    bytemap_close(&p->programs);
    bytemap_close(&p->metric_sets);
    cJSON_Delete(p->machine);
    diagnostics_close(&p->faults);
    key_maker_free(p->key_maker);
    buffer_close(&p->text);
    buffer_close(&p->warnings);
    arena_free(p->scratch);
    arena_free(p->arena);
    free(p);
}

static void build(struct plan *p, struct node *n) {
    struct scope s = {.plan = p, .arena = p->scratch, .node = n};
    struct action *action;
    if (build_action(&action, &s)) {
        if (s.fault)
            node_fail(p, n, s.fault);
        else if (s.waits)
            node_queue_push(&p->asking, n);
        return;
    }
    action_key(&n->pub.key, p->key_maker, action);
    node_key(p, n);
}

static void node_advance(struct plan *p, struct node *n) {
    n->in_pending = false;
    if (n->pub.state == INSTANCE_WAITING && (!n->discovered || n->incomplete))
        node_discover(p, n);
    if (n->pub.state != INSTANCE_WAITING || n->open_needs > 0 || n->open_stages > 0)
        return;
    if (n->pub.decl->type != STAGE_SELECT)
        build(p, n);
    else if (n->open_leaders == 0)
        select_decide(p, n);
}

int plan_advance(struct plan *p, struct diagnostics *diagnostics, struct error *err) {
    while (p->error.code == 0) {
        struct stage_plan *stage = expansion_pop(p);
        if (stage) {
            stage->queued = false;
            stage_plan_expand(p, stage);
            continue;
        }
        struct node *n = node_queue_pop(&p->pending);
        if (!n)
            break;
        node_advance(p, n);
        arena_reset(p->scratch);
        if (p->facts.tick)
            p->facts.tick(p->facts.context);
    }
    diagnostics_move(diagnostics, &p->faults);
    if (p->error.code)
        return error_set(err, p->error.code, "%s", p->error.message);
    return 0;
}

struct instance *plan_next(struct plan *p) {
    struct node *n;
    while ((n = node_queue_pop(&p->keyed))) {
        n->in_keyed = false;
        if (n->pub.state == INSTANCE_KEYED)
            return &n->pub;
    }
    return NULL;
}

void plan_finish(struct plan *p, struct instance *i, const struct content *outs, const cJSON *metrics) {
    assert(i->state == INSTANCE_KEYED);
    size_t count = i->decl->out_count;
    struct content *copy = arena_array(p->arena, count, sizeof *copy);
    if (count)
        memcpy(copy, outs, count * sizeof *copy);
    i->outs = copy;
    i->metrics = metrics_create(p, metrics);
    struct stage_plan *stage = ((struct node *)i)->stage;
    if (stage->is_watched && i->metrics)
        watch_names(p, stage, i->metrics);
    node_done(p, (struct node *)i);
}

int plan_finish_known(struct plan *p, struct instance *i, const struct content *outs, const char *metrics,
                      struct error *err) {
    const cJSON *object;
    int rc = json_parse_in(&object, p->scratch, metrics, strlen(metrics), NULL, err);
    if (rc == 0)
        plan_finish(p, i, outs, object);
    arena_reset(p->scratch);
    return rc;
}

void plan_finish_like(struct plan *p, struct instance *i, const struct instance *done) {
    assert(i->state == INSTANCE_KEYED && done->state == INSTANCE_DONE);
    i->outs = done->outs;
    i->metrics = done->metrics;
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
