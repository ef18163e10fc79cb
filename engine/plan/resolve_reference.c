#include <stdlib.h>
#include <string.h>

#include "engine/base/data.h"
#include "engine/base/memory.h"
#include "engine/base/suggest.h"
#include "engine/plan/internal.h"

/* One step into a value that may still hold references; `*found` is false when there is no such member. */
static struct matrix_member step_into(struct arena *arena, struct matrix_member from, const struct step *step,
                                      bool *found);

static struct matrix_member step_json(struct matrix_member from, const struct step *step, bool *found) {
    const cJSON *json = step->name ? cJSON_GetObjectItemCaseSensitive(from.json, step->name)
                                   : cJSON_GetArrayItem(from.json, (int)step->index);
    *found = json != NULL;
    return (struct matrix_member){NULL, json, from.beside};
}

/* The patch first: what it says stands; objects on both sides are merged when they are used. */
static struct matrix_member step_extends(struct arena *arena, struct matrix_member from, const struct step *step,
                                         bool *found) {
    const struct value *v = from.value;
    struct matrix_member patch =
        step_into(arena, (struct matrix_member){v->as.extends.patch, NULL, from.beside}, step, found);
    if (*found && !(patch.value && (patch.value->type == VALUE_OBJECT || patch.value->type == VALUE_LITERAL)))
        return patch;
    bool patched = *found;
    struct matrix_member base =
        step_into(arena, (struct matrix_member){v->as.extends.base, NULL, from.beside}, step, found);
    if (!patched)
        return base;
    bool is_object = patch.value->type == VALUE_OBJECT || cJSON_IsObject(patch.value->as.literal);
    bool is_null = patch.value->type == VALUE_LITERAL && cJSON_IsNull(patch.value->as.literal);
    if (!is_object || !*found || !base.value) {
        *found = !is_null;
        return patch;
    }
    struct value *merged = arena_alloc(arena, sizeof *merged);
    *merged = (struct value){.type = VALUE_EXTENDS, .at = v->at};
    merged->as.extends.base = base.value;
    merged->as.extends.patch = patch.value;
    return (struct matrix_member){merged, NULL, from.beside};
}

/* Plain JSON below a literal becomes a literal value, so that every member is a value. */
static struct matrix_member step_literal(struct arena *arena, struct matrix_member from, const struct step *step,
                                         bool *found) {
    from.json = from.value->as.literal;
    struct matrix_member member = step_json(from, step, found);
    if (!*found)
        return member;
    struct value *literal = arena_alloc(arena, sizeof *literal);
    *literal = (struct value){.type = VALUE_LITERAL, .at = from.value->at};
    literal->as.literal = member.json;
    return (struct matrix_member){literal, NULL, from.beside};
}

static struct matrix_member step_into(struct arena *arena, struct matrix_member from, const struct step *step,
                                      bool *found) {
    const struct value *v = from.value;
    *found = false;
    if (!v)
        return step_json(from, step, found);
    if (v->type == VALUE_LITERAL)
        return step_literal(arena, from, step, found);
    if (v->type == VALUE_EXTENDS)
        return step_extends(arena, from, step, found);
    if (v->type == VALUE_LIST && !step->name && step->index < v->as.list.count) {
        *found = true;
        return (struct matrix_member){v->as.list.items[step->index], NULL, from.beside};
    }
    for (size_t i = 0; v->type == VALUE_OBJECT && step->name && i < v->as.object.count; i++)
        if (strcmp(v->as.object.names[i], step->name) == 0) {
            *found = true;
            return (struct matrix_member){v->as.object.values[i], NULL, from.beside};
        }
    return from;
}

static int no_members(struct scope *s, const struct reference *r, const struct location *at, const cJSON *value,
                      const struct step *step) {
    char *text = json_canonical_text(value);
    int rc = scope_fault(s, at, "%s: the value is %s, which has no \"%s\"", r->text, text, step->name);
    free(text);
    return rc;
}

static int missing_step(struct scope *s, const struct reference *r, const struct location *at, const cJSON *in,
                        const struct step *step) {
    if (!step->name)
        return scope_fault(s, at, "%s: there is no item [%zu]", r->text, step->index);
    if (in && !cJSON_IsObject(in) && !cJSON_IsArray(in))
        return no_members(s, r, at, in, step);
    const char *names[64];
    size_t count = 0;
    const cJSON *member;
    cJSON_ArrayForEach(member, in) {
        if (member->string && count < 64)
            names[count++] = member->string;
    }
    char *suggestion = suggest_text(step->name, names, count, "");
    int rc = scope_fault(s, at, "%s: there is no \"%s\"%s", r->text, step->name, suggestion);
    free(suggestion);
    return rc;
}

