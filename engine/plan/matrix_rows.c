#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/suggest.h"
#include "engine/pipeline/rows.h"
#include "engine/plan/expand.h"

struct axis_values {
    const struct axis_value **items;
    size_t count, capacity;
    struct bytemap seen; /* id -> struct axis_value */
};

/* A partial coordinate that exclude lists; `used` once it left something out. */
struct excluded {
    const struct location *at;
    bool used;
    struct excluded *next;
};

/* The exclusions that name the same axes. */
struct exclusion {
    uint64_t mask;
    struct bytemap set; /* ids on the axes of `mask` -> struct excluded */
    struct exclusion *next;
};

struct matrix_build {
    struct scope *scope;
    const struct stage_decl *decl;
    struct axis_values axes[PLAN_MAX_AXES]; /* those behind like's */
    struct view none;                       /* without like: one row of nothing */
    const struct view *like;
    struct exclusion *exclusions;
    struct excluded *excluded;
    struct rows *rows;
};

static int add_axis_value(struct axis_values *values, struct scope *s, const struct axis_value *value,
                          const struct axis *axis) {
    const struct axis_value *first = bytemap_get(&values->seen, &value->id, sizeof value->id);
    if (first) {
        if (json_equal(first->json, value->json))
            return 0;
        return scope_fault(s, &axis->at, "two values of the axis \"%s\" have the label %s", axis->name, value->name);
    }
    struct axis_value *kept = arena_alloc(s->plan->arena, sizeof *kept);
    *kept = *value;
    bytemap_put(&values->seen, &kept->id, sizeof kept->id, kept);
    mem_grow(values->items, &values->capacity, values->count + 1);
    values->items[values->count++] = kept;
    return 0;
}

static int add_json(struct axis_values *values, struct scope *s, const cJSON *json, const struct axis *axis,
                    const struct pipeline *beside) {
    if (!cJSON_IsArray(json))
        return add_axis_value(values, s, axis_value_literal(s->plan, json, beside), axis);
    const cJSON *item;
    cJSON_ArrayForEach(item, json) {
        int rc = add_axis_value(values, s, axis_value_literal(s->plan, item, beside), axis);
        if (rc)
            return rc;
    }
    return 0;
}

/* References inside an object are resolved when an instance uses them. */
static int make_axis_value(const struct axis_value **out, struct scope *s, const struct value *v,
                           const struct pipeline *beside) {
    if (v->type == VALUE_LITERAL) {
        *out = axis_value_literal(s->plan, v->as.literal, beside);
        return 0;
    }
    cJSON *json = NULL;
    bool object = v->type == VALUE_OBJECT || v->type == VALUE_EXTENDS;
    if (object)
        json = value_as_written(v);
    int rc = object ? 0 : resolve_json(&json, s, v);
    if (rc)
        return rc;
    tree_keep(s->arena, json);
    struct axis_value copy = *axis_value_literal(s->plan, json, beside);
    copy.source = object ? v : NULL;
    struct axis_value *made = arena_alloc(s->plan->arena, sizeof *made);
    *made = copy;
    *out = made;
    return 0;
}

static int add_item(struct axis_values *values, struct scope *s, const struct value *item, const struct axis *axis,
                    const struct pipeline *beside) {
    const struct axis_value *value;
    int rc = make_axis_value(&value, s, item, beside);
    return rc ? rc : add_axis_value(values, s, value, axis);
}

/* The rows in an out of one instance. */
static int add_rows(struct axis_values *values, struct scope *s, const struct axis *axis, struct node *n,
                    const struct pipeline *beside) {
    struct plan *p = s->plan;
    const struct reference *r = axis->values->as.reference;
    const struct location *at = &axis->values->at;
    struct buffer text = {0};
    struct error err = {0};
    cJSON *list = NULL;
    size_t index;
    if (!stage_out(n->pub.decl, r->steps[1].name, &index))
        return scope_fault(s, at, "%s: %s has no out \"%s\"", r->text, instance_name(&n->pub), r->steps[1].name);
    const struct out_decl *out = node_out(s, n, index);
    if (!out)
        return ERR_INVALID;
    if (n->pub.outs[index].directory || !rows_are_in(out->path))
        return scope_fault(s, at, "%s: %s is no file of rows: its name ends in .csv, .tsv, .json, .yaml or .yml",
                           r->text, out->path);
    int rc = p->facts.object_text(p->facts.context, &n->pub.outs[index], &text, &err);
    if (rc < 0)
        rc = facts_fault(s, at, &err);
    else if ((rc = rows_parse(&list, axis->rows, out->path, buffer_text(&text), text.size, &err)) < 0)
        rc = scope_fault(s, at, "%s, an out of %s", err.message, instance_name(&n->pub));
    buffer_close(&text);
    return rc ? rc : add_json(values, s, tree_keep(s->arena, list), axis, beside);
}

