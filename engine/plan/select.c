#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/plan/internal.h"

/* The candidate of a group. */
struct group {
    size_t candidate;
    uint32_t ids[]; /* of its values, by group_by */
};

struct decision {
    struct plan *plan;
    const struct select_decl *select;
    const struct view *from;
    size_t axes[PLAN_MAX_AXES]; /* by group_by */
    struct bytemap groups;      /* ids -> struct group */
    struct candidate *candidates;
    size_t count, capacity;
};

/* Appends why a metric does not keep a bound; true when it does. */
static bool keeps(struct buffer *why, const struct where *w, const struct metrics *metrics) {
    static const char *const names[] = {"at most", "at least", "equal to"};
    double value;
    if (!metrics_find(metrics, w->metric, &value)) {
        buffer_printf(why, "metrics.%s is missing", w->metric);
        return false;
    }
    bool good = w->type == WHERE_AT_MOST    ? value <= w->bound
                : w->type == WHERE_AT_LEAST ? value >= w->bound
                                            : value == w->bound;
    if (!good) {
        buffer_printf(why, "metrics.%s = ", w->metric);
        json_number(why, value);
        buffer_printf(why, " is not %s ", names[w->type]);
        json_number(why, w->bound);
    }
    return good;
}

static bool keeps_all(const char **reason, struct plan *p, const struct where *where, size_t count,
                      const struct metrics *metrics) {
    struct buffer why = {0};
    bool good = true;
    for (size_t i = 0; good && i < count; i++)
        good = keeps(&why, &where[i], metrics);
    if (!good && reason)
        *reason = arena_strdup(p->scratch, buffer_text(&why));
    buffer_close(&why);
    return good;
}

/* Where the axes of group_by stand among those of the stage that is selected from. */
static void find_axes(struct decision *d, const struct stage_decl *from) {
    for (size_t i = 0; i < d->select->group_by_count; i++)
        for (size_t axis = 0; axis < from->matrix.axis_count; axis++)
            if (strcmp(from->matrix.axes[axis].name, d->select->group_by[i]) == 0)
                d->axes[i] = axis;
}

static struct candidate *candidate_of(struct decision *d, const struct node *n) {
    uint32_t ids[PLAN_MAX_AXES];
    size_t width = d->select->group_by_count;
    for (size_t i = 0; i < width; i++)
        ids[i] = n->values[d->axes[i]]->id;
    const struct group *known = bytemap_get(&d->groups, ids, width * sizeof *ids);
    if (known)
        return &d->candidates[known->candidate];
    struct arena *arena = d->plan->scratch;
    struct group *g = arena_alloc(arena, sizeof *g + width * sizeof *g->ids);
    g->candidate = d->count;
    memcpy(g->ids, ids, width * sizeof *ids);
    bytemap_put(&d->groups, g->ids, width * sizeof *ids, g);
    mem_grow(d->candidates, &d->capacity, d->count + 1);
    struct candidate *c = &d->candidates[d->count++];
    *c = (struct candidate){.group = arena_array(arena, width, sizeof *c->group)};
    for (size_t i = 0; i < width; i++)
        c->group[i] = n->values[d->axes[i]];
    return c;
}

/* Groups in the order of their first instance; where_each leaves single instances out. */
static void collect_groups(struct decision *d, const struct match *m) {
    find_axes(d, m->rows[0]->pub.decl);
    for (size_t i = 0; i < m->count; i++) {
        struct candidate *c = candidate_of(d, m->rows[i]);
        const struct metrics *metrics = m->rows[i]->pub.metrics;
        if (!keeps_all(NULL, d->plan, d->select->where_each, d->select->where_each_count, metrics))
            continue;
        mem_grow(c->rows, &c->capacity, c->count + 1);
        c->rows[c->count++] = m->rows[i];
    }
}

static int by_size(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Sums run in matrix order. One that is no number any more is made of shares, which round once more each, and may round to
   none again beside the largest number. */
static double mean(const double *values, size_t count) {
    double sum = 0, shares = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
        shares += values[i] / (double)count;
    }
    return isfinite(sum) ? sum / (double)count : fmax(-DBL_MAX, fmin(shares, DBL_MAX));
}

static double reduce(enum reduce_type type, double *values, size_t count) {
    if (type == REDUCE_MEAN)
        return mean(values, count);
    qsort(values, count, sizeof *values, by_size);
    if (type == REDUCE_MEDIAN)
        return count % 2 ? values[count / 2] : mean(values + count / 2 - 1, 2);
    return type == REDUCE_MIN ? values[0] : values[count - 1];
}

/* A metric of one instance by its name, at the place where another instance has it where the names are the same. */
static double metric_at(const struct metrics *m, const struct metric_names *names, size_t index) {
    double value = (double)NAN;
    if (m && m->names == names)
        return m->values[index];
    metrics_find(m, names->names[index], &value);
    return value;
}

