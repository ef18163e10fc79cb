#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/plan/internal.h"

static bool better(const struct select_decl *select, double a, double b) {
    return select->maximize ? a > b : a < b;
}

static double objective(const struct select_decl *select, const struct candidate *c) {
    double value = 0;
    if (select->metric)
        metrics_find(c->metrics, select->metric, &value);
    return value;
}

/* The first of the best. */
static const struct candidate *find_winner(const struct stage_plan *stage) {
    const struct select_decl *select = stage->decl->select;
    const struct candidate *winner = NULL;
    for (size_t i = 0; i < stage->candidate_count; i++) {
        const struct candidate *c = &stage->candidates[i];
        if (c->passes && (!winner || better(select, objective(select, c), objective(select, winner))))
            winner = c;
    }
    return winner;
}

struct ranked {
    const struct select_decl *select;
    struct node *node;
    double value;
    size_t order;
};

static int best_first(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    if (x->value != y->value)
        return better(x->select, x->value, y->value) ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* The median is the lower one by value; "best first" puts it at the upper half when large values are better. */
static struct node *pick_row(const struct select_decl *select, const struct candidate *winner) {
    if (select->pick == PICK_FIRST)
        return winner->rows[0];
    struct ranked *ranked = mem_array(winner->count, sizeof *ranked);
    for (size_t i = 0; i < winner->count; i++) {
        ranked[i] = (struct ranked){select, winner->rows[i], 0, i};
        metrics_find(winner->rows[i]->pub.metrics, select->metric, &ranked[i].value);
    }
    qsort(ranked, winner->count, sizeof *ranked, best_first);
    size_t median = select->maximize ? winner->count / 2 : (winner->count - 1) / 2;
    struct node *picked = ranked[select->pick == PICK_BEST ? 0 : median].node;
    free(ranked);
    return picked;
}

static bool is_grouped(const struct select_decl *select, const char *axis) {
    for (size_t i = 0; i < select->group_by_count; i++)
        if (strcmp(select->group_by[i], axis) == 0)
            return true;
    return false;
}

static bool is_pinned(const struct select_decl *select, const char *axis) {
    for (size_t i = 0; i < select->from->pin_count; i++)
        if (strcmp(select->from->pins[i].axis, axis) == 0)
            return true;
    return false;
}

/* The axes that a reader of the winner sees, and the grouped ones, which have one value each. */
static void split_axes(struct stage_plan *stage, const struct view *from) {
    const struct select_decl *select = stage->decl->select;
    struct arena *arena = stage->plan->arena;
    const char **axes = arena_array(arena, from->axis_count, sizeof *axes);
    struct fixed_axis *fixed = arena_array(arena, select->group_by_count, sizeof *fixed);
    for (size_t i = 0; select->pick == PICK_ALL && i < from->axis_count; i++)
        if (!is_grouped(select, from->axes[i]) && !is_pinned(select, from->axes[i]))
            axes[stage->view.axis_count++] = from->axes[i];
    for (size_t i = 0; i < select->group_by_count; i++)
        fixed[i] = (struct fixed_axis){select->group_by[i], stage->winner->group[i]};
    stage->fixed = fixed;
    stage->fixed_count = select->group_by_count;
    stage->view.axes = axes;
}

static void show_winner(struct stage_plan *stage, const struct view *from) {
    const struct select_decl *select = stage->decl->select;
    const struct candidate *winner = stage->winner;
    struct view *v = &stage->view;
    *v = (struct view){.row_count = select->pick == PICK_ALL ? winner->count : 1};
    v->rows = arena_array(stage->plan->arena, v->row_count, sizeof *v->rows);
    if (select->pick == PICK_ALL)
        memcpy(v->rows, winner->rows, v->row_count * sizeof *v->rows);
    else
        v->rows[0] = pick_row(select, winner);
    split_axes(stage, from);
    v->cells = mem_array(v->row_count * v->axis_count, sizeof *v->cells);
    for (size_t row = 0; row < v->row_count; row++)
        for (size_t axis = 0; axis < v->axis_count; axis++)
            v->cells[row * v->axis_count + axis] = node_value(v->rows[row], v->axes[axis]);
}

static void fail_without_winner(struct plan *p, struct node *n) {
    struct buffer text = {0};
    buffer_puts(&text, "no group qualifies\n");
    select_table_text(&text, n->stage);
    node_fail(p, n, buffer_text(&text));
    buffer_close(&text);
}

static void fail_below_quorum(struct plan *p, struct node *n, size_t succeeded) {
    const struct stage_plan *stage = n->stage;
    char *text =
        mem_printf("%zu of %zu instances succeeded, and the quorum is %zu; %s did not", succeeded, stage->row_count,
                   quorum_needed(stage), stage->left_out_count ? instance_name(&stage->left_out[0]->pub) : "more");
    node_fail(p, n, text);
    free(text);
}

void select_decide(struct plan *p, struct node *n) {
    const struct stage_decl *decl = n->pub.decl;
    struct scope s = {.plan = p, .arena = p->scratch, .node = n};
    struct match m;
    if (match_from(&m, &s, decl->select->from, &decl->at)) {
        node_fail(p, n, s.fault);
        return;
    }
    if (has_quorum(n)) {
        quorum_rows(p, &m);
        if (m.count < quorum_needed(n->stage)) {
            fail_below_quorum(p, n, m.count);
            return;
        }
    }
    candidates_collect(n->stage, &m);
    n->stage->winner = find_winner(n->stage);
    if (!n->stage->winner) {
        fail_without_winner(p, n);
        return;
    }
    show_winner(n->stage, &p->stages[decl->select->from->stage->index].view);
    node_done(p, n);
}
