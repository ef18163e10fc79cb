#include "engine/report/kind_reference.h"

#include <string.h>

#include "engine/base/json.h"
#include "engine/report/wrap.h"

static const char *type_name(enum param_type type) {
    static const char *const names[] = {
        [PARAM_INTEGER] = "integer", [PARAM_NUMBER] = "number", [PARAM_BOOLEAN] = "boolean",
        [PARAM_STRING] = "text",     [PARAM_CHOICE] = "choice", [PARAM_LIST] = "list",
        [PARAM_OBJECT] = "object",   [PARAM_ANY] = "any value", [PARAM_MAP] = "object",
    };
    return names[type];
}

static const char *plural(enum param_type type) {
    static const char *const names[] = {
        [PARAM_INTEGER] = "integers", [PARAM_NUMBER] = "numbers", [PARAM_BOOLEAN] = "booleans",
        [PARAM_STRING] = "texts",     [PARAM_CHOICE] = "texts",   [PARAM_LIST] = "lists",
        [PARAM_OBJECT] = "objects",   [PARAM_ANY] = "values",     [PARAM_MAP] = "objects",
    };
    return names[type];
}

static void append_range(struct buffer *out, const struct param *p, const char *before) {
    if (p->min == 0 && p->max == 0)
        return;
    buffer_puts(out, before);
    json_number(out, p->min);
    buffer_puts(out, " to ");
    json_number(out, p->max);
}

static void append_choices(struct buffer *out, const struct param *p) {
    const char *quote = p->type == PARAM_CHOICE ? "\"" : "";
    buffer_puts(out, "one of ");
    for (size_t i = 0; p->choices[i]; i++)
        buffer_printf(out, "%s%s%s%s", i ? ", " : "", quote, p->choices[i], quote);
}

/* "list of 1 to 5 texts, each one of \"A\", \"B\"" or "list of 2 numbers, 0 to 500, ascending". */
static void append_items(struct buffer *out, const struct param *p, const char *what) {
    const struct param *item = &p->members[0];
    buffer_printf(out, "%s of ", what);
    if (p->max_items && p->min_items == p->max_items)
        buffer_printf(out, "%zu ", p->max_items);
    else if (p->max_items && p->min_items)
        buffer_printf(out, "%zu to %zu ", p->min_items, p->max_items);
    else if (p->max_items)
        buffer_printf(out, "up to %zu ", p->max_items);
    if (item->type == PARAM_LIST && item->member_count)
        append_items(out, item, plural(PARAM_LIST));
    else
        buffer_puts(out, plural(item->type));
    if (item->choices) {
        buffer_puts(out, ", each ");
        append_choices(out, item);
    }
    append_range(out, item, ", ");
    if (p->ascending)
        buffer_puts(out, ", ascending");
    if (!p->unit && item->unit)
        buffer_printf(out, ", %s", item->unit);
}

/* "integer 1 to 1000, steps" or "one of \"raw\", \"ls\", \"mrc\"". */
static void append_type(struct buffer *out, const struct param *p) {
    if (p->choices) {
        append_choices(out, p);
    } else if ((p->type == PARAM_LIST || p->type == PARAM_MAP) && p->member_count == 1) {
        append_items(out, p, type_name(p->type));
    } else {
        buffer_puts(out, type_name(p->type));
        append_range(out, p, " ");
    }
    if (p->unit)
        buffer_printf(out, ", %s", p->unit);
}

/* The members of `p`, or of each of its items; `*sign` says which ("", "[]", ".*"). */
static const struct param *members_of(const struct param *p, size_t *count, const char **sign) {
    const struct param *of = p;
    *sign = "";
    if ((p->type == PARAM_LIST || p->type == PARAM_MAP) && p->member_count == 1) {
        of = &p->members[0];
        *sign = p->type == PARAM_LIST ? "[]" : ".*";
    }
    *count = of->type == PARAM_OBJECT ? of->member_count : 0;
    return of->members;
}

static void append_param_text(struct buffer *out, const struct param *p, int depth) {
    const char *sign;
    size_t count;
    const struct param *members = members_of(p, &count, &sign);
    buffer_printf(out, "  %*s%-*s ", 2 * depth, "", 22 - 2 * depth, p->name);
    append_type(out, p);
    if (p->fallback)
        buffer_printf(out, "; default %s", p->fallback);
    else
        buffer_puts(out, "; must be given");
    buffer_puts(out, "\n");
    wrap_text(out, p->doc, 27);
    for (size_t i = 0; i < count; i++)
        append_param_text(out, &members[i], depth + 1);
}

/* Appends the traits of a kind: whether it keeps checkpoints and measures the machine, and its tolerance. */
static void append_traits(struct buffer *out, const struct kind *k) {
    if (k->checkpoints)
        buffer_puts(out, " It keeps checkpoints: what is interrupted goes on from the last one.");
    if (k->measures_machine)
        buffer_puts(out, " It measures this machine: it runs alone, its key holds host, processor and meter, and its "
                         "bytes differ from run to run.");
    if (k->tolerance > 0) {
        buffer_puts(out, " `retort verify` lets its metrics differ by a share of ");
        json_number(out, k->tolerance);
        buffer_puts(out, k->measures_machine ? "." : " on another platform.");
    }
}

