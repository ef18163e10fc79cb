/* Inputs of "defaults" that a stage's own list repeats. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/pipeline/reader.h"

/* A path without "./" and the like; a reference as it is. The caller frees. */
static cJSON *source_form(const cJSON *source) {
    char *normal = path_normal(source->valuestring);
    cJSON *form = cJSON_CreateString(strstr(source->valuestring, "${") ? source->valuestring : normal);
    free(normal);
    return form;
}

/* An item as an object, equal for all ways to write it. The caller deletes it. */
static cJSON *item_form(const cJSON *node) {
    bool object = cJSON_IsObject(node);
    cJSON *form = object ? cJSON_Duplicate(node, true) : cJSON_CreateObject();
    cJSON *path = cJSON_DetachItemFromObjectCaseSensitive(form, "path");
    cJSON *source = path ? path : cJSON_DetachItemFromObjectCaseSensitive(form, "from");
    const cJSON *given = object ? source : node;
    if (cJSON_IsString(given))
        cJSON_AddItemToObject(form, "source", source_form(given));
    cJSON_Delete(source);
    const cJSON *place = cJSON_GetObjectItemCaseSensitive(form, "as");
    if (place && cJSON_Compare(place, cJSON_GetObjectItemCaseSensitive(form, "source"), true))
        cJSON_DeleteItemFromObjectCaseSensitive(form, "as");
    return form;
}

static bool have_one_form(const cJSON *a, const cJSON *b) {
    cJSON *x = item_form(a), *y = item_form(b);
    bool same = json_equal(x, y);
    cJSON_Delete(x);
    cJSON_Delete(y);
    return same;
}

static void report_conflict(struct draft *d, const cJSON *item, const cJSON *other, const char *place) {
    char *of_stage = json_canonical_text(item), *of_defaults = json_canonical_text(other);
    report_value(d->part, item,
                 "\"defaults\" has %s and this stage has %s, and both stand at %s: keep one of them, or choose another "
                 "place with \"as\"",
                 of_defaults, of_stage, place);
    free(of_stage);
    free(of_defaults);
}

bool repeats_default(struct draft *d, const cJSON *item, const struct input_decl *in, const struct input_decl *others) {
    const cJSON *other;
    cJSON_ArrayForEach(other, d->part->default_in) {
        bool same = have_one_form(item, other), clash = *in->name && strcmp(in->name, others->name) == 0;
        if (clash && !same)
            report_conflict(d, item, other, in->name);
        if (clash || same)
            return true;
        others++;
    }
    return false;
}