/* Follows the reference's steps from the one numbered `first` into the value of an axis. */
static int walk(struct matrix_member *out, struct scope *s, const struct reference *r, const struct location *at,
                const struct axis_value *value, size_t first) {
    *out = (struct matrix_member){value->source, value->json, value->beside};
    const cJSON *shown = value->json;
    for (size_t i = first; i < r->step_count; i++) {
        bool found;
        struct matrix_member next = step_into(s->arena, *out, &r->steps[i], &found);
        if (!found)
            return missing_step(s, r, at, shown, &r->steps[i]);
        shown = r->steps[i].name ? cJSON_GetObjectItemCaseSensitive(shown, r->steps[i].name)
                                 : cJSON_GetArrayItem(shown, (int)r->steps[i].index);
        *out = next;
    }
    if (out->value && out->value->type == VALUE_LITERAL)
        *out = (struct matrix_member){NULL, out->value->as.literal, out->beside};
    return 0;
}

int resolve_matrix(struct matrix_member *out, struct scope *s, const struct reference *r, const struct location *at) {
    const struct axis_value *value =
        s->node && r->step_count && r->steps[0].name ? node_value(s->node, r->steps[0].name) : NULL;
    if (!value)
        return scope_fault(s, at, "%s: %s has no such axis", r->text,
                           s->node ? instance_name(&s->node->pub) : "this place");
    return walk(out, s, r, at, value, 1);
}

static int resolve_coordinate(cJSON **out, struct scope *s, const struct reference *r, const struct location *at) {
    struct matrix_member member = {0};
    int rc = resolve_matrix(&member, s, r, at);
    if (rc)
        return rc;
    if (member.value)
        return resolve_json(out, s, member.value);
    *out = cJSON_Duplicate(member.json, true);
    return 0;
}

static int missing_metric(struct scope *s, const struct reference *r, const struct location *at, const struct node *n,
                          const char *name) {
    struct buffer names = {0};
    size_t count = metrics_count(n->pub.metrics);
    for (size_t i = 0; i < count; i++)
        buffer_printf(&names, "%s%s", i ? ", " : "", metrics_name(n->pub.metrics, i));
    char *suggestion = suggest_text(name, count ? n->pub.metrics->names->names : NULL, count, "");
    int rc =
        scope_fault(s, at, "%s: %s gave no metric \"%s\"%s%s %s", r->text, instance_name(&n->pub), name, suggestion,
                    *suggestion ? " It gave" : "; it gave", names.size ? buffer_text(&names) : "no metrics");
    free(suggestion);
    buffer_close(&names);
    return rc;
}

/* NaN, Infinity and null are no values: a program that got them would give a result that means nothing. */
static int resolve_metric(cJSON **out, struct scope *s, const struct reference *r, const struct location *at,
                          const struct node *n) {
    const char *name = r->steps[1].name;
    size_t i = 0, count = metrics_count(n->pub.metrics);
    while (i < count && strcmp(metrics_name(n->pub.metrics, i), name) != 0)
        i++;
    if (i == count)
        return missing_metric(s, r, at, n, name);
    cJSON *value = metrics_json(n->pub.metrics, i);
    const char *nonfinite = cJSON_IsNull(value) ? "null" : data_nonfinite(value), *digits = data_integer(value);
    int rc = 0;
    if (nonfinite)
        rc = scope_fault(s, at, "%s: %s gave %s, which cannot be used as a value", r->text, instance_name(&n->pub),
                         nonfinite);
    else
        *out = digits ? cJSON_CreateString(digits) : cJSON_Duplicate(value, true);
    cJSON_Delete(value);
    return rc;
}

static bool has_member(struct scope *s, const struct reference *r, const struct axis_value *value) {
    struct matrix_member member = {value->source, value->json, value->beside};
    bool found = true;
    for (size_t i = 2; found && i < r->step_count; i++)
        member = step_into(s->arena, member, &r->steps[i], &found);
    return found;
}

