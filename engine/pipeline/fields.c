/* Checks the keys of objects, and the values that hold no reference. */
#include <string.h>

#include "engine/pipeline/reader.h"

void check_keys(const struct part *part, const cJSON *object, const char *const *allowed, size_t count) {
    const cJSON *member;
    cJSON_ArrayForEach(member, object) {
        bool known = false;
        for (size_t i = 0; i < count && !known; i++)
            known = strcmp(member->string, allowed[i]) == 0;
        if (!known)
            report_key(part, member, "unknown key \"%s\"%s", member->string,
                       key_suggestion(part->reader, member->string, allowed, count));
    }
}

bool need_object(const struct part *part, const cJSON *node, const char *what) {
    if (cJSON_IsObject(node))
        return true;
    report_value(part, node, "%s is an object; found %s", what, describe(part->reader, node));
    return false;
}

bool need_list(const struct part *part, const cJSON *node, const char *what) {
    if (cJSON_IsArray(node))
        return true;
    report_value(part, node, "%s is a list; found %s", what, describe(part->reader, node));
    return false;
}

bool need_text(const struct part *part, const cJSON *node, const char *what) {
    if (!cJSON_IsString(node) || !node->valuestring[0]) {
        report_value(part, node, "%s is text; found %s", what,
                     cJSON_IsString(node) ? "the empty text" : describe(part->reader, node));
        return false;
    }
    if (!strstr(node->valuestring, "${"))
        return true;
    report_value(part, node, "%s is plain text: it cannot hold a reference", what);
    return false;
}

bool need_name(const struct part *part, const cJSON *key, const char *what) {
    if (name_is_valid(key->string))
        return true;
    report_key(part, key, "\"%s\" cannot be the name of %s: " NAME_ALLOWED, key->string, what);
    return false;
}

const char *const *read_texts(struct part *part, const cJSON *node, size_t *count,
                              void (*check)(struct part *part, const cJSON *item)) {
    *count = 0;
    const char *what = arena_printf(part->reader->arena, "\"%s\"", node->string);
    if (!need_list(part, node, what))
        return NULL;
    const char **texts = arena_array(part->reader->arena, (size_t)cJSON_GetArraySize(node), sizeof *texts);
    what = arena_printf(part->reader->arena, "an entry of \"%s\"", node->string);
    struct bytemap seen = {0};
    cJSON *item;
    cJSON_ArrayForEach(item, node) {
        if (!need_text(part, item, what))
            continue;
        const char *text = item->valuestring;
        if (bytemap_get(&seen, text, strlen(text))) {
            report_value(part, item, "\"%s\" is given twice", text);
            continue;
        }
        bytemap_put(&seen, text, strlen(text), item);
        texts[(*count)++] = text;
        if (check)
            check(part, item);
    }
    bytemap_close(&seen);
    return texts;
}
