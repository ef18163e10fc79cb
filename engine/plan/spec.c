#include <string.h>

#include "engine/plan/action.h"

static cJSON *spec_item(const struct action_input *in, size_t index, const struct action_given *given) {
    const struct action_item *item = &in->items[index];
    struct buffer path = {0};
    given->item_path(given->context, in, index, &path);
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "path", buffer_text(&path));
    cJSON_AddStringToObject(out, "name", item->name);
    json_add_digest(out, "sha256", &item->content.digest);
    cJSON_AddBoolToObject(out, "executable", item->content.executable);
    cJSON_AddItemToObject(out, "labels", action_labels(item->labels, item->label_count));
    buffer_close(&path);
    return out;
}

static cJSON *spec_input(const struct action_input *in, const struct action_given *given) {
    if (!in->list)
        return spec_item(in, 0, given);
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < in->count; i++)
        cJSON_AddItemToArray(list, spec_item(in, i, given));
    return list;
}

static void add_what(cJSON *spec, const struct action *a, const char *const *argv, size_t argc) {
    struct buffer uses = {0};
    if (a->kind) {
        buffer_printf(&uses, "%s@%d", a->kind->name, a->kind->version);
        cJSON_AddStringToObject(spec, "kind", buffer_text(&uses));
        cJSON_AddItemToObject(spec, "with", kind_with_complete(a->kind, a->with));
        buffer_close(&uses);
        return;
    }
    cJSON *cmd = cJSON_AddArrayToObject(spec, "cmd");
    for (size_t i = 0; i < argc; i++)
        cJSON_AddItemToArray(cmd, cJSON_CreateString(argv[i]));
}

cJSON *action_spec(const struct action *a, const char *const *argv, size_t argc, const struct action_given *given) {
    cJSON *spec = cJSON_CreateObject();
    cJSON_AddNumberToObject(spec, "retort_spec", 1);
    add_what(spec, a, argv, argc);
    cJSON *in = cJSON_AddObjectToObject(spec, "in");
    for (size_t i = 0; i < a->input_count; i++)
        cJSON_AddItemToObject(in, a->inputs[i].name, spec_input(&a->inputs[i], given));
    cJSON *outs = cJSON_AddObjectToObject(spec, "outs");
    for (size_t i = 0; i < a->out_count; i++) {
        cJSON *out = cJSON_AddObjectToObject(outs, a->outs[i].name);
        cJSON_AddStringToObject(out, "path", a->outs[i].path);
        cJSON_AddStringToObject(out, "type", action_out_type(a->outs[i].type));
    }
    cJSON_AddNumberToObject(spec, "cpus", given->cpus);
    return spec;
}
