#include "engine/pipeline/axes.h"

static const struct form {
    const char *name;
    axis_form *expand;
    const char *keys[3];
    size_t key_count;
} forms[] = {
    {"range", axis_range, {"range"}, 1},
    {"logspace", axis_logspace, {"logspace"}, 1},
    {"glob", axis_glob, {"glob"}, 1},
    {"sample", axis_sample, {"sample", "count", "seed"}, 3},
    {"rows", axis_rows, {"rows", "label", "types"}, 3},
};

enum { FORMS = sizeof forms / sizeof *forms };

static const cJSON *unknown_form(struct part *part, const cJSON *axis) {
    struct reader *r = part->reader;
    const char *names[FORMS];
    for (size_t i = 0; i < FORMS; i++)
        names[i] = forms[i].name;
    report_value(part, axis, "the axis \"%s\" is a list of values, or an object with one of the keys %s; found %s",
                 axis->string, join(r, names, FORMS),
                 axis->child ? arena_printf(r->arena, "\"%s\" (put a single value in brackets)", axis->child->string)
                             : "an empty object");
    return NULL;
}

const cJSON *axis_expand(struct part *part, const cJSON *axis) {
    size_t i = 0;
    while (i < FORMS && !cJSON_GetObjectItemCaseSensitive(axis, forms[i].name))
        i++;
    if (i == FORMS)
        return unknown_form(part, axis);
    check_keys(part, axis, forms[i].keys, forms[i].key_count);
    cJSON *list = forms[i].expand(part, axis);
    return list ? keep_json(part->reader, list) : NULL;
}