static void wrap_doc(struct buffer *out, const struct kind *k) {
    struct buffer doc = {0};
    buffer_puts(&doc, k->doc);
    append_traits(&doc, k);
    wrap_text(out, buffer_text(&doc), 0);
    buffer_close(&doc);
}

void kind_text(struct buffer *out, const struct kind *k) {
    buffer_printf(out, "%s@%d  %s\n\n", k->name, k->version, k->summary);
    wrap_doc(out, k);
    if (k->param_count)
        buffer_puts(out, "\nparameters\n");
    for (size_t i = 0; i < k->param_count; i++)
        append_param_text(out, &k->params[i], 0);
    if (k->input_count)
        buffer_puts(out, "\ninputs\n");
    for (size_t i = 0; i < k->input_count; i++)
        buffer_printf(out, "  %-22s %s%s%s: %s\n", k->inputs[i].name, k->inputs[i].format,
                      k->inputs[i].list ? ", one or a list" : "", k->inputs[i].required ? "" : ", optional",
                      k->inputs[i].doc);
    buffer_puts(out, "\nouts\n");
    for (size_t i = 0; i < k->out_count; i++)
        buffer_printf(out, "  %-22s %s (%s): %s\n", k->outs[i].name, k->outs[i].path, k->outs[i].type, k->outs[i].doc);
    if (k->metric_count)
        buffer_puts(out, "\nmetrics\n");
    for (size_t i = 0; i < k->metric_count; i++)
        buffer_printf(out, "  %-22s %s%s%s\n", k->metrics[i].name, k->metrics[i].unit ? k->metrics[i].unit : "",
                      k->metrics[i].unit ? ": " : "", k->metrics[i].doc);
}

static cJSON *param_json(const struct param *p) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", p->name ? p->name : "");
    cJSON_AddStringToObject(o, "type", type_name(p->type));
    if (p->unit)
        cJSON_AddStringToObject(o, "unit", p->unit);
    if (p->min != 0 || p->max != 0) {
        cJSON_AddNumberToObject(o, "min", p->min);
        cJSON_AddNumberToObject(o, "max", p->max);
    }
    if (p->max_items > 0) {
        cJSON_AddNumberToObject(o, "min_items", (double)p->min_items);
        cJSON_AddNumberToObject(o, "max_items", (double)p->max_items);
    }
    if (p->ascending)
        cJSON_AddTrueToObject(o, "ascending");
    cJSON *choices = p->choices ? cJSON_AddArrayToObject(o, "choices") : NULL;
    for (size_t i = 0; choices && p->choices[i]; i++)
        cJSON_AddItemToArray(choices,
                             p->type == PARAM_CHOICE ? cJSON_CreateString(p->choices[i]) : cJSON_Parse(p->choices[i]));
    if (p->fallback)
        cJSON_AddItemToObject(o, "default", cJSON_Parse(p->fallback));
    if (p->doc)
        cJSON_AddStringToObject(o, "doc", p->doc);
    cJSON *members = p->member_count ? cJSON_AddArrayToObject(o, "members") : NULL;
    for (size_t i = 0; i < p->member_count; i++)
        cJSON_AddItemToArray(members, param_json(&p->members[i]));
    return o;
}

static cJSON *kind_tree(const struct kind *k) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", k->name);
    cJSON_AddNumberToObject(o, "version", k->version);
    cJSON_AddStringToObject(o, "summary", k->summary);
    cJSON_AddBoolToObject(o, "measures_machine", k->measures_machine);
    cJSON_AddBoolToObject(o, "checkpoints", k->checkpoints);
    cJSON_AddNumberToObject(o, "tolerance", k->tolerance);
    cJSON *params = cJSON_AddArrayToObject(o, "params");
    for (size_t i = 0; i < k->param_count; i++)
        cJSON_AddItemToArray(params, param_json(&k->params[i]));
    cJSON *inputs = cJSON_AddArrayToObject(o, "inputs");
    for (size_t i = 0; i < k->input_count; i++) {
        cJSON *in = cJSON_CreateObject();
        cJSON_AddItemToArray(inputs, in);
        cJSON_AddStringToObject(in, "name", k->inputs[i].name);
        cJSON_AddBoolToObject(in, "required", k->inputs[i].required);
        cJSON_AddBoolToObject(in, "list", k->inputs[i].list);
        cJSON_AddStringToObject(in, "format", k->inputs[i].format);
        cJSON_AddStringToObject(in, "doc", k->inputs[i].doc);
    }
    cJSON *outs = cJSON_AddArrayToObject(o, "outs");
    for (size_t i = 0; i < k->out_count; i++) {
        cJSON *of = cJSON_CreateObject();
        cJSON_AddItemToArray(outs, of);
        cJSON_AddStringToObject(of, "name", k->outs[i].name);
        cJSON_AddStringToObject(of, "path", k->outs[i].path);
        cJSON_AddStringToObject(of, "type", k->outs[i].type);
        cJSON_AddStringToObject(of, "doc", k->outs[i].doc);
    }
    cJSON *metrics = cJSON_AddArrayToObject(o, "metrics");
    for (size_t i = 0; i < k->metric_count; i++) {
        cJSON *m = cJSON_CreateObject();
        cJSON_AddItemToArray(metrics, m);
        cJSON_AddStringToObject(m, "name", k->metrics[i].name);
        if (k->metrics[i].unit)
            cJSON_AddStringToObject(m, "unit", k->metrics[i].unit);
        cJSON_AddStringToObject(m, "doc", k->metrics[i].doc);
    }
    return o;
}