void foresee_member(struct scope *s, const struct reference *r, const struct location *at) {
    struct matrix_member ignored;
    if (r->root != REFERENCE_STAGE || r->step_count < 3 || !r->steps[0].name || !r->steps[1].name ||
        strcmp(r->steps[0].name, "matrix") != 0)
        return;
    const struct stage_decl *rows = r->stage->type == STAGE_SELECT ? r->stage->select->from->stage : r->stage;
    const struct stage_plan *stage = &s->plan->stages[rows->index];
    const struct axis_value *value = NULL;
    for (size_t i = 0; stage->state == STAGE_OPEN && i < stage->node_count; i++) {
        value = node_value(stage->nodes[i], r->steps[1].name);
        if (!value || has_member(s, r, value))
            return;
    }
    if (value)
        walk(&ignored, s, r, at, value, 2);
}

/* The coordinate of another stage, or something inside it. */
static int other_coordinate(cJSON **out, struct scope *s, const struct reference *r, const struct location *at,
                            const struct axis_value *value) {
    struct matrix_member member = {0};
    int rc = walk(&member, s, r, at, value, 2);
    if (rc)
        return rc;
    if (member.value)
        return scope_fault(s, at, "%s holds references that only %s can resolve", r->text, r->stage->full_name);
    *out = cJSON_Duplicate(member.json, true);
    return 0;
}

static int fixed_value(cJSON **out, struct scope *s, const struct reference *r, const struct location *at,
                       const struct stage_plan *stage) {
    struct buffer names = {0};
    for (size_t i = 0; i < stage->fixed_count; i++) {
        if (strcmp(stage->fixed[i].axis, r->steps[1].name) == 0) {
            buffer_close(&names);
            return other_coordinate(out, s, r, at, stage->fixed[i].value);
        }
        buffer_printf(&names, "%s%s", names.size ? ", " : "", stage->fixed[i].axis);
    }
    int rc = scope_fault(s, at, "%s: the select does not choose \"%s\"; there is: %s", r->text, r->steps[1].name,
                         names.size ? buffer_text(&names) : "none");
    buffer_close(&names);
    return rc;
}

static int row_value(cJSON **out, struct scope *s, const struct reference *r, const struct location *at,
                     const struct node *n) {
    if (strcmp(r->steps[0].name, "metrics") == 0)
        return resolve_metric(out, s, r, at, n);
    const struct axis_value *value = node_value(n, r->steps[1].name);
    if (!value)
        return scope_fault(s, at, "%s: %s has no axis \"%s\"", r->text, instance_name(&n->pub), r->steps[1].name);
    return other_coordinate(out, s, r, at, value);
}

static int resolve_rows(cJSON **out, struct scope *s, const struct reference *r, const struct location *at,
                        const struct match *m) {
    if (!m->list)
        return row_value(out, s, r, at, m->rows[0]);
    cJSON *list = cJSON_CreateArray(), *item = NULL;
    for (size_t i = 0; i < m->count; i++) {
        int rc = row_value(&item, s, r, at, m->rows[i]);
        if (rc) {
            cJSON_Delete(list);
            return rc;
        }
        cJSON_AddItemToArray(list, item);
    }
    *out = list;
    return 0;
}

static int resolve_stage(cJSON **out, struct scope *s, const struct reference *r, const struct location *at) {
    struct stage_plan *stage = &s->plan->stages[r->stage->index];
    struct match m;
    bool matrix = r->step_count >= 2 && r->steps[0].name && strcmp(r->steps[0].name, "matrix") == 0;
    bool metric = r->step_count == 2 && r->steps[0].name && strcmp(r->steps[0].name, "metrics") == 0;
    if ((!matrix && !metric) || !r->steps[1].name)
        return scope_fault(s, at, "%s is no value: a file of a stage is taken through \"in\"", r->text);
    if (matrix && r->stage->type == STAGE_SELECT && view_axis(&stage->view, r->steps[1].name) == AXIS_NONE)
        return fixed_value(out, s, r, at, stage);
    int rc = match_reference(&m, s, r, at);
    return rc ? rc : resolve_rows(out, s, r, at, &m);
}

int resolve_reference(cJSON **out, struct scope *s, const struct reference *r, const struct location *at) {
    switch (r->root) {
    case REFERENCE_MATRIX:
        return resolve_coordinate(out, s, r, at);
    case REFERENCE_STAGE:
        return resolve_stage(out, s, r, at);
    case REFERENCE_PARAMS:
    case REFERENCE_IN:
    case REFERENCE_OUTS:
    case REFERENCE_CHECKPOINT:
    case REFERENCE_CPUS:
        break;
    }
    return scope_fault(s, at, "%s has no value here: only a command sees it", r->text);
}
