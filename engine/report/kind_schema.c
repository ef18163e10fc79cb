/*
 * Makes the JSON Schema of pipeline files. schema_frame.json holds the fixed part of the format; the descriptions of
 * the kinds give their parameters and inputs. Every value may also be a reference: a text that holds "${".
 */
#include <string.h>

#include "engine/base/embed.h"
#include "engine/base/json.h"
#include "engine/report/kind_reference.h"

EMBED_FILE(schema_frame, "engine/report/schema_frame.json");

static cJSON *ref(const char *definition) {
    struct buffer path = {0};
    buffer_printf(&path, "#/$defs/%s", definition);
    cJSON *schema = cJSON_CreateObject();
    cJSON_AddStringToObject(schema, "$ref", buffer_text(&path));
    buffer_close(&path);
    return schema;
}

static void add_text(cJSON *array, const char *text) {
    cJSON_AddItemToArray(array, cJSON_CreateString(text));
}

static cJSON *param_schema(const struct param *p, bool member);

/* Requires the parameters without a default, unless "$extends" names an object that may give them. */
static void require_params(cJSON *schema, const struct param *params, size_t count) {
    cJSON *names = cJSON_CreateArray();
    for (size_t i = 0; i < count; i++)
        if (!params[i].fallback)
            add_text(names, params[i].name);
    if (!names->child) {
        cJSON_Delete(names);
        return;
    }
    cJSON *any = cJSON_AddArrayToObject(schema, "anyOf"), *given = cJSON_CreateObject(),
          *extended = cJSON_CreateObject();
    cJSON_AddItemToObject(given, "required", names);
    add_text(cJSON_AddArrayToObject(extended, "required"), "$extends");
    cJSON_AddItemToArray(any, given);
    cJSON_AddItemToArray(any, extended);
}

static void add_members(cJSON *schema, const struct param *params, size_t count) {
    cJSON *properties = cJSON_AddObjectToObject(schema, "properties");
    for (size_t i = 0; i < count; i++)
        cJSON_AddItemToObject(properties, params[i].name, param_schema(&params[i], true));
    cJSON_AddItemToObject(properties, "$extends", ref("reference"));
    cJSON_AddBoolToObject(schema, "additionalProperties", false);
    require_params(schema, params, count);
}

static void add_choices(cJSON *schema, const struct param *p) {
    cJSON *choices = cJSON_AddArrayToObject(schema, "enum");
    for (size_t i = 0; p->choices[i]; i++)
        cJSON_AddItemToArray(choices,
                             p->type == PARAM_CHOICE ? cJSON_CreateString(p->choices[i]) : cJSON_Parse(p->choices[i]));
}

static void add_limits(cJSON *schema, const struct param *p) {
    bool list = p->type == PARAM_LIST;
    if ((p->type == PARAM_INTEGER || p->type == PARAM_NUMBER) && (p->min != 0 || p->max != 0)) {
        cJSON_AddNumberToObject(schema, "minimum", p->min);
        cJSON_AddNumberToObject(schema, "maximum", p->max);
    }
    if ((list || p->type == PARAM_MAP) && p->max_items > 0) {
        cJSON_AddNumberToObject(schema, list ? "minItems" : "minProperties", (double)p->min_items);
        cJSON_AddNumberToObject(schema, list ? "maxItems" : "maxProperties", (double)p->max_items);
    }
}

static cJSON *plain_schema(const struct param *p) {
    static const char *const types[] = {
        [PARAM_INTEGER] = "integer", [PARAM_NUMBER] = "number", [PARAM_BOOLEAN] = "boolean", [PARAM_STRING] = "string",
        [PARAM_CHOICE] = "string",   [PARAM_LIST] = "array",    [PARAM_OBJECT] = "object",   [PARAM_MAP] = "object",
    };
    cJSON *schema = cJSON_CreateObject();
    if (p->choices)
        add_choices(schema, p);
    else if (p->type != PARAM_ANY)
        cJSON_AddStringToObject(schema, "type", types[p->type]);
    add_limits(schema, p);
    if (p->type == PARAM_LIST && p->member_count == 1)
        cJSON_AddItemToObject(schema, "items", param_schema(&p->members[0], false));
    if (p->type == PARAM_MAP && p->member_count == 1)
        cJSON_AddItemToObject(schema, "additionalProperties", param_schema(&p->members[0], true));
    if (p->type == PARAM_OBJECT && p->member_count > 0)
        add_members(schema, p->members, p->member_count);
    return schema;
}

