#include <string.h>

#include "engine/base/memory.h"
#include "engine/plan/internal.h"

void value_references(const struct value *v, reference_visit *visit, void *context) {
    switch (v->type) {
    case VALUE_LITERAL:
        return;
    case VALUE_REFERENCE:
        visit(context, v->as.reference, &v->at);
        return;
    case VALUE_TEXT:
        for (size_t i = 0; i < v->as.text.count; i++)
            if (v->as.text.parts[i].reference)
                visit(context, v->as.text.parts[i].reference, &v->at);
        return;
    case VALUE_LIST:
        for (size_t i = 0; i < v->as.list.count; i++)
            value_references(v->as.list.items[i], visit, context);
        return;
    case VALUE_OBJECT:
        for (size_t i = 0; i < v->as.object.count; i++)
            value_references(v->as.object.values[i], visit, context);
        return;
    case VALUE_EXTENDS:
        value_references(v->as.extends.base, visit, context);
        value_references(v->as.extends.patch, visit, context);
        return;
    }
}

static void optional_references(const struct value *v, reference_visit *visit, void *context) {
    if (v)
        value_references(v, visit, context);
}

/* Without those of its items. */
static void own_references(const struct input_decl *in, reference_visit *visit, void *context) {
    optional_references(in->value, visit, context);
    optional_references(in->label, visit, context);
    optional_references(in->place, visit, context);
    optional_references(in->part, visit, context);
    optional_references(in->sha256, visit, context);
}

static void input_references(const struct input_decl *in, reference_visit *visit, void *context) {
    own_references(in, visit, context);
    for (size_t i = 0; i < in->item_count; i++)
        input_references(&in->items[i], visit, context);
}

/* Visits the references of an instance, without those of its inputs and its matrix. */
static void body_references(const struct stage_decl *decl, reference_visit *visit, void *context) {
    for (size_t i = 0; i < decl->out_count; i++)
        optional_references(decl->outs[i].template, visit, context);
    optional_references(decl->with, visit, context);
    optional_references(decl->cmd, visit, context);
    for (size_t i = 0; i < decl->env_count; i++)
        optional_references(decl->env[i].value, visit, context);
}

void decl_references(const struct stage_decl *decl, reference_visit *visit, void *context) {
    for (size_t i = 0; i < decl->in_count; i++)
        input_references(&decl->in[i], visit, context);
    body_references(decl, visit, context);
    for (size_t i = 0; i < decl->matrix.axis_count; i++)
        optional_references(decl->matrix.axes[i].values, visit, context);
    optional_references(decl->matrix.exclude, visit, context);
    optional_references(decl->matrix.extra, visit, context);
    if (decl->select)
        visit(context, decl->select->from, &decl->at);
}

static void need_for_node(struct scope *s, struct node *n) {
    struct node *dependent = s->node;
    if (n->stamp == s->plan->stamp)
        return;
    struct plan *p = s->plan;
    n->stamp = p->stamp;
    mem_grow(p->found, &p->found_capacity, p->found_count + 1);
    p->found[p->found_count++] = &n->pub;
    if (n->pub.state == INSTANCE_DONE)
        return;
    node_add_waiter(p, n, (uint32_t)dependent->pub.index);
    dependent->open_needs++;
    node_want(p, n);
}

static void scope_need(struct scope *s, struct node *n) {
    bool ended = n->pub.state == INSTANCE_FAILED || n->pub.state == INSTANCE_SKIPPED;
    if (ended && !s->blocker)
        s->blocker = n;
    if (n->pub.state != INSTANCE_DONE)
        s->waits = true;
    if (s->node) {
        need_for_node(s, n);
    } else if (s->stage && s->stage->requested && !ended && n->pub.state != INSTANCE_DONE) {
        node_add_waiter(s->plan, n, EDGE_STAGE | (uint32_t)s->stage->decl->index);
        s->stage->open++;
        node_want(s->plan, n);
    }
}

static void wait_for_stage(struct scope *s, struct stage_plan *stage) {
    s->waits = s->incomplete = true;
    if (s->node) {
        mem_grow(stage->waiting_nodes, &stage->waiting_node_capacity, stage->waiting_node_count + 1);
        stage->waiting_nodes[stage->waiting_node_count++] = s->node;
        s->node->open_stages++;
    } else if (s->stage && s->stage->requested) {
        mem_grow(stage->waiting_stages, &stage->waiting_stage_capacity, stage->waiting_stage_count + 1);
        stage->waiting_stages[stage->waiting_stage_count++] = s->stage;
        s->stage->open++;
    } else {
        return;
    }
    stage_plan_request(s->plan, stage);
}

bool scope_need_stage(struct scope *s, struct stage_plan *stage) {
    if (stage->state == STAGE_CLOSED) {
        wait_for_stage(s, stage);
        return false;
    }
    if (stage->state == STAGE_DEAD || stage->decl->type == STAGE_SELECT)
        scope_need(s, stage->nodes[0]);
    return stage->state == STAGE_OPEN &&
           (stage->decl->type != STAGE_SELECT || stage->nodes[0]->pub.state == INSTANCE_DONE);
}

/* Whether the references inside the pins are known, so that the pins name instances. */
static bool pins_ready(struct scope *s, const struct reference *r) {
    bool waited = s->waits;
    s->waits = false;
    for (size_t i = 0; i < r->pin_count; i++)
        if (r->pins[i].value)
            scope_discover(s, r->pins[i].value);
    bool ready = !s->waits && !s->fault;
    s->waits |= waited;
    s->incomplete |= !ready;
    return ready;
}

