/* Makes the instances of a stage. First it finds what the axes wait for. When all of that is done, each combination
   becomes an instance and the stage is open: whoever waited for its instances is woken. When something the axes need
   has failed (the blocker), the stage ends without instances. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/plan/expand.h"

static bool is_object(const struct value *v) {
    return v->type == VALUE_OBJECT || v->type == VALUE_EXTENDS;
}

/* Finds what a value waits for. An object's references are found later, when they are used. */
static void discover_value(struct scope *s, const struct value *v) {
    if (!is_object(v))
        scope_discover(s, v);
}

static void discover_axis(struct scope *s, const struct value *v) {
    if (v->type != VALUE_LIST)
        discover_value(s, v);
    for (size_t i = 0; v->type == VALUE_LIST && i < v->as.list.count; i++)
        discover_value(s, v->as.list.items[i]);
}

static void discover_matrix(struct scope *s, const struct matrix *m) {
    if (m->like)
        scope_need_stage(s, &s->plan->stages[m->like->index]);
    for (size_t i = m->like ? m->like_count : 0; i < m->axis_count; i++)
        discover_axis(s, m->axes[i].values);
    if (m->exclude)
        scope_discover(s, m->exclude);
    if (m->extra)
        scope_discover(s, m->extra);
}

/* Takes the rows over. Returns their nodes, which the caller completes. */
static struct node *fill_view(struct view *v, struct plan *p, const struct stage_decl *decl, const struct rows *rows) {
    size_t width = decl->matrix.axis_count;
    const char **axes = arena_array(p->arena, width, sizeof *axes);
    struct node *nodes = arena_array(p->arena, rows->count, sizeof *nodes);
    for (size_t i = 0; i < width; i++)
        axes[i] = decl->matrix.axes[i].name;
    v->axes = axes;
    v->axis_count = width;
    v->row_count = rows->count;
    v->cells = rows->cells;
    v->rows = arena_array(p->arena, rows->count, sizeof *v->rows);
    for (size_t row = 0; row < rows->count; row++) {
        v->rows[row] = &nodes[row];
        nodes[row].values = v->cells ? v->cells + row * width : NULL;
    }
    return nodes;
}

static void create_rows(struct plan *p, struct stage_plan *stage, const struct rows *rows, const struct rows *omitted) {
    struct node *nodes = fill_view(&stage->view, p, stage->decl, rows);
    stage->nodes = stage->view.rows;
    stage->node_count = rows->count;
    for (size_t row = 0; row < rows->count; row++)
        node_init(p, stage, &nodes[row], nodes[row].values);
    if (omitted->count == 0)
        return;
    nodes = fill_view(&stage->omitted, p, stage->decl, omitted);
    for (size_t row = 0; row < omitted->count; row++) {
        nodes[row].pub.decl = stage->decl;
        nodes[row].stage = stage;
    }
}

static int find_rows(struct rows *rows, struct rows *omitted, struct scope *s, const struct stage_decl *decl) {
    int rc = matrix_rows(rows, s, decl);
    if (rc == 0 && decl->when_count > 0)
        rc = when_omit(rows, omitted, s, decl);
    return rc;
}

void stage_plan_expand(struct plan *p, struct stage_plan *stage) {
    struct scope s = {.plan = p, .arena = p->arena, .stage = stage};
    struct rows rows = {0}, omitted = {0};
    if (stage->state != STAGE_CLOSED)
        return;
    discover_matrix(&s, &stage->decl->matrix);
    if (!s.fault && s.blocker) {
        stage_plan_die(p, stage, NULL, s.blocker->cause ? s.blocker->cause : s.blocker);
        return;
    }
    if (!s.fault && s.waits)
        return;
    if (!s.fault && find_rows(&rows, &omitted, &s, stage->decl) == 0) {
        create_rows(p, stage, &rows, &omitted);
        stage_plan_open(p, stage);
        targets_apply(p, stage);
        stage_plan_wake(p, stage);
    } else {
        stage_plan_die(p, stage, s.fault, NULL);
        free(rows.cells);
        free(omitted.cells);
    }
}
