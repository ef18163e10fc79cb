#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/base/suggest.h"
#include "engine/plan/internal.h"

static int unknown_stage(const struct plan *p, const char *target, const char *name, struct error *err) {
    const char **names = mem_array(p->stage_count + 1, sizeof *names);
    for (size_t i = 0; i < p->stage_count; i++)
        names[i] = p->stages[i].decl->full_name;
    names[p->stage_count] = path_base(p->pipeline->path); /* the only one of its folder, with a slip in its name */
    char *suggestion = suggest_text(name, names, p->stage_count + 1, "");
    int rc = error_set(err, ERR_USAGE, "%s: there is no stage \"%s\"%s", target, name, suggestion);
    free(suggestion);
    free(names);
    return rc;
}

/* Finds the first "," or "]" outside the value's strings, lists and objects; else the end of the text. */
static const char *value_end(const char *text) {
    bool quoted = false;
    int depth = 0;
    for (; *text; text++) {
        if (quoted && *text == '\\' && text[1])
            text++;
        else if (*text == '"')
            quoted = !quoted;
        else if (!quoted && (*text == '[' || *text == '{'))
            depth++;
        else if (!quoted && depth > 0 && (*text == ']' || *text == '}'))
            depth--;
        else if (!quoted && depth == 0 && (*text == ',' || *text == ']'))
            break;
    }
    return text;
}

static const struct value *pin_value(struct plan *p, const char *text, size_t size) {
    struct json_document *doc = NULL;
    struct value *v = arena_alloc(p->arena, sizeof *v);
    char *copy = mem_strndup(text, size);
    cJSON *json = json_parse(&doc, copy, size, NULL, NULL) == 0 ? json_detach(doc) : cJSON_CreateString(copy);
    free(copy);
    v->type = VALUE_LITERAL;
    v->as.literal = tree_keep(p->arena, json);
    return v;
}

/* Reads "axis=value". Returns the "," or "]" behind it; NULL: the text is malformed. */
static const char *read_pin(struct pin *pin, struct plan *p, const char *text) {
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return NULL;
    const char *end = value_end(equals + 1);
    size_t size = (size_t)(end - equals - 1);
    if (!*end || size == 0)
        return NULL;
    pin->axis = arena_strndup(p->arena, text, (size_t)(equals - text));
    pin->collect = size == 1 && equals[1] == '*';
    if (!pin->collect)
        pin->value = pin_value(p, equals + 1, size);
    return end;
}

static int read_pins(struct target *t, struct plan *p, const char *text, struct error *err) {
    size_t capacity = 1;
    for (const char *c = text; *c; c++)
        capacity += *c == ',';
    struct pin *pins = arena_array(p->arena, capacity, sizeof *pins);
    t->reference.pins = pins;
    for (const char *c = text;; c++) {
        c = read_pin(&pins[t->reference.pin_count++], p, c);
        if (c && *c == ']' && c[1] == '\0')
            return 0;
        if (!c || *c != ',')
            return error_set(err, ERR_USAGE,
                             "%s: a target is a stage, or a stage with coordinates as in stage[axis=value]",
                             t->reference.text);
    }
}

static int read_target(struct target *t, struct plan *p, const char *text, struct error *err) {
    const char *bracket = strchr(text, '[');
    char *name = bracket ? mem_strndup(text, (size_t)(bracket - text)) : mem_strdup(text);
    const struct stage_decl *decl = pipeline_stage(p->pipeline, name);
    if (!decl) {
        int rc = unknown_stage(p, text, name, err);
        free(name);
        return rc;
    }
    free(name);
    t->stage = &p->stages[decl->index];
    t->reference = (struct reference){.root = REFERENCE_STAGE, .stage = decl, .collect = true};
    t->reference.text = arena_strdup(p->arena, text);
    return bracket ? read_pins(t, p, bracket + 1, err) : 0;
}

int targets_read(struct plan *p, const char *const *targets, size_t count, struct error *err) {
    p->targets = arena_array(p->arena, count, sizeof *p->targets);
    for (; p->target_count < count; p->target_count++) {
        int rc = read_target(&p->targets[p->target_count], p, targets[p->target_count], err);
        if (rc)
            return rc;
    }
    return 0;
}

static void apply(struct plan *p, struct target *t) {
    struct scope s = {.plan = p, .arena = p->arena, .silent = !p->created};
    struct match m;
    if (match_reference(&m, &s, &t->reference, &t->stage->decl->at)) {
        t->fault = s.fault;
        return;
    }
    if (m.count == 0)
        t->fault = arena_printf(p->arena, "%s is left out by its \"when\"", t->reference.text);
    for (size_t i = 0; i < m.count; i++) {
        node_want(p, m.rows[i]);
        m.rows[i]->pub.named = true;
    }
}

void targets_apply(struct plan *p, const struct stage_plan *stage) {
    for (size_t i = 0; i < p->target_count; i++)
        if (p->targets[i].stage == stage && p->targets[i].reference.pin_count > 0)
            apply(p, &p->targets[i]);
}

int targets_check(struct plan *p, struct error *err) {
    for (size_t i = 0; i < p->target_count; i++) {
        const struct target *t = &p->targets[i];
        if (t->fault)
            return error_set(err, ERR_USAGE, "%s", t->fault);
        if (t->stage->view.row_count == 0 && t->stage->omitted.row_count > 0)
            return error_set(err, ERR_USAGE, "%s is left out by its \"when\"", t->reference.text);
    }
    return 0;
}