static int read_rows(struct axis_values *values, struct scope *s, const struct axis *axis,
                     const struct pipeline *beside) {
    struct match m;
    int rc = match_reference(&m, s, axis->values->as.reference, &axis->values->at);
    for (size_t i = 0; rc == 0 && i < m.count; i++)
        rc = add_rows(values, s, axis, m.rows[i], beside);
    return rc;
}

/* A list is the axis; a reference that gives a list too, one that gives a value is an axis of one. */
static int read_axis(struct axis_values *values, struct scope *s, const struct axis *axis,
                     const struct pipeline *beside) {
    const struct value *v = axis->values;
    cJSON *json = NULL;
    int rc = 0;
    if (axis->rows)
        return read_rows(values, s, axis, beside);
    if (v->type == VALUE_LITERAL)
        return add_json(values, s, v->as.literal, axis, beside);
    if (v->type == VALUE_REFERENCE) {
        rc = resolve_json(&json, s, v);
        return rc ? rc : add_json(values, s, tree_keep(s->arena, json), axis, beside);
    }
    if (v->type != VALUE_LIST)
        return add_item(values, s, v, axis, beside);
    for (size_t i = 0; rc == 0 && i < v->as.list.count; i++)
        rc = add_item(values, s, v->as.list.items[i], axis, beside);
    return rc;
}

static size_t axis_index(const struct matrix *m, const char *name) {
    for (size_t i = 0; i < m->axis_count; i++)
        if (strcmp(m->axes[i].name, name) == 0)
            return i;
    return AXIS_NONE;
}

static int unknown_axis(struct matrix_build *b, const struct location *at, const char *name) {
    const struct matrix *m = &b->decl->matrix;
    const char *names[PLAN_MAX_AXES];
    for (size_t i = 0; i < m->axis_count; i++)
        names[i] = m->axes[i].name;
    char *suggestion = suggest_text(name, names, m->axis_count, "");
    int rc = scope_fault(b->scope, at, "%s has no axis \"%s\"%s", b->decl->full_name, name, suggestion);
    free(suggestion);
    return rc;
}

/* An entry of exclude or extra, by axis; NULL where it names none. */
static int read_entry(const struct axis_value **values, struct matrix_build *b, const cJSON *entry,
                      const struct location *at) {
    if (!cJSON_IsObject(entry))
        return scope_fault(b->scope, at, "exclude and extra list objects of axes and values");
    const cJSON *member;
    cJSON_ArrayForEach(member, entry) {
        size_t axis = axis_index(&b->decl->matrix, member->string);
        if (axis == AXIS_NONE)
            return unknown_axis(b, at, member->string);
        values[axis] = axis_value_literal(b->scope->plan, member, b->decl->scope);
    }
    return 0;
}

typedef int each_entry(struct matrix_build *b, const struct axis_value *const *values, const struct location *at);

/* Calls `each` for the entries of exclude or extra. */
static int for_entries(struct matrix_build *b, const struct value *list, each_entry *each) {
    cJSON *json = NULL;
    int rc = resolve_json(&json, b->scope, list);
    if (rc)
        return rc;
    tree_keep(b->scope->arena, json);
    const cJSON *entry;
    size_t index = 0;
    cJSON_ArrayForEach(entry, json) {
        const struct axis_value *values[PLAN_MAX_AXES] = {0};
        const struct location *at = list->type == VALUE_LIST ? &list->as.list.items[index++]->at : &list->at;
        rc = read_entry(values, b, entry, at);
        if (rc == 0)
            rc = each(b, values, at);
        if (rc)
            return rc;
    }
    return 0;
}

