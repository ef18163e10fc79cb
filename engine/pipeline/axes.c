#include "engine/pipeline/axes.h"

typedef cJSON *expand(struct part *part, const cJSON *spec);

static const char *const form_names[] = {"range", "logspace", "glob"};
static expand *const forms[] = {axis_range, axis_logspace, axis_glob};

enum { FORMS = sizeof forms / sizeof *forms };

static const cJSON *unknown_form(struct part *part, const cJSON *axis) {
    struct reader *r = part->reader;
    report_value(part, axis, "the axis \"%s\" is a list of values, or an object with one of the keys %s; found %s",
                 axis->string, join(r, form_names, FORMS),
                 axis->child ? arena_printf(r->arena, "\"%s\" (put a single value in brackets)", axis->child->string)
                             : "an empty object");
    return NULL;
}

const cJSON *axis_expand(struct part *part, const cJSON *axis) {
    size_t form = 0;
    const cJSON *spec = NULL;
    for (; form < FORMS && !(spec = cJSON_GetObjectItemCaseSensitive(axis, form_names[form])); form++)
        ;
    if (!spec)
        return unknown_form(part, axis);
    check_keys(part, axis, &form_names[form], 1);
    cJSON *list = forms[form](part, spec);
    return list ? keep_json(part->reader, list) : NULL;
}
