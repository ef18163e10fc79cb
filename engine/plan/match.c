#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/suggest.h"
#include "engine/plan/internal.h"

enum { VALUES_SHOWN = 20 };

/* A reference's demand on each axis of the view that it reads. */
struct query {
    const struct reference *reference;
    const struct location *at;
    struct stage_plan *stage;
    struct view *view;
    uint64_t mask; /* axes that are pinned or matched */
    uint64_t pinned;
    uint32_t ids[PLAN_MAX_AXES];
    const cJSON *asked[PLAN_MAX_AXES];
    cJSON *owned[PLAN_MAX_AXES];
    bool list;
};

const struct axis_value *node_value(const struct node *n, const char *axis) {
    for (size_t i = 0, count = instance_coordinate_count(&n->pub); i < count; i++)
        if (strcmp(n->pub.decl->matrix.axes[i].name, axis) == 0)
            return n->values[i];
    return NULL;
}

static const struct pin *find_pin(const struct reference *r, const char *axis) {
    for (size_t i = 0; i < r->pin_count; i++)
        if (strcmp(r->pins[i].axis, axis) == 0)
            return &r->pins[i];
    return NULL;
}

/* Finds the value that a pin asks for. `${matrix.axis}` gives the coordinate's own id and JSON, without a copy. */
static int ask(struct query *q, struct scope *s, size_t axis, const struct value *v) {
    if (v->type == VALUE_REFERENCE && v->as.reference->root == REFERENCE_MATRIX && v->as.reference->step_count == 1) {
        const struct axis_value *value = s->node ? node_value(s->node, v->as.reference->steps[0].name) : NULL;
        if (value) {
            q->ids[axis] = value->id;
            q->asked[axis] = value->json;
            return 0;
        }
    }
    if (v->type != VALUE_LITERAL) {
        int rc = resolve_json(&q->owned[axis], s, v);
        if (rc)
            return rc;
    }
    q->asked[axis] = v->type == VALUE_LITERAL ? v->as.literal : q->owned[axis];
    q->ids[axis] = axis_identity(s->plan, q->asked[axis]);
    return 0;
}

static int leftover(struct query *q, struct scope *s, const bool *left) {
    struct buffer names = {0};
    for (size_t i = 0; i < q->view->axis_count; i++)
        if (left[i])
            buffer_printf(&names, "%s%s", names.size ? ", " : "", q->view->axes[i]);
    int rc = scope_fault(s, q->at, "%s leaves open the axes of %s: %s; pin them ([%s=...]) or collect them ([*])",
                         q->reference->text, q->stage->decl->full_name, buffer_text(&names), buffer_text(&names));
    buffer_close(&names);
    return rc;
}

static int check_pins(struct query *q, struct scope *s) {
    for (size_t i = 0; i < q->reference->pin_count; i++) {
        const char *axis = q->reference->pins[i].axis;
        if (view_axis(q->view, axis) != AXIS_NONE)
            continue;
        char *suggestion = suggest_text(axis, q->view->axes, q->view->axis_count, "");
        int rc = scope_fault(s, q->at, "%s: %s has no axis \"%s\"%s", q->reference->text, q->stage->decl->full_name,
                             axis, suggestion);
        free(suggestion);
        return rc;
    }
    return 0;
}

static int read_axes(struct query *q, struct scope *s, bool collect) {
    bool left[PLAN_MAX_AXES] = {0}, any_left = false;
    for (size_t axis = 0; axis < q->view->axis_count; axis++) {
        const struct pin *pin = find_pin(q->reference, q->view->axes[axis]);
        const struct axis_value *matched = s->node && !pin ? node_value(s->node, q->view->axes[axis]) : NULL;
        if (pin && pin->collect) {
            q->list = true;
        } else if (pin) {
            int rc = ask(q, s, axis, pin->value);
            if (rc)
                return rc;
            q->mask |= UINT64_C(1) << axis;
            q->pinned |= UINT64_C(1) << axis;
        } else if (matched) {
            q->ids[axis] = matched->id;
            q->asked[axis] = matched->json;
            q->mask |= UINT64_C(1) << axis;
        } else if (!collect) {
            left[axis] = any_left = true;
        }
    }
    q->list |= collect;
    return any_left ? leftover(q, s, left) : 0;
}

