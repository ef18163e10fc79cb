/* Binds references: resolves params to constants, finds the stages of the others and records each use. */
#include <string.h>

#include "engine/base/suggest.h"
#include "engine/pipeline/reader.h"

static const struct place place_pin = {"in a pin", ALLOW_MATRIX | ALLOW_STAGE_VALUES, true, false};
static const struct place place_fixed_pin = {"in a pin here", ALLOW_STAGE_VALUES, false, false};

static const struct resolved faulty = {NULL, NULL};

static struct site site_at(const struct site *text, size_t offset) {
    return (struct site){text->part, text->node, offset};
}

struct draft *draft_of(struct reader *r, const struct stage_decl *decl) {
    return r->drafts[decl->index];
}

/* Stages are compiled one after the other, so comparing with the last stage that needed `to` finds repeats. */
static void draft_need(struct draft *from, struct draft *to) {
    if (to->last_need == from)
        return;
    to->last_need = from;
    struct edge *edge = arena_alloc(from->part->reader->arena, sizeof *edge);
    edge->to = to;
    *from->needs_end = edge;
    from->needs_end = &edge->next;
}

/* The part that a reference names. NULL after a reported fault, or for a part that could not be read. */
static struct part *target_part(const struct scope *scope, const struct syntax_reference *syntax,
                                const struct site *text) {
    struct part *part = scope->part;
    if (!syntax->include)
        return part;
    for (size_t i = 0; i < part->include_count; i++)
        if (strcmp(part->includes[i].name, syntax->include) == 0)
            return part->includes[i].part;
    struct site site = site_at(text, syntax->include_offset);
    report_site(&site, "there is no include \"%s\"%s", syntax->include,
                suggestion(part->reader, syntax->include, part->include_names, part->include_count,
                           "this file includes nothing"));
    return NULL;
}

/* ---- params ---- */

static const cJSON *fail_member(const struct site *site, const cJSON *object, const char *name, const char *path) {
    struct reader *r = site->part->reader;
    if (is_silent(r))
        return NULL;
    size_t count = 0;
    const char **names = arena_array(r->arena, (size_t)cJSON_GetArraySize(object), sizeof *names);
    const cJSON *known;
    cJSON_ArrayForEach(known, object) {
        names[count++] = known->string;
    }
    report_site(site, "%s has no \"%s\"%s", path, name, suggestion(r, name, names, count, "it is empty"));
    return NULL;
}

static const cJSON *walk_step(const cJSON *json, const struct step *step, const struct site *site, const char *path) {
    struct reader *r = site->part->reader;
    if (step->name && !cJSON_IsObject(json)) {
        report_site(site, "%s is %s: it has no members, so no \"%s\"", path, describe(r, json), step->name);
        return NULL;
    }
    if (step->name) {
        const cJSON *found = find_member(r, json, step->name);
        return found ? found : fail_member(site, json, step->name, path);
    }
    if (!cJSON_IsArray(json)) {
        report_site(site, "%s is %s: only a list has an item [%zu]", path, describe(r, json), step->index);
        return NULL;
    }
    const cJSON *found = find_item(r, json, step->index);
    if (!found)
        report_site(site, "%s has %d items: there is no [%zu] (the first is [0])", path, cJSON_GetArraySize(json),
                    step->index);
    return found;
}

static const cJSON *walk_steps(const cJSON *json, const struct syntax_reference *syntax, const struct site *text,
                               const char *path) {
    struct reader *r = text->part->reader;
    for (size_t i = 1; json && i < syntax->step_count; i++) {
        const struct step *step = &syntax->steps[i];
        struct site site = site_at(text, step->offset);
        json = walk_step(json, step, &site, path);
        if (i + 1 < syntax->step_count)
            path = step->name ? arena_printf(r->arena, "%s.%s", path, step->name)
                              : arena_printf(r->arena, "%s[%zu]", path, step->index);
    }
    return json;
}

static struct resolved resolve_params(const struct scope *scope, const struct syntax_reference *syntax,
                                      const struct site *text) {
    struct part *part = target_part(scope, syntax, text);
    if (!part)
        return faulty;
    struct reader *r = part->reader;
    const struct step *step = syntax->steps;
    struct site site = site_at(text, syntax->step_count ? step->offset : syntax->begin);
    if (syntax->step_count == 0 || !step->name) {
        report_site(&site, "\"params\" needs the name of a param after it, as in ${params.steps}");
        return faulty;
    }
    struct param_slot *slot = find_param(part, step->name);
    if (!slot && part->params_lost)
        return faulty;
    if (!slot) {
        report_site(&site, "%s has no param \"%s\"%s",
                    syntax->include ? arena_printf(r->arena, "the include \"%s\"", syntax->include) : "this file",
                    step->name, suggestion(r, step->name, part->param_names, part->param_count, "it declares none"));
        return faulty;
    }
    r->root->pipeline->borrows_params |= part->pipeline->origin && !scope->part->pipeline->origin;
    const cJSON *value = param_value(slot, &site);
    if (!value || syntax->step_count == 1)
        return (struct resolved){value, NULL};
    const char *path = arena_printf(r->arena, "%s%sparams.%s", syntax->include ? syntax->include : "",
                                    syntax->include ? "." : "", step->name);
    return (struct resolved){walk_steps(value, syntax, text, path), NULL};
}

