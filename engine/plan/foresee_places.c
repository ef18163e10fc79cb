/* Places in the directory of an instance that still waits, as far as they are known. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/plan/internal.h"

/* The path of another stage's out where it is the same for all instances; else NULL. */
static const char *fixed_out_path(const struct reference *r) {
    bool is_out = r->root == REFERENCE_STAGE && r->step_count == 2 && r->steps[1].name;
    const struct out_decl *out = is_out ? stage_out(r->stage->source, r->steps[1].name, NULL) : NULL;
    return out && !out->template ? out->path : NULL;
}

static const char *normal_path(struct scope *s, const struct value *v) {
    const char *written = resolve_path(s, v);
    char *normal = written ? path_normal(written) : NULL;
    const char *kept = normal ? arena_strdup(s->arena, normal) : NULL;
    free(normal);
    return kept;
}

/* Of an input at its own path. */
static const char *own_place(struct scope *s, const struct input_decl *in) {
    const char *place = NULL, *part = NULL;
    if (in->value->type == VALUE_REFERENCE && in->value->as.reference->root == REFERENCE_STAGE)
        place = fixed_out_path(in->value->as.reference);
    else if (value_is_known(s, in->value))
        place = normal_path(s, in->value);
    if (!place || !in->part)
        return place;
    if (value_is_known(s, in->part))
        part = resolve_path(s, in->part);
    return part ? arena_printf(s->arena, "%s/%s", place, part) : NULL;
}

/* NULL: it is not known yet, or has a fault. */
static const char *find_place(struct scope *s, const struct input_decl *in) {
    const char *place = NULL;
    if (!in->place && !in->at_own_path)
        return arena_printf(s->arena, "in/%s", in->name);
    if (!in->place)
        place = own_place(s, in);
    else if (value_is_known(s, in->place))
        place = resolve_path(s, in->place);
    return place && input_check_place(s, in, place) == 0 ? place : NULL;
}

void places_foresee(struct scope *s) {
    const struct stage_decl *decl = s->node->pub.decl;
    struct action known = {0};
    if (!decl->places_vary)
        return;
    struct action_input *inputs = arena_array(s->arena, decl->in_count, sizeof *inputs);
    struct action_item *items = arena_array(s->arena, decl->in_count, sizeof *items);
    for (size_t i = 0; i < decl->in_count; i++) {
        items[i].place = find_place(s, &decl->in[i]);
        if (items[i].place)
            inputs[known.input_count++] = (struct action_input){decl->in[i].name, false, &items[i], 1};
    }
    known.inputs = inputs;
    if (build_outs(&known, s) == 0)
        build_check_places(&known, s);
}
