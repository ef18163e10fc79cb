/* Leaves out the instances for which "when" is false. */
#include <stdlib.h>

#include "engine/base/json.h"
#include "engine/plan/expand.h"

static bool compare(struct scope *s, const struct condition *c, const cJSON *value) {
    if (c->type == WHERE_EQUALS)
        return json_equal(value, c->bound);
    if (!cJSON_IsNumber(value)) {
        char *text = json_canonical_text(value);
        scope_fault(s, &c->at, "\"%s\" compares numbers; the value is %s",
                    c->type == WHERE_AT_MOST ? "at_most" : "at_least", text);
        free(text);
        return false;
    }
    return c->type == WHERE_AT_MOST ? value->valuedouble <= c->bound->valuedouble
                                    : value->valuedouble >= c->bound->valuedouble;
}

static bool holds(struct scope *s, const struct condition *c) {
    cJSON *value = NULL;
    bool result = false;
    if (!value_is_known(s, c->value)) {
        if (!s->fault)
            scope_fault(s, &c->at, "the value depends on a result: \"when\" is decided before anything runs");
        return false;
    }
    if (resolve_json(&value, s, c->value) == 0)
        result = compare(s, c, value);
    cJSON_Delete(value);
    return result;
}

/* `values`: of the instance, which is no part of the plan yet. */
static bool is_met(struct scope *s, const struct stage_decl *decl, const struct axis_value *const *values) {
    struct node n = {.pub.decl = decl, .stage = s->stage, .values = values};
    struct scope inner = {.plan = s->plan, .arena = s->plan->scratch, .node = &n};
    bool met = true;
    for (size_t i = 0; met && i < decl->when_count; i++)
        met = holds(&inner, &decl->when[i]);
    if (!s->fault)
        s->fault = inner.fault;
    return met;
}

int when_omit(struct rows *rows, struct rows *omitted, struct scope *s, const struct stage_decl *decl) {
    size_t width = decl->matrix.axis_count;
    struct rows all = *rows;
    *rows = (struct rows){0};
    for (size_t row = 0; row < all.count; row++) {
        const struct axis_value *const *cells = width ? all.cells + row * width : NULL;
        rows_add(is_met(s, decl, cells) ? rows : omitted, cells, width);
    }
    free(all.cells);
    return s->fault ? ERR_INVALID : 0;
}