void kind_json(struct buffer *out, const struct kind *k) {
    cJSON *tree = kind_tree(k);
    json_pretty(out, tree);
    buffer_puts(out, "\n");
    cJSON_Delete(tree);
}

void kind_list(struct buffer *out, bool json) {
    size_t count;
    const struct kind *const *all = kinds_all(&count);
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < count; i++) {
        if (json)
            cJSON_AddItemToArray(array, kind_tree(all[i]));
        else
            buffer_printf(out, "%s@%d\t%s\n", all[i]->name, all[i]->version, all[i]->summary);
    }
    if (json) {
        json_pretty(out, array);
        buffer_puts(out, "\n");
    }
    cJSON_Delete(array);
}

static void append_param_rows(struct buffer *out, const struct param *p, const char *prefix) {
    const char *sign;
    size_t count;
    const struct param *members = members_of(p, &count, &sign);
    buffer_printf(out, "| `%s%s` | ", prefix, p->name);
    append_type(out, p);
    if (p->fallback)
        buffer_printf(out, " | `%s` | %s |\n", p->fallback, p->doc);
    else
        buffer_printf(out, " | (must be given) | %s |\n", p->doc);
    struct buffer below = {0};
    buffer_printf(&below, "%s%s%s.", prefix, p->name, sign);
    for (size_t i = 0; i < count; i++)
        append_param_rows(out, &members[i], buffer_text(&below));
    buffer_close(&below);
}

static void append_kind_page(struct buffer *out, const struct kind *k) {
    buffer_printf(out, "\n## %s@%d\n\n%s", k->name, k->version, k->doc);
    append_traits(out, k);
    buffer_puts(out, "\n");
    if (k->param_count)
        buffer_puts(out, "\n| parameter | type | default | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < k->param_count; i++)
        append_param_rows(out, &k->params[i], "");
    if (k->input_count)
        buffer_puts(out, "\n| input | format | meaning |\n|---|---|---|\n");
    for (size_t i = 0; i < k->input_count; i++)
        buffer_printf(out, "| `%s`%s | %s%s | %s |\n", k->inputs[i].name, k->inputs[i].required ? "" : " (optional)",
                      k->inputs[i].format, k->inputs[i].list ? ", one or a list" : "", k->inputs[i].doc);
    buffer_puts(out, "\n| out | file | type | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < k->out_count; i++)
        buffer_printf(out, "| `%s` | %s | %s | %s |\n", k->outs[i].name, k->outs[i].path, k->outs[i].type,
                      k->outs[i].doc);
    if (k->metric_count)
        buffer_puts(out, "\n| metric | unit | meaning |\n|---|---|---|\n");
    for (size_t i = 0; i < k->metric_count; i++)
        buffer_printf(out, "| `%s` | %s | %s |\n", k->metrics[i].name, k->metrics[i].unit ? k->metrics[i].unit : "",
                      k->metrics[i].doc);
}

/* The anchor of a heading: its letters, digits, "-" and "_". */
static void append_anchor(struct buffer *out, const struct kind *k) {
    buffer_puts(out, "#");
    for (const char *c = k->name; *c; c++)
        if (*c != '/')
            buffer_putc(out, *c);
    buffer_printf(out, "%d", k->version);
}

void kind_reference_page(struct buffer *out) {
    buffer_puts(
        out, "# The built-in stage kinds\n\n"
             "Made from the kinds' descriptions by `make docs`. A parameter goes into a stage's `with`, an input into "
             "its `in`; `list[].name` is the member `name` of each object of a list. Ranges include their ends.\n\n"
             "| kind | does |\n|---|---|\n");
    size_t count;
    const struct kind *const *all = kinds_all(&count);
    for (size_t i = 0; i < count; i++) {
        buffer_printf(out, "| [%s@%d](", all[i]->name, all[i]->version);
        append_anchor(out, all[i]);
        buffer_printf(out, ") | %s |\n", all[i]->summary);
    }
    for (size_t i = 0; i < count; i++)
        append_kind_page(out, all[i]);
}
