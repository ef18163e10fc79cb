/* Reads "in": files of the project, outs of stages, lists of them, and labels. */
#include <string.h>

#include "engine/pipeline/reader.h"

static const char allowed[] =
    "a file of the project, a reference to an out, {\"from\": ..., \"label\": ...}, or a list of those";

static void check_path(struct draft *d, const cJSON *node, const char *path) {
    if (path[0] == '/')
        warn_value(d->part, node,
                   "the absolute path \"%s\" works on this machine alone; write it relative to this file", path);
}

static const struct input_decl *list_items(struct draft *d, const struct value *list, const cJSON *node, size_t *count);

/* Stores a compiled value: a file, a reference, or a list of files that params give. */
static void set_value(struct draft *d, const cJSON *node, const struct value *v, struct input_decl *out) {
    struct reader *r = d->part->reader;
    out->value = v;
    out->type = v->type == VALUE_REFERENCE ? INPUT_REFERENCE : INPUT_FILE;
    if (value_is_broken(v) || v->type == VALUE_REFERENCE || v->type == VALUE_TEXT)
        return;
    const cJSON *json = v->as.literal;
    if (cJSON_IsString(json) && json->valuestring[0]) {
        check_path(d, node, json->valuestring);
    } else if (cJSON_IsArray(json) && out->name) {
        out->type = INPUT_LIST;
        out->items = list_items(d, value_structured(r, v), node, &out->item_count);
    } else {
        report_value(d->part, node, "an input is %s; found %s", allowed,
                     cJSON_IsString(json) ? "the empty text" : describe(r, json));
        d->broken = true;
    }
}

static const struct input_decl *list_items(struct draft *d, const struct value *list, const cJSON *node,
                                           size_t *count) {
    struct input_decl *items = arena_array(d->part->reader->arena, list->as.list.count, sizeof *items);
    *count = list->as.list.count;
    for (size_t i = 0; i < *count; i++) {
        items[i].at = list->at;
        set_value(d, node, list->as.list.items[i], &items[i]);
    }
    return items;
}

static void read_label(struct draft *d, const cJSON *node, struct input_decl *out) {
    struct scope scope = {.part = d->part, .draft = d, .place = &place_label, .uses = &d->uses};
    const struct value *v = value_structured(d->part->reader, value_compile(&scope, node));
    if (v->type == VALUE_OBJECT || v->type == VALUE_EXTENDS)
        out->label = v;
    else if (!value_is_broken(v))
        report_value(d->part, node, "\"label\" is an object of names and values; found %s",
                     describe(d->part->reader, node));
}

static void read_item(struct draft *d, const cJSON *node, struct input_decl *out) {
    static const char *const keys[] = {"from", "label"};
    const cJSON *from = node;
    out->at = locate_value(d->part, node);
    if (cJSON_IsObject(node)) {
        CHECK_KEYS(d->part, node, keys);
        from = cJSON_GetObjectItemCaseSensitive(node, "from");
        const cJSON *label = cJSON_GetObjectItemCaseSensitive(node, "label");
        if (label)
            read_label(d, label, out);
        if (!from) {
            report_value(d->part, node, "the input needs \"from\", a reference to an out or a file");
            d->broken = true;
            return;
        }
    }
    if (!cJSON_IsString(from)) {
        if (from == node)
            report_value(d->part, from, "an input is %s; found %s", allowed, describe(d->part->reader, from));
        else
            report_value(d->part, from, "\"from\" is a file of the project or a reference to outs; found %s",
                         describe(d->part->reader, from));
        d->broken = true;
        return;
    }
    struct scope scope = {.part = d->part, .draft = d, .place = &place_in, .uses = &d->uses};
    set_value(d, from, value_compile(&scope, from), out);
}

static void read_list(struct draft *d, const cJSON *node, struct input_decl *out) {
    struct input_decl *items = arena_array(d->part->reader->arena, (size_t)cJSON_GetArraySize(node), sizeof *items);
    size_t count = 0;
    out->at = locate_value(d->part, node);
    const cJSON *item;
    cJSON_ArrayForEach(item, node) {
        if (cJSON_IsArray(item))
            report_value(d->part, item, "a list of inputs holds no further list: write the items one after the other");
        else
            read_item(d, item, &items[count++]);
    }
    out->type = INPUT_LIST;
    out->items = items;
    out->item_count = count;
    if (!node->child)
        report_value(d->part, node, "the input \"%s\" is an empty list", node->string);
}

void read_inputs(struct draft *d, const cJSON *node) {
    if (!need_object(d->part, node, "\"in\""))
        return;
    struct input_decl *inputs = arena_array(d->part->reader->arena, (size_t)cJSON_GetArraySize(node), sizeof *inputs);
    size_t count = 0;
    const cJSON *member;
    cJSON_ArrayForEach(member, node) {
        struct input_decl *input = &inputs[count++];
        need_name(d->part, member, "an input");
        input->name = member->string;
        if (cJSON_IsArray(member))
            read_list(d, member, input);
        else
            read_item(d, member, input);
        input->at = locate_key(d->part, member);
    }
    d->decl.in = inputs;
    d->decl.in_count = count;
}
