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

/* FORMS: it is of none. */
static size_t form_of(const cJSON *axis) {
    size_t i = 0;
    while (i < FORMS && !cJSON_GetObjectItemCaseSensitive(axis, forms[i].name))
        i++;
    return i;
}

bool axis_is_form(const cJSON *value) {
    size_t i = cJSON_IsObject(value) ? form_of(value) : FORMS;
    int known = 0;
    for (size_t k = 0; i < FORMS && k < forms[i].key_count; k++)
        known += cJSON_HasObjectItem(value, forms[i].keys[k]);
    return i < FORMS && known == cJSON_GetArraySize(value);
}

const cJSON *axis_expand(struct part *part, const cJSON *axis) {
    size_t i = form_of(axis);
    if (i == FORMS)
        return unknown_form(part, axis);
    check_keys(part, axis, forms[i].keys, forms[i].key_count);
    cJSON *list = forms[i].expand(part, axis);
    return list ? keep_json(part->reader, list) : NULL;
}
