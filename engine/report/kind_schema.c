/*
 * The JSON Schema of pipeline files: the frame stands here as text, the kinds' parameters come from their
 * descriptions. Every value may also be a reference, so a string holding "${" is allowed anywhere.
 */
#include <string.h>

#include "engine/base/json.h"
#include "engine/report/kind_reference.h"

static const char frame[] =
    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
    "\"title\":\"Retort pipeline, format 1\",\"type\":\"object\",\"additionalProperties\":false,"
    "\"required\":[\"retort\",\"name\",\"stages\"],\"properties\":{"
    "\"$schema\":{\"type\":\"string\"},\"retort\":{\"const\":1},"
    "\"name\":{\"$ref\":\"#/$defs/name\"},\"description\":{\"type\":\"string\"},"
    "\"include\":{\"type\":\"object\",\"propertyNames\":{\"$ref\":\"#/$defs/name\"},"
    "\"additionalProperties\":{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"path\"],\"properties\":{"
    "\"path\":{\"type\":\"string\"},\"git\":{\"type\":\"string\"},\"rev\":{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{40}$\"},"
    "\"params\":{\"type\":\"object\"}}}},"
    "\"params\":{\"type\":\"object\"},"
    "\"defaults\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"resources\":{\"$ref\":\"#/$defs/resources\"},\"retries\":{\"type\":\"integer\",\"minimum\":0},"
    "\"timeout\":{\"$ref\":\"#/$defs/duration\"},\"env\":{\"$ref\":\"#/$defs/env\"},"
    "\"pass_env\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"cache\":{\"type\":\"boolean\"}}},"
    "\"energy_budget\":{\"type\":\"string\"},"
    "\"stages\":{\"type\":\"object\",\"propertyNames\":{\"$ref\":\"#/$defs/name\"},"
    "\"additionalProperties\":{\"$ref\":\"#/$defs/stage\"}},"
    "\"results\":{\"type\":\"object\",\"additionalProperties\":{\"$ref\":\"#/$defs/reference\"}}},"
    "\"$defs\":{"
    "\"name\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z][A-Za-z0-9_-]*$\"},"
    "\"reference\":{\"type\":\"string\",\"pattern\":\"\\\\$\\\\{\"},"
    "\"duration\":{\"type\":[\"string\",\"number\"]},"
    "\"env\":{\"type\":\"object\",\"additionalProperties\":{\"type\":[\"string\",\"number\",\"boolean\"]}},"
    "\"resources\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"cpus\":{\"type\":\"number\"},"
    "\"memory\":{\"type\":[\"string\",\"number\"]},\"gpus\":{\"type\":\"number\"},"
    "\"custom\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"number\"}}}},"
    "\"input\":{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"object\",\"required\":[\"from\"],\"additionalProperties\":false,"
    "\"properties\":{\"from\":{\"type\":\"string\"},\"label\":{\"type\":\"object\"}}},"
    "{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/input\"}}]},"
    "\"out\":{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"object\",\"required\":[\"path\"],\"additionalProperties\":false,"
    "\"properties\":{\"path\":{\"type\":\"string\"},\"type\":{\"enum\":[\"file\",\"directory\",\"metrics\",\"series\"]}}}]},"
    "\"where\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"metric\"],\"additionalProperties\":false,"
    "\"properties\":{\"metric\":{\"type\":\"string\"},\"at_most\":{\"type\":\"number\"},\"at_least\":{\"type\":\"number\"},"
    "\"equals\":{\"type\":\"number\"}}}},"
    "\"select\":{\"type\":\"object\",\"required\":[\"from\"],\"additionalProperties\":false,\"properties\":{"
    "\"from\":{\"type\":\"string\"},\"group_by\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"reduce\":{\"enum\":[\"mean\",\"median\",\"min\",\"max\"]},\"where\":{\"$ref\":\"#/$defs/where\"},"
    "\"where_each\":{\"$ref\":\"#/$defs/where\"},\"minimize\":{\"type\":\"string\"},\"maximize\":{\"type\":\"string\"},"
    "\"pick\":{\"enum\":[\"best\",\"median\",\"first\"]}}},"
    "\"stage\":{\"type\":\"object\",\"oneOf\":[{\"required\":[\"uses\"]},{\"required\":[\"cmd\"]},{\"required\":[\"select\"]}],"
    "\"additionalProperties\":false,\"properties\":{\"description\":{\"type\":\"string\"},\"uses\":{\"type\":\"string\"},"
    "\"cmd\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"string\"}},\"select\":{\"$ref\":\"#/$defs/select\"},"
    "\"matrix\":{\"type\":\"object\"},\"in\":{\"type\":\"object\",\"additionalProperties\":{\"$ref\":\"#/$defs/input\"}},"
    "\"with\":{\"type\":\"object\"},\"outs\":{\"type\":\"object\",\"additionalProperties\":{\"$ref\":\"#/$defs/out\"}},"
    "\"env\":{\"$ref\":\"#/$defs/env\"},\"pass_env\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"pin\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"checkpoint\":{\"type\":\"boolean\"},"
    "\"resources\":{\"$ref\":\"#/$defs/resources\"},\"retries\":{\"type\":\"integer\",\"minimum\":0},"
    "\"timeout\":{\"$ref\":\"#/$defs/duration\"},\"after\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"cache\":{\"type\":\"boolean\"},\"deterministic\":{\"type\":\"boolean\"},\"tolerance\":{\"type\":\"number\"},"
    "\"energy_budget\":{\"type\":\"string\"}},\"allOf\":[]}}}";