/* A metric that one instance of the group lacks is missing from the group. */
static void reduce_group(struct decision *d, struct candidate *c) {
    if (c->count == 0 || !c->rows[0]->pub.metrics)
        return;
    const struct metric_names *names = c->rows[0]->pub.metrics->names;
    double *values = arena_array(d->plan->scratch, c->count, sizeof *values);
    c->metrics = arena_alloc(d->plan->scratch, sizeof *c->metrics + names->count * sizeof *values);
    c->metrics->names = names;
    for (size_t k = 0; k < names->count; k++) {
        bool all = true;
        for (size_t i = 0; all && i < c->count; i++) {
            values[i] = metric_at(c->rows[i]->pub.metrics, names, k);
            all = !isnan(values[i]);
        }
        c->metrics->values[k] = all ? reduce(d->select->reduce, values, c->count) : (double)NAN;
    }
}

static void judge(struct plan *p, const struct select_decl *select, struct candidate *c) {
    if (c->count == 0) {
        c->reason = "no instance passes where_each";
        return;
    }
    c->passes = keeps_all(&c->reason, p, select->where, select->where_count, c->metrics);
    if (c->passes && !metrics_find(c->metrics, select->metric, &c->objective)) {
        c->passes = false;
        c->reason = arena_printf(p->scratch, "metrics.%s is missing", select->metric);
    }
}

static bool better(const struct select_decl *select, double a, double b) {
    return select->maximize ? a > b : a < b;
}

static struct candidate *find_winner(const struct decision *d) {
    struct candidate *winner = NULL;
    for (size_t i = 0; i < d->count; i++) {
        struct candidate *c = &d->candidates[i];
        if (c->passes && (!winner || better(d->select, c->objective, winner->objective)))
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
static void split_axes(struct decision *d, struct stage_plan *stage, const struct candidate *winner) {
    const struct select_decl *select = d->select;
    const char **axes = arena_array(d->plan->arena, d->from->axis_count, sizeof *axes);
    struct fixed_axis *fixed = arena_array(d->plan->arena, select->group_by_count, sizeof *fixed);
    for (size_t i = 0; select->pick == PICK_ALL && i < d->from->axis_count; i++)
        if (!is_grouped(select, d->from->axes[i]) && !is_pinned(select, d->from->axes[i]))
            axes[stage->view.axis_count++] = d->from->axes[i];
    for (size_t i = 0; i < select->group_by_count; i++)
        fixed[i] = (struct fixed_axis){select->group_by[i], winner->group[i]};
    stage->fixed = fixed;
    stage->fixed_count = select->group_by_count;
    stage->view.axes = axes;
}

static void take_winner(struct decision *d, struct stage_plan *stage, const struct candidate *winner) {
    struct view *v = &stage->view;
    *v = (struct view){.row_count = d->select->pick == PICK_ALL ? winner->count : 1};
    v->rows = arena_array(d->plan->arena, v->row_count, sizeof *v->rows);
    if (d->select->pick == PICK_ALL)
        memcpy(v->rows, winner->rows, v->row_count * sizeof *v->rows);
    else
        v->rows[0] = pick_row(d->select, winner);
    split_axes(d, stage, winner);
    v->cells = mem_array(v->row_count * v->axis_count, sizeof *v->cells);
    for (size_t row = 0; row < v->row_count; row++)
        for (size_t axis = 0; axis < v->axis_count; axis++)
            v->cells[row * v->axis_count + axis] = node_value(v->rows[row], v->axes[axis]);
}

static void fail_without_candidate(struct decision *d, struct node *n) {
    struct buffer text = {0};
    buffer_puts(&text, "no group qualifies\n");
    select_table_text(&text, d->select, d->candidates, d->count);
    node_fail(d->plan, n, buffer_text(&text));
    buffer_close(&text);
}

void select_decide(struct plan *p, struct node *n) {
    const struct stage_decl *decl = n->pub.decl;
    struct scope s = {.plan = p, .arena = p->scratch, .node = n};
    struct decision d = {.plan = p, .select = decl->select};
    struct match m;
    d.from = &p->stages[decl->select->from->stage->index].view;
    if (match_from(&m, &s, decl->select->from, &decl->at)) {
        node_fail(p, n, s.fault);
        return;
    }
    collect_groups(&d, &m);
    for (size_t i = 0; i < d.count; i++) {
        reduce_group(&d, &d.candidates[i]);
        judge(p, d.select, &d.candidates[i]);
    }
    const struct candidate *winner = find_winner(&d);
    n->stage->table = select_table_json(d.select, d.candidates, d.count, winner);
    if (winner) {
        take_winner(&d, n->stage, winner);
        node_done(p, n);
    } else {
        fail_without_candidate(&d, n);
    }
    for (size_t i = 0; i < d.count; i++)
        free(d.candidates[i].rows);
    free(d.candidates);
    bytemap_close(&d.groups);
}
