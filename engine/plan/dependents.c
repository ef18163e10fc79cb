/* The instances that depend on others, as far as the plan knows them. */
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/plan/internal.h"

struct walk {
    struct plan *plan;
    const struct dependents_visitor *visitor;
    struct node_queue nodes;
    struct stage_queue stages;
    bool *met; /* by stage: its expansion waits */
};

static void meet_node(void *context, struct node *n) {
    struct walk *w = context;
    if (n->stamp == w->plan->stamp)
        return;
    n->stamp = w->plan->stamp;
    node_queue_push(&w->nodes, n);
}

static void meet_stage(void *context, struct stage_plan *stage) {
    struct walk *w = context;
    if (w->met[stage->decl->index])
        return;
    w->met[stage->decl->index] = true;
    mem_grow(w->stages.items, &w->stages.capacity, w->stages.count + 1);
    w->stages.items[w->stages.count++] = stage;
}

static void meet_followers(struct walk *w, const struct stage_plan *stage) {
    for (size_t i = 0; i < stage->follower_count; i++)
        meet_node(w, stage->followers[i]);
}

static void visit_node(struct walk *w, struct node *n) {
    w->visitor->instance(w->visitor->context, &n->pub);
    node_each_dependent(w->plan, n, meet_node, meet_stage, w);
    meet_followers(w, n->stage);
}

static void visit_stage(struct walk *w, const struct stage_plan *stage) {
    w->visitor->stage(w->visitor->context, stage->decl);
    for (size_t i = 0; i < stage->waiting_node_count; i++)
        meet_node(w, stage->waiting_nodes[i]);
    for (size_t i = 0; i < stage->waiting_stage_count; i++)
        meet_stage(w, stage->waiting_stages[i]);
    meet_followers(w, stage);
}

void plan_dependents(struct plan *p, const struct instance *const *from, size_t count,
                     const struct dependents_visitor *visitor) {
    struct walk w = {.plan = p, .visitor = visitor, .met = mem_array(p->stage_count + 1, sizeof *w.met)};
    p->stamp++;
    for (size_t i = 0; i < count; i++)
        meet_node(&w, (struct node *)p->instances[from[i]->index]);
    for (struct node *n = node_queue_pop(&w.nodes); n || w.stages.count > 0; n = node_queue_pop(&w.nodes))
        if (n)
            visit_node(&w, n);
        else
            visit_stage(&w, w.stages.items[--w.stages.count]);
    free(w.nodes.items);
    free(w.stages.items);
    free(w.met);
}