/* ---- places where references may stand ---- */

static const char *allowed_text(struct reader *r, unsigned allowed) {
    struct buffer text = {0};
    buffer_puts(&text, "params");
    static const struct {
        unsigned bit;
        const char *name;
    } all[] = {{ALLOW_MATRIX, "matrix"},
               {ALLOW_IN, "in"},
               {ALLOW_OUTS, "outs"},
               {ALLOW_CHECKPOINT, "checkpoint"},
               {ALLOW_CPUS, "cpus"},
               {ALLOW_STAGE_OUTS, "outs of stages"},
               {ALLOW_STAGE_VALUES, "metrics and matrix of stages"},
               {ALLOW_WHOLE_STAGE, "stages"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (allowed & all[i].bit)
            buffer_printf(&text, ", %s", all[i].name);
    const char *kept = arena_strdup(r->arena, buffer_text(&text));
    buffer_close(&text);
    return kept;
}

static unsigned needed_permission(const struct syntax_reference *syntax) {
    switch (syntax->root) {
    case REFERENCE_MATRIX:
        return ALLOW_MATRIX;
    case REFERENCE_IN:
        return ALLOW_IN;
    case REFERENCE_OUTS:
        return ALLOW_OUTS;
    case REFERENCE_CHECKPOINT:
        return ALLOW_CHECKPOINT;
    case REFERENCE_CPUS:
        return ALLOW_CPUS;
    default:
        break;
    }
    if (syntax->step_count == 0)
        return ALLOW_WHOLE_STAGE;
    return syntax->steps[0].name && strcmp(syntax->steps[0].name, "outs") == 0 ? ALLOW_STAGE_OUTS : ALLOW_STAGE_VALUES;
}

/* How to write a reference that stands in the wrong place. */
static const char *placement_hint(unsigned needed, const struct place *place) {
    if (place == &place_when && needed & (ALLOW_STAGE_OUTS | ALLOW_STAGE_VALUES | ALLOW_WHOLE_STAGE))
        return "; it is decided before anything runs, so it knows params and the matrix, and no results";
    if (needed == ALLOW_STAGE_OUTS && (place->allowed & ALLOW_IN))
        return "; an out is a file: declare it under \"in\" and write ${in.NAME}";
    if (needed == ALLOW_STAGE_OUTS && place == &place_axis)
        return "; put an out into an object of the axis, as in {\"label\": \"large\", \"model\": \"${...}\"}";
    if (needed == ALLOW_STAGE_OUTS && (place == &place_with || place == &place_label))
        return "; an out is a file: it belongs under \"in\"";
    if (needed == ALLOW_STAGE_VALUES && place == &place_in)
        return "; it is a value, not a file: it belongs under \"with\", \"cmd\" or \"env\"";
    if (needed == ALLOW_WHOLE_STAGE)
        return "; name a part of the stage: .outs.NAME, .metrics.NAME, or .matrix.AXIS of a select";
    return "";
}

static bool check_place(const struct scope *scope, const struct syntax_reference *syntax, const struct site *site) {
    unsigned needed = needed_permission(syntax);
    if (scope->place->allowed & needed)
        return true;
    const char *hint = placement_hint(needed, scope->place);
    report_site(site, "%s is not allowed %s%s%s%s", syntax->text, scope->place->name, hint,
                *hint ? "" : "; allowed: ", *hint ? "" : allowed_text(scope->part->reader, scope->place->allowed));
    return false;
}

/* Checks the path behind matrix, in, outs, checkpoint and cpus. */
static bool check_shape(const struct syntax_reference *syntax, const struct site *site) {
    const struct step *steps = syntax->steps;
    size_t count = syntax->step_count;
    bool named = count >= 1 && steps[0].name;
    const char *wrong = NULL;
    if (syntax->root == REFERENCE_MATRIX && !named)
        wrong = "\"matrix\" needs the name of an axis after it, as in ${matrix.seed}";
    else if (syntax->root == REFERENCE_IN && (count != 1 || !named))
        wrong = "\"in\" needs the name of an input after it and nothing more, as in ${in.model}";
    else if (syntax->root == REFERENCE_OUTS && (count != 1 || !named))
        wrong = "\"outs\" needs the name of an out after it and nothing more, as in ${outs.table}";
    else if (syntax->root == REFERENCE_CHECKPOINT && count)
        wrong = "nothing may follow \"checkpoint\": it is one directory";
    else if (syntax->root == REFERENCE_CPUS && count)
        wrong = "nothing may follow \"cpus\": it is a number";
    if (wrong)
        report_site(site, "%s", wrong);
    return !wrong;
}

/* Whether the path behind a stage has the right length: one name, a path into a coordinate, or a metric's name in
   parts. */
static bool has_shape(const struct syntax_reference *syntax) {
    const char *first = syntax->steps[0].name;
    bool good = syntax->step_count >= 2;
    if (strcmp(first, "outs") == 0)
        good = syntax->step_count == 2;
    size_t named = strcmp(first, "matrix") == 0 ? 2 : syntax->step_count;
    for (size_t i = 1; good && i < named; i++)
        good = syntax->steps[i].name != NULL;
    return good;
}

/* Checks the path behind a stage: ".outs.name", ".metrics.name" or ".matrix.axis...". */
static bool check_stage_path(struct reader *r, const struct syntax_reference *syntax, const struct site *text) {
    static const char *const parts[] = {"outs", "metrics", "matrix"};
    const struct step *first = syntax->steps;
    struct site site = site_at(text, first->offset);
    bool known = false;
    for (size_t i = 0; first->name && i < 3; i++)
        known |= strcmp(first->name, parts[i]) == 0;
    if (!known) {
        report_site(&site, "a stage has no %s%s", first->name ? arena_printf(r->arena, "\"%s\"", first->name) : "index",
                    first->name ? key_suggestion(r, first->name, parts, 3) : "; pins stand before the first \".\"");
        return false;
    }
    bool good = has_shape(syntax);
    if (!good)
        report_site(&site, "\"%s\" needs one name after it, as in %s", first->name,
                    strcmp(first->name, "matrix") == 0 ? "${stages.student.matrix.size}"
                    : strcmp(first->name, "outs") == 0 ? "${stages.train.outs.model}"
                                                       : "${stages.train.metrics.loss}");
    return good;
}

/* The name of a metric is one step, however many parts it was written in. */
static void set_steps(struct reader *r, struct reference *out, const struct syntax_reference *syntax) {
    out->steps = syntax->steps;
    out->step_count = syntax->step_count;
    if (syntax->root != REFERENCE_STAGE || syntax->step_count <= 2 || strcmp(syntax->steps[0].name, "metrics") != 0)
        return;
    struct step *steps = arena_array(r->arena, 2, sizeof *steps);
    steps[0] = syntax->steps[0];
    steps[1] = (struct step){.name = steps_joined(r->arena, syntax->steps + 1, syntax->step_count - 1),
                             .offset = syntax->steps[1].offset};
    out->steps = steps;
    out->step_count = 2;
}

/* ---- stages ---- */

static struct draft *draft_named(const struct part *part, const char *name) {
    return bytemap_get(&part->drafts_by_name, name, strlen(name));
}

static struct draft *fail_stage(const struct scope *scope, struct part *part, const char *name,
                                const struct site *site) {
    struct reader *r = part->reader;
    if (part != scope->part) {
        report_site(site, "the include \"%s\" has no stage \"%s\"%s", part->include_name, name,
                    suggestion(r, name, part->draft_names, part->draft_count, "it has none"));
        return NULL;
    }
    for (size_t i = 0; i < part->include_count; i++) {
        const struct part *include = part->includes[i].part;
        if (!include || !draft_named(include, name))
            continue;
        report_site(site, "there is no stage \"%s\" in this file; did you mean ${%s.stages.%s...}?", name,
                    include->include_name, name);
        return NULL;
    }
    report_site(site, "there is no stage \"%s\"%s", name,
                suggestion(r, name, part->draft_names, part->draft_count, "this file has none"));
    return NULL;
}

static struct draft *find_stage(const struct scope *scope, struct part *part, const char *name,
                                const struct site *site) {
    struct draft *found = draft_named(part, name);
    return found ? found : fail_stage(scope, part, name, site);
}

static const struct value *resolve_pin_reference(const struct scope *scope, const struct syntax_reference *syntax,
                                                 const struct site *text) {
    struct reader *r = scope->part->reader;
    struct scope inner = *scope;
    inner.place = scope->place->allowed & ALLOW_MATRIX ? &place_pin : &place_fixed_pin;
    inner.in_text = false;
    struct site site = site_at(text, syntax->begin);
    struct resolved resolved = reference_resolve(&inner, syntax, &site);
    struct location at = locate_value(text->part, text->node);
    if (resolved.constant)
        return value_literal(r, resolved.constant, &at);
    if (!resolved.open)
        return NULL;
    struct value *v = arena_alloc(r->arena, sizeof *v);
    v->type = VALUE_REFERENCE;
    v->at = at;
    v->as.reference = resolved.open;
    return v;
}

static bool resolve_pins(const struct scope *scope, struct reference *out, const struct syntax_reference *syntax,
                         const struct site *text) {
    struct reader *r = scope->part->reader;
    struct location at = locate_value(text->part, text->node);
    struct pin *pins = arena_array(r->arena, syntax->pin_count, sizeof *pins);
    bool good = true;
    for (size_t i = 0; i < syntax->pin_count; i++) {
        const struct syntax_pin *pin = &syntax->pins[i];
        pins[i] = (struct pin){pin->axis, pin->collect, NULL, (uint32_t)pin->offset};
        if (pin->json)
            pins[i].value = value_literal(r, pin->json, &at);
        else if (pin->reference)
            pins[i].value = resolve_pin_reference(scope, pin->reference, text);
        good &= pin->collect || pins[i].value;
    }
    out->pins = pins;
    out->pin_count = syntax->pin_count;
    out->collect = syntax->collect;
    return good;
}

static bool resolve_stage(const struct scope *scope, struct reference *out, const struct syntax_reference *syntax,
                          const struct site *text) {
    struct part *part = target_part(scope, syntax, text);
    if (!part)
        return false;
    struct site site = site_at(text, syntax->stage_offset);
    struct draft *target = find_stage(scope, part, syntax->stage, &site);
    bool good = resolve_pins(scope, out, syntax, text);
    if (!target)
        return false;
    out->stage = &target->decl;
    if (scope->draft)
        draft_need(scope->draft, target);
    return good;
}

static void note_use(const struct scope *scope, const struct reference *reference, const struct site *site) {
    struct use *use = arena_alloc(scope->part->reader->arena, sizeof *use);
    *use = (struct use){.reference = reference,
                        .node = site->node,
                        .offset = (uint32_t)site->offset,
                        .place = scope->place,
                        .in_text = scope->in_text,
                        .axis_limit = (uint16_t)scope->axis_limit};
    *scope->uses->end = use;
    scope->uses->end = &use->next;
}

struct resolved reference_resolve(const struct scope *scope, const struct syntax_reference *syntax,
                                  const struct site *text) {
    if (syntax->root == REFERENCE_PARAMS)
        return resolve_params(scope, syntax, text);
    struct reader *r = scope->part->reader;
    struct reference *out = arena_alloc(r->arena, sizeof *out);
    struct site site = site_at(text, syntax->begin);
    out->root = syntax->root;
    out->text = syntax->text;
    bool path = syntax->root != REFERENCE_STAGE || syntax->step_count == 0 || check_stage_path(r, syntax, text);
    bool good = path && check_place(scope, syntax, &site) && check_shape(syntax, &site);
    if (good && syntax->root == REFERENCE_STAGE)
        good = resolve_stage(scope, out, syntax, text);
    if (!good)
        return faulty;
    set_steps(r, out, syntax);
    note_use(scope, out, &site);
    return (struct resolved){NULL, out};
}

/* Resolves "scratch" like "${stages.scratch}". */
static const struct reference *resolve_bare_name(const struct scope *scope, const cJSON *node) {
    struct reader *r = scope->part->reader;
    struct site site = {scope->part, node, 0};
    const char *name = node->valuestring;
    if (strchr(name, '/') || strchr(name, '.') || strchr(name, '[')) {
        report_site(&site,
                    "\"%s\" is no name of a stage; pins and stages of an include are written as in "
                    "\"${stages.scratch[seed=1]}\" and \"${study.stages.scratch}\"",
                    name);
        return NULL;
    }
    struct draft *target = find_stage(scope, scope->part, name, &site);
    if (!target)
        return NULL;
    struct reference *out = arena_alloc(r->arena, sizeof *out);
    out->root = REFERENCE_STAGE;
    out->stage = &target->decl;
    out->text = arena_printf(r->arena, "${stages.%s}", name);
    draft_need(scope->draft, target);
    return out;
}

const struct reference *resolve_stage_name(const struct scope *scope, const cJSON *node) {
    const struct reference *out = NULL;
    if (!cJSON_IsString(node)) {
        report_value(scope->part, node, "a stage is named by text, as in \"scratch\"; found %s",
                     describe(scope->part->reader, node));
    } else if (!strstr(node->valuestring, "${")) {
        out = resolve_bare_name(scope, node);
    } else {
        const struct value *v = value_compile(scope, node);
        if (v->type == VALUE_REFERENCE)
            out = v->as.reference;
        else if (!value_is_broken(v))
            report_value(scope->part, node, "a stage is named by text, as in \"scratch\", or by one reference to it");
    }
    if (!out)
        scope->draft->broken = true;
    return out;
}
