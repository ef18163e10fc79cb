/* The groups of a select: which instances each has, its metrics, and whether it may be chosen. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/plan/internal.h"

/* The number of a group, by the ids of its values. */
struct group {
    uint32_t number;
    uint32_t ids[]; /* by group_by */
};

struct grouping {
    struct plan *plan;
    const struct select_decl *select;
    size_t axes[PLAN_MAX_AXES]; /* by group_by: where the axis stands in the stage that is selected from */
    struct bytemap groups;      /* ids -> struct group */
    struct candidate *candidates;
    size_t count, capacity;
};

enum { NO_GROUP = UINT32_MAX };

/* ---- conditions ---- */

static void put_missing(struct buffer *why, const struct metrics *metrics, const char *metric) {
    if (!why)
        return;
    buffer_printf(why, "metrics.%s ", metric);
    metrics_put_fault(why, metrics, metric);
}

/* Appends why a metric does not keep a bound (`why` may be NULL); true when it does. */
static bool keeps(struct buffer *why, const struct where *w, const struct metrics *metrics) {
    static const char *const names[] = {"at most", "at least", "equal to"};
    double value;
    if (!metrics_find(metrics, w->metric, &value)) {
        put_missing(why, metrics, w->metric);
        return false;
    }
    bool good = w->type == WHERE_AT_MOST    ? value <= w->bound
                : w->type == WHERE_AT_LEAST ? value >= w->bound
                                            : value == w->bound;
    if (!good && why) {
        buffer_printf(why, "metrics.%s = ", w->metric);
        json_number(why, value);
        buffer_printf(why, " is not %s ", names[w->type]);
        json_number(why, w->bound);
    }
    return good;
}

static bool keeps_all(struct buffer *why, const struct where *where, size_t count, const struct metrics *metrics) {
    bool good = true;
    for (size_t i = 0; good && i < count; i++)
        good = keeps(why, &where[i], metrics);
    return good;
}

bool candidate_passes(const struct select_decl *select, const struct candidate *c, struct buffer *why) {
    double objective;
    if (c->count == 0) {
        if (why)
            buffer_puts(why, "no instance passes where_each");
        return false;
    }
    if (!keeps_all(why, select->where, select->where_count, c->metrics))
        return false;
    if (!select->metric || metrics_find(c->metrics, select->metric, &objective))
        return true;
    put_missing(why, c->metrics, select->metric);
    return false;
}

/* ---- groups ---- */

static void find_axes(struct grouping *g, const struct stage_decl *from) {
    for (size_t i = 0; i < g->select->group_by_count; i++)
        for (size_t axis = 0; axis < from->matrix.axis_count; axis++)
            if (strcmp(from->matrix.axes[axis].name, g->select->group_by[i]) == 0)
                g->axes[i] = axis;
}

static uint32_t add_group(struct grouping *g, const struct node *n, const uint32_t *ids) {
    size_t width = g->select->group_by_count;
    struct group *group = arena_alloc(g->plan->scratch, sizeof *group + width * sizeof *ids);
    group->number = (uint32_t)g->count;
    memcpy(group->ids, ids, width * sizeof *ids);
    bytemap_put(&g->groups, group->ids, width * sizeof *ids, group);
    arena_grow(g->plan->arena, g->candidates, &g->capacity, g->count + 1);
    const struct axis_value **values = arena_array(g->plan->arena, width, sizeof *values);
    for (size_t i = 0; i < width; i++)
        values[i] = n->values[g->axes[i]];
    g->candidates[g->count++] = (struct candidate){.group = values};
    return group->number;
}

static uint32_t group_of(struct grouping *g, const struct node *n) {
    uint32_t ids[PLAN_MAX_AXES];
    size_t width = g->select->group_by_count;
    for (size_t i = 0; i < width; i++)
        ids[i] = n->values[g->axes[i]]->id;
    const struct group *known = bytemap_get(&g->groups, ids, width * sizeof *ids);
    return known ? known->number : add_group(g, n, ids);
}

/* The rows of each group in matrix order, side by side. */
static void sort_rows(struct grouping *g, const struct match *m, const uint32_t *groups) {
    struct node **rows = arena_array(g->plan->arena, m->count, sizeof(struct node *));
    for (size_t i = 0; i < g->count; i++) {
        g->candidates[i].rows = rows;
        rows += g->candidates[i].count;
        g->candidates[i].count = 0;
    }
    for (size_t i = 0; i < m->count; i++) {
        if (groups[i] == NO_GROUP)
            continue;
        struct candidate *c = &g->candidates[groups[i]];
        c->rows[c->count++] = m->rows[i];
    }
}

/* ---- metrics ---- */

static int by_size(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Sums run in matrix order. If the sum overflows, the shares of the values are added instead. Each share is rounded
   once more, and may become zero beside the largest number. */
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

/* The value of the first row that has no number there; NULL: it has no such metric. */
static const char *find_other(const struct candidate *c, const struct metric_names *names, size_t index) {
    for (size_t i = 0; i < c->count; i++) {
        const struct metrics *m = c->rows[i]->pub.metrics;
        if (isnan(metric_at(m, names, index)))
            return m && m->names == names && m->others ? m->others[index] : NULL;
    }
    return NULL;
}

/* A metric that is no finite number in one instance of the group is none in the group. */
static void reduce_group(const struct grouping *g, struct candidate *c, double *values) {
    if (c->count == 0 || !c->rows[0]->pub.metrics)
        return;
    const struct metric_names *names = c->rows[0]->pub.metrics->names;
    const char **others = NULL;
    c->metrics = arena_alloc(g->plan->arena, sizeof *c->metrics + names->count * sizeof *values);
    c->metrics->names = names;
    for (size_t k = 0; k < names->count; k++) {
        bool all = true;
        for (size_t i = 0; all && i < c->count; i++) {
            values[i] = metric_at(c->rows[i]->pub.metrics, names, k);
            all = !isnan(values[i]);
        }
        c->metrics->values[k] = all ? reduce(g->select->reduce, values, c->count) : (double)NAN;
        if (!all && !others)
            others = arena_array(g->plan->arena, names->count, sizeof *others);
        if (!all)
            others[k] = find_other(c, names, k);
    }
    c->metrics->others = others;
}

void candidates_collect(struct stage_plan *stage, const struct match *m) {
    const struct select_decl *select = stage->decl->select;
    struct grouping g = {.plan = stage->plan, .select = select, .capacity = 1};
    g.candidates = arena_array(g.plan->arena, g.capacity, sizeof *g.candidates);
    uint32_t *groups = arena_array(g.plan->scratch, m->count, sizeof *groups);
    double *values = arena_array(g.plan->scratch, m->count, sizeof *values);
    find_axes(&g, m->rows[0]->pub.decl);
    for (size_t i = 0; i < m->count; i++) {
        groups[i] = group_of(&g, m->rows[i]);
        if (keeps_all(NULL, select->where_each, select->where_each_count, m->rows[i]->pub.metrics))
            g.candidates[groups[i]].count++;
        else
            groups[i] = NO_GROUP;
    }
    sort_rows(&g, m, groups);
    for (size_t i = 0; i < g.count; i++) {
        reduce_group(&g, &g.candidates[i], values);
        g.candidates[i].passes = candidate_passes(select, &g.candidates[i], NULL);
    }
    bytemap_close(&g.groups);
    stage->candidates = g.candidates;
    stage->candidate_count = g.count;
}