static cJSON *param_schema(const struct param *p);

static void add_members(cJSON *schema, const struct param *params, size_t count) {
    cJSON *properties = cJSON_AddObjectToObject(schema, "properties");
    for (size_t i = 0; i < count; i++) cJSON_AddItemToObject(properties, params[i].name, param_schema(&params[i]));
    cJSON_AddItemToObject(properties, "$extends", cJSON_Parse("{\"$ref\":\"#/$defs/reference\"}"));
    cJSON_AddBoolToObject(schema, "additionalProperties", false);
}

static cJSON *plain_schema(const struct param *p) {
    static const char *const types[] = {
        [PARAM_INTEGER] = "integer", [PARAM_NUMBER] = "number", [PARAM_BOOLEAN] = "boolean",
        [PARAM_STRING] = "string",   [PARAM_LIST] = "array",    [PARAM_OBJECT] = "object",  [PARAM_MAP] = "object",
    };
    cJSON *s = cJSON_CreateObject();
    if (p->choices) {
        cJSON *choices = cJSON_AddArrayToObject(s, "enum");
        for (size_t i = 0; p->choices[i]; i++)
            cJSON_AddItemToArray(choices, p->type == PARAM_CHOICE ? cJSON_CreateString(p->choices[i]) : cJSON_Parse(p->choices[i]));
    } else if (p->type != PARAM_ANY) {
        cJSON_AddStringToObject(s, "type", types[p->type]);
    }
    bool number = p->type == PARAM_INTEGER || p->type == PARAM_NUMBER;
    if (number && (p->min != 0 || p->max != 0)) {
        cJSON_AddNumberToObject(s, "minimum", p->min);
        cJSON_AddNumberToObject(s, "maximum", p->max);
    }
    if (p->type == PARAM_LIST && p->member_count == 1) cJSON_AddItemToObject(s, "items", param_schema(&p->members[0]));
    if (p->type == PARAM_LIST && p->max_items > 0) {
        cJSON_AddNumberToObject(s, "minItems", (double)p->min_items);
        cJSON_AddNumberToObject(s, "maxItems", (double)p->max_items);
    }
    if (p->type == PARAM_MAP && p->member_count == 1)
        cJSON_AddItemToObject(s, "additionalProperties", param_schema(&p->members[0]));
    if (p->type == PARAM_OBJECT && p->member_count > 0) add_members(s, p->members, p->member_count);
    return s;
}

static cJSON *param_schema(const struct param *p) {
    cJSON *s = cJSON_CreateObject();
    if (p->doc) cJSON_AddStringToObject(s, "description", p->doc);
    if (p->fallback) cJSON_AddItemToObject(s, "default", cJSON_Parse(p->fallback));
    cJSON *any = cJSON_AddArrayToObject(s, "anyOf");
    cJSON_AddItemToArray(any, plain_schema(p));
    cJSON_AddItemToArray(any, cJSON_Parse("{\"$ref\":\"#/$defs/reference\"}"));
    return s;
}

static cJSON *kind_rule(const struct kind *k) {
    struct buffer uses = {0};
    buffer_printf(&uses, "%s@%d", k->name, k->version);
    cJSON *rule = cJSON_CreateObject();
    cJSON *test = cJSON_AddObjectToObject(cJSON_AddObjectToObject(cJSON_AddObjectToObject(rule, "if"), "properties"), "uses");
    cJSON_AddStringToObject(test, "const", buffer_text(&uses));
    cJSON_AddItemToObject(cJSON_GetObjectItemCaseSensitive(rule, "if"), "required", cJSON_Parse("[\"uses\"]"));
    cJSON *then = cJSON_AddObjectToObject(cJSON_AddObjectToObject(rule, "then"), "properties");
    cJSON *with = cJSON_AddObjectToObject(then, "with");
    cJSON_AddStringToObject(with, "description", k->summary);
    add_members(with, k->params, k->param_count);
    cJSON *in = cJSON_AddObjectToObject(then, "in");
    cJSON *properties = cJSON_AddObjectToObject(in, "properties");
    for (size_t i = 0; i < k->input_count; i++)
        cJSON_AddItemToObject(properties, k->inputs[i].name, cJSON_Parse("{\"$ref\":\"#/$defs/input\"}"));
    cJSON_AddBoolToObject(in, "additionalProperties", false);
    buffer_close(&uses);
    return rule;
}

void kind_schema(struct buffer *out) {
    cJSON *schema = cJSON_Parse(frame);
    cJSON *defs = cJSON_GetObjectItemCaseSensitive(schema, "$defs");
    cJSON *stage = cJSON_GetObjectItemCaseSensitive(defs, "stage");
    cJSON *rules = cJSON_GetObjectItemCaseSensitive(stage, "allOf");
    size_t count;
    const struct kind *const *all = kinds_all(&count);
    for (size_t i = 0; i < count; i++) cJSON_AddItemToArray(rules, kind_rule(all[i]));
    json_pretty(out, schema);
    buffer_puts(out, "\n");
    cJSON_Delete(schema);
}