/* The nearest of the values that exist: by size among numbers, else by letters; NULL when none is near. */
static const struct axis_value *nearest_value(const cJSON *asked, const struct axis_value *const *values,
                                              size_t count) {
    const struct axis_value *best = NULL;
    double distance = INFINITY;
    for (size_t i = 0; i < count && cJSON_IsNumber(asked); i++) {
        const cJSON *json = values[i]->json;
        if (cJSON_IsNumber(json) && fabs(json->valuedouble - asked->valuedouble) < distance) {
            best = values[i];
            distance = fabs(json->valuedouble - asked->valuedouble);
        }
    }
    if (best)
        return best;
    struct buffer name = {0};
    const char **names = mem_array(count + 1, sizeof *names);
    axis_put_name(&name, asked);
    for (size_t i = 0; i < count; i++)
        names[i] = values[i]->name;
    const char *nearest = suggest_nearest(buffer_text(&name), names, count);
    for (size_t i = 0; i < count && nearest; i++)
        if (names[i] == nearest)
            best = values[i];
    free(names);
    buffer_close(&name);
    return best;
}

static int unknown_value(struct query *q, struct scope *s, size_t axis) {
    struct buffer text = {0};
    size_t count;
    const struct axis_value **values = view_axis_values(q->view, axis, &count);
    buffer_printf(&text, "%s: %s has no instance with %s=", q->reference->text, q->stage->decl->full_name,
                  q->view->axes[axis]);
    axis_put_name(&text, q->asked[axis]);
    if (!(q->pinned >> axis & 1))
        buffer_puts(&text, " (the coordinate of this instance)");
    buffer_printf(&text, "; its values are");
    for (size_t i = 0; i < count && i < VALUES_SHOWN; i++)
        buffer_printf(&text, "%s %s", i ? "," : "", values[i]->name);
    if (count > VALUES_SHOWN)
        buffer_printf(&text, " and %zu more", count - VALUES_SHOWN);
    const struct axis_value *nearest = nearest_value(q->asked[axis], values, count);
    if (nearest)
        buffer_printf(&text, "; did you mean %s?", nearest->name);
    int rc = scope_fault(s, q->at, "%s", buffer_text(&text));
    free(values);
    buffer_close(&text);
    return rc;
}

/* No instance has all the coordinates: the axis that is to blame, or their combination. */
static int none_found(struct query *q, struct scope *s) {
    struct node **rows;
    size_t count;
    for (size_t axis = 0; axis < q->view->axis_count; axis++) {
        if (!(q->mask >> axis & 1))
            continue;
        view_find(s->plan, q->view, UINT64_C(1) << axis, q->ids, &rows, &count);
        if (count == 0)
            return unknown_value(q, s, axis);
    }
    struct buffer text = {0};
    for (size_t axis = 0; axis < q->view->axis_count; axis++) {
        if (!(q->mask >> axis & 1))
            continue;
        buffer_printf(&text, "%s%s=", text.size ? "," : "", q->view->axes[axis]);
        axis_put_name(&text, q->asked[axis]);
    }
    int rc = scope_fault(s, q->at, "%s: %s has no instance%s%s", q->reference->text, q->stage->decl->full_name,
                         text.size ? " with " : "", buffer_text(&text));
    buffer_close(&text);
    return rc;
}

/* No instance of the plan has all the coordinates. One that "when" leaves out is missing in a list, and a fault where
   the reference means it alone. */
static int without_rows(struct match *out, struct query *q, struct scope *s) {
    struct node *omitted;
    if (!omitted_find(&omitted, q->stage, q->mask, q->ids))
        return none_found(q, s);
    out->list = true;
    if (q->list || s->optional)
        return 0;
    return scope_fault(s, q->at, "%s: %s is left out by its \"when\", and %s needs it", q->reference->text,
                       instance_name(&omitted->pub), s->node ? instance_name(&s->node->pub) : "this place");
}

static int match(struct match *out, struct scope *s, const struct reference *r, const struct location *at,
                 bool collect) {
    struct stage_plan *stage = &s->plan->stages[r->stage->index];
    struct query q = {.reference = r, .at = at, .stage = stage, .view = &stage->view};
    int rc = check_pins(&q, s);
    if (rc == 0)
        rc = read_axes(&q, s, collect);
    if (rc)
        goto out;
    view_find(s->plan, q.view, q.mask, q.ids, &out->rows, &out->count);
    out->list = q.list;
    if (out->count == 0)
        rc = without_rows(out, &q, s);
out:
    for (size_t axis = 0; axis < q.view->axis_count; axis++)
        cJSON_Delete(q.owned[axis]);
    return rc;
}

int match_reference(struct match *out, struct scope *s, const struct reference *r, const struct location *at) {
    return match(out, s, r, at, r->collect);
}

int match_from(struct match *out, struct scope *s, const struct reference *r, const struct location *at) {
    int rc = match(out, s, r, at, true);
    if (rc == 0 && out->count == 0)
        rc = scope_fault(s, at, "%s: \"when\" leaves out all instances that the select chooses from", r->text);
    return rc;
}