static void describe_param(cJSON *schema, const struct param *p) {
    struct buffer text = {0};
    buffer_puts(&text, p->doc ? p->doc : "");
    if (p->unit)
        buffer_printf(&text, "%sUnit: %s.", p->doc ? " " : "", p->unit);
    if (text.size)
        cJSON_AddStringToObject(schema, "description", buffer_text(&text));
    buffer_close(&text);
    if (p->fallback)
        cJSON_AddItemToObject(schema, "default", cJSON_Parse(p->fallback));
}

/* `member`: may be null, which removes the member beside "$extends". */
static cJSON *param_schema(const struct param *p, bool member) {
    cJSON *schema = cJSON_CreateObject();
    describe_param(schema, p);
    cJSON *any = cJSON_AddArrayToObject(schema, "anyOf");
    cJSON_AddItemToArray(any, plain_schema(p));
    cJSON_AddItemToArray(any, ref("reference"));
    if (member)
        cJSON_AddItemToArray(any, cJSON_Parse("{\"type\":\"null\"}"));
    return schema;
}

static cJSON *with_schema(const struct kind *k) {
    cJSON *schema = cJSON_CreateObject(), *object = cJSON_CreateObject();
    cJSON_AddStringToObject(schema, "description", k->summary);
    cJSON *any = cJSON_AddArrayToObject(schema, "anyOf");
    cJSON_AddStringToObject(object, "type", "object");
    add_members(object, k->params, k->param_count);
    cJSON_AddItemToArray(any, object);
    cJSON_AddItemToArray(any, ref("reference"));
    return schema;
}

static cJSON *in_schema(const struct kind *k) {
    cJSON *schema = cJSON_CreateObject(), *properties = cJSON_AddObjectToObject(schema, "properties");
    cJSON *required = cJSON_CreateArray();
    for (size_t i = 0; i < k->input_count; i++) {
        cJSON *input = ref(k->inputs[i].list ? "input" : "item");
        cJSON_AddStringToObject(input, "description", k->inputs[i].doc);
        cJSON_AddItemToObject(properties, k->inputs[i].name, input);
        if (k->inputs[i].required)
            add_text(required, k->inputs[i].name);
    }
    cJSON_AddBoolToObject(schema, "additionalProperties", false);
    cJSON_AddItemToObject(schema, "required", required);
    return schema;
}

static bool needs_params(const struct kind *k) {
    for (size_t i = 0; i < k->param_count; i++)
        if (!k->params[i].fallback)
            return true;
    return false;
}

static bool needs_inputs(const struct kind *k) {
    for (size_t i = 0; i < k->input_count; i++)
        if (k->inputs[i].required)
            return true;
    return false;
}

/* The rule: if the stage uses this kind, its "with" and "in" follow the kind. */
static cJSON *kind_rule(const struct kind *k, const char *uses) {
    cJSON *rule = cJSON_CreateObject(), *test = cJSON_AddObjectToObject(rule, "if");
    cJSON_AddStringToObject(cJSON_AddObjectToObject(cJSON_AddObjectToObject(test, "properties"), "uses"), "const",
                            uses);
    cJSON *then = cJSON_AddObjectToObject(rule, "then"), *properties = cJSON_AddObjectToObject(then, "properties");
    cJSON_AddItemToObject(properties, "with", with_schema(k));
    cJSON_AddItemToObject(properties, "in", in_schema(k));
    cJSON *required = cJSON_AddArrayToObject(then, "required");
    if (needs_params(k))
        add_text(required, "with");
    if (needs_inputs(k))
        add_text(required, "in");
    return rule;
}

static cJSON *member(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

void kind_schema(struct buffer *out) {
    cJSON *schema = cJSON_Parse(schema_frame);
    cJSON *stage = member(member(schema, "$defs"), "kind_stage");
    cJSON *names = member(member(member(stage, "properties"), "uses"), "enum"), *rules = member(stage, "allOf");
    size_t count;
    const struct kind *const *all = kinds_all(&count);
    for (size_t i = 0; i < count; i++) {
        struct buffer uses = {0};
        buffer_printf(&uses, "%s@%d", all[i]->name, all[i]->version);
        add_text(names, buffer_text(&uses));
        cJSON_AddItemToArray(rules, kind_rule(all[i], buffer_text(&uses)));
        buffer_close(&uses);
    }
    json_pretty(out, schema);
    buffer_puts(out, "\n");
    cJSON_Delete(schema);
}