/* The ids on the axes of a mask, side by side. */
static size_t pack(uint32_t *ids, const struct axis_value *const *values, uint64_t mask) {
    size_t count = 0;
    for (size_t axis = 0; mask; axis++, mask >>= 1) {
        if (!(mask & 1))
            continue;
        assert(values[axis]);
        ids[count++] = values[axis]->id;
    }
    return count * sizeof *ids;
}

static int add_exclusion(struct matrix_build *b, const struct axis_value *const *values, const struct location *at) {
    struct arena *arena = b->scope->plan->arena;
    uint64_t mask = 0;
    for (size_t axis = 0; axis < b->decl->matrix.axis_count; axis++)
        mask |= (uint64_t)(values[axis] != NULL) << axis;
    struct exclusion *x = b->exclusions;
    while (x && x->mask != mask)
        x = x->next;
    if (!x) {
        x = arena_alloc(arena, sizeof *x);
        x->mask = mask;
        x->next = b->exclusions;
        b->exclusions = x;
    }
    uint32_t *ids = arena_array(arena, PLAN_MAX_AXES, sizeof *ids);
    size_t size = pack(ids, values, mask);
    if (bytemap_get(&x->set, ids, size))
        return 0;
    struct excluded *e = arena_alloc(arena, sizeof *e);
    *e = (struct excluded){.at = at, .next = b->excluded};
    b->excluded = e;
    bytemap_put(&x->set, ids, size, e);
    return 0;
}

static bool is_excluded(struct matrix_build *b, const struct axis_value *const *cells) {
    uint32_t ids[PLAN_MAX_AXES];
    bool found = false;
    for (struct exclusion *x = b->exclusions; x; x = x->next) {
        struct excluded *e = bytemap_get(&x->set, ids, pack(ids, cells, x->mask));
        if (e)
            found = e->used = true;
    }
    return found;
}

static void close_exclusions(struct matrix_build *b, bool complete) {
    for (struct exclusion *x = b->exclusions; x; x = x->next)
        bytemap_close(&x->set);
    for (const struct excluded *e = b->excluded; e; e = e->next)
        if (complete && !e->used)
            diagnostics_add(&b->scope->plan->faults, SEVERITY_WARNING, e->at,
                            "this entry of exclude matches no instance of %s", b->decl->full_name);
}

void rows_add(struct rows *rows, const struct axis_value *const *cells, size_t width) {
    if (width) {
        mem_grow(rows->cells, &rows->capacity, (rows->count + 1) * width);
        memcpy(rows->cells + rows->count * width, cells, width * sizeof *cells);
    }
    rows->count++;
}

static int check_count(struct scope *s, const struct stage_decl *decl, size_t total) {
    if (total <= PLAN_MAX_INSTANCES - s->plan->instance_count)
        return 0;
    return scope_fault(s, &decl->at, "%s would have %zu instances; a plan has at most %d in all", decl->full_name,
                       total, PLAN_MAX_INSTANCES);
}

static size_t product_size(const struct matrix_build *b) {
    size_t total = b->like->row_count;
    for (size_t i = b->like->axis_count; i < b->decl->matrix.axis_count; i++)
        if (__builtin_mul_overflow(total, b->axes[i].count, &total))
            return SIZE_MAX;
    return total;
}

/* Counts through the axes behind like's, the last one fastest. */
static bool next_row(const struct matrix_build *b, size_t *digits) {
    for (size_t axis = b->decl->matrix.axis_count; axis-- > b->like->axis_count;) {
        if (++digits[axis] < b->axes[axis].count)
            return true;
        digits[axis] = 0;
    }
    return false;
}

static void product(struct matrix_build *b) {
    size_t width = b->decl->matrix.axis_count, first = b->like->axis_count;
    const struct axis_value *cells[PLAN_MAX_AXES] = {0};
    for (size_t axis = first; axis < width; axis++)
        if (b->axes[axis].count == 0)
            return;
    b->rows->capacity = product_size(b) * width;
    b->rows->cells = mem_array(b->rows->capacity, sizeof *b->rows->cells);
    for (size_t row = 0; row < b->like->row_count; row++) {
        size_t digits[PLAN_MAX_AXES] = {0};
        if (first)
            memcpy(cells, b->like->cells + row * first, first * sizeof *cells);
        do {
            for (size_t axis = first; axis < width; axis++)
                cells[axis] = b->axes[axis].items[digits[axis]];
            if (!is_excluded(b, cells))
                rows_add(b->rows, cells, width);
        } while (next_row(b, digits));
    }
}