static void need_rows(struct scope *s, const struct match *m) {
    for (size_t i = 0; i < m->count; i++)
        scope_need(s, m->rows[i]);
}

static void discover_stage(struct scope *s, const struct reference *r, const struct location *at) {
    struct stage_plan *stage = &s->plan->stages[r->stage->index];
    struct match m;
    if (!pins_ready(s, r) || !scope_need_stage(s, stage))
        return;
    bool coordinates = r->step_count > 0 && r->steps[0].name && strcmp(r->steps[0].name, "matrix") == 0;
    if (stage->decl->type == STAGE_SELECT || coordinates)
        return;
    if (match_reference(&m, s, r, at) == 0)
        need_rows(s, &m);
}

static void discover_reference(void *context, const struct reference *r, const struct location *at) {
    struct scope *s = context;
    struct matrix_member member;
    if (s->fault)
        return;
    if (r->root == REFERENCE_STAGE)
        discover_stage(s, r, at);
    else if (r->root == REFERENCE_MATRIX && resolve_matrix(&member, s, r, at) == 0 && member.value)
        value_references(member.value, discover_reference, s);
}

void scope_discover(struct scope *s, const struct value *v) {
    value_references(v, discover_reference, s);
}

/* `after`: all instances of a stage come first. They are kept by the stage, not as one edge for each pair. */
static void follow(struct scope *s, struct stage_plan *stage, bool first) {
    if (stage->unended && !s->blocker)
        s->blocker = stage->unended;
    if (!first || stage->unended || (stage->state == STAGE_OPEN && stage->undone == 0))
        return;
    mem_grow(stage->followers, &stage->follower_capacity, stage->follower_count + 1);
    stage->followers[stage->follower_count++] = s->node;
    s->node->open_leaders++;
    if (!stage->all_wanted) {
        stage->all_wanted = true;
        for (size_t i = 0; i < stage->node_count; i++)
            node_want(s->plan, stage->nodes[i]);
    }
    stage_plan_request(s->plan, stage);
}

/* Rows that have not succeeded do not stop the select. */
static void need_quorum(struct scope *s, const struct match *m) {
    const struct select_decl *select = s->node->pub.decl->select;
    if (!select->quorum_is_part && select->quorum > (double)m->count) {
        scope_fault(s, &select->quorum_at, "the quorum is %.0f, and %s has %zu instance%s to choose from",
                    select->quorum, select->from->stage->full_name, m->count, m->count == 1 ? "" : "s");
        return;
    }
    s->node->stage->row_count = m->count;
    s->node->stage->left_out_count = 0;
    for (size_t i = 0; i < m->count; i++) {
        enum instance_state state = m->rows[i]->pub.state;
        if ((state == INSTANCE_FAILED || state == INSTANCE_SKIPPED) && !m->rows[i]->pub.needed)
            quorum_lose(s->plan, s->node, m->rows[i]);
        else
            scope_need(s, m->rows[i]);
    }
}

static void discover_from(struct scope *s, const struct stage_decl *decl) {
    struct match m;
    const struct reference *from = decl->select->from;
    if (!pins_ready(s, from) || !scope_need_stage(s, &s->plan->stages[from->stage->index]))
        return;
    if (from->stage->type == STAGE_SELECT || match_from(&m, s, from, &decl->at))
        return;
    if (has_quorum(s->node))
        need_quorum(s, &m);
    else
        need_rows(s, &m);
}

static void discover_input(struct scope *s, const struct input_decl *in) {
    bool outer = s->optional;
    s->optional |= in->optional;
    own_references(in, discover_reference, s);
    for (size_t i = 0; i < in->item_count; i++)
        discover_input(s, &in->items[i]);
    s->optional = outer;
}

static void discover_body(struct scope *s, const struct stage_decl *decl) {
    for (size_t i = 0; i < decl->in_count; i++)
        discover_input(s, &decl->in[i]);
    body_references(decl, discover_reference, s);
}

static void add_found(struct plan *p, struct instance *i) {
    if (p->found_count == 0)
        return;
    struct instance **needs = arena_array(p->arena, i->need_count + p->found_count, sizeof(struct instance *));
    if (i->need_count)
        memcpy(needs, i->needs, i->need_count * sizeof *needs);
    memcpy(needs + i->need_count, p->found, p->found_count * sizeof *needs);
    i->needs = needs;
    i->need_count += p->found_count;
    p->found_count = 0;
}

void node_discover(struct plan *p, struct node *n) {
    struct scope s = {.plan = p, .arena = p->scratch, .node = n};
    const struct stage_decl *decl = n->pub.decl;
    bool first = !n->discovered;
    p->stamp++;
    for (size_t i = 0; i < n->pub.need_count; i++)
        ((struct node *)n->pub.needs[i])->stamp = p->stamp;
    n->discovered = true;
    if (decl->select)
        discover_from(&s, decl);
    else
        discover_body(&s, decl);
    for (size_t i = 0; i < decl->after_count; i++)
        follow(&s, &p->stages[decl->after[i]->index], first);
    n->incomplete = s.incomplete;
    add_found(p, &n->pub);
    if (s.fault)
        node_fail(p, n, s.fault);
    else if (s.blocker)
        node_skip(p, n, s.blocker);
}