/* The values of like's axes, so that extra may name them too. */
static void note_like_values(struct matrix_build *b) {
    const struct view *like = b->like;
    for (size_t i = 0; i < like->row_count * like->axis_count; i++) {
        struct bytemap *seen = &b->axes[i % like->axis_count].seen;
        if (bytemap_get(seen, &like->cells[i]->id, sizeof(uint32_t)))
            continue;
        struct axis_value *copy = arena_alloc(b->scope->plan->arena, sizeof *copy);
        *copy = *like->cells[i];
        bytemap_put(seen, &copy->id, sizeof copy->id, copy);
    }
}

/* A value that the axis has is that value: an object may be named by its label. */
static int add_extra(struct matrix_build *b, const struct axis_value *const *values, const struct location *at) {
    size_t width = b->decl->matrix.axis_count;
    const struct axis_value *cells[PLAN_MAX_AXES];
    for (size_t axis = 0; axis < width; axis++) {
        if (!values[axis])
            return scope_fault(b->scope, at, "an entry of extra names every axis; \"%s\" is missing",
                               b->decl->matrix.axes[axis].name);
        const struct axis_value *known = bytemap_get(&b->axes[axis].seen, &values[axis]->id, sizeof(uint32_t));
        cells[axis] = known ? known : values[axis];
    }
    rows_add(b->rows, cells, width);
    return 0;
}

/* Rows of equal coordinates keep the first. Only extra can bring them. */
static void drop_repeats(struct matrix_build *b) {
    size_t width = b->decl->matrix.axis_count, kept = 0;
    const struct axis_value **cells = b->rows->cells;
    uint32_t *ids = mem_array(b->rows->count * width + 1, sizeof *ids);
    uint64_t all = width == PLAN_MAX_AXES ? UINT64_MAX : (UINT64_C(1) << width) - 1;
    struct bytemap seen = {0};
    for (size_t row = 0; row < b->rows->count; row++) {
        uint32_t *key = ids + row * width;
        size_t size = pack(key, cells + row * width, all);
        if (bytemap_get(&seen, key, size))
            continue;
        bytemap_put(&seen, key, size, ids);
        memmove(cells + kept++ * width, cells + row * width, width * sizeof(const struct axis_value *));
    }
    b->rows->count = kept;
    bytemap_close(&seen);
    free(ids);
}

static void close_axis(struct axis_values *values) {
    free(values->items);
    bytemap_close(&values->seen);
}

static int read_axes(struct matrix_build *b) {
    const struct matrix *m = &b->decl->matrix;
    int rc = 0;
    if (m->axis_count > PLAN_MAX_AXES)
        return scope_fault(b->scope, &b->decl->at, "%s has %zu axes; at most %d are possible", b->decl->full_name,
                           m->axis_count, PLAN_MAX_AXES);
    for (size_t i = m->like ? m->like_count : 0; rc == 0 && i < m->axis_count; i++)
        rc = read_axis(&b->axes[i], b->scope, &m->axes[i], b->decl->scope);
    return rc;
}

int matrix_rows(struct rows *out, struct scope *s, const struct stage_decl *decl) {
    const struct matrix *m = &decl->matrix;
    if (m->axis_count == 0 && !m->exclude && !m->extra) {
        out->count = 1;
        return check_count(s, decl, 1);
    }
    struct matrix_build b = {.scope = s, .decl = decl, .none = {.row_count = 1}, .rows = out};
    b.like = m->like ? &s->plan->stages[m->like->index].view : &b.none;
    int rc = read_axes(&b);
    if (rc == 0)
        rc = check_count(s, decl, product_size(&b));
    if (rc == 0 && m->exclude)
        rc = for_entries(&b, m->exclude, add_exclusion);
    if (rc == 0)
        product(&b);
    if (rc == 0 && m->extra) {
        note_like_values(&b);
        rc = for_entries(&b, m->extra, add_extra);
        if (rc == 0)
            drop_repeats(&b);
    }
    if (rc == 0)
        rc = check_count(s, decl, out->count);
    close_exclusions(&b, rc == 0);
    for (size_t i = 0; i < PLAN_MAX_AXES; i++)
        close_axis(&b.axes[i]);
    return rc;
}
