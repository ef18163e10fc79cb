/*
 * Checks each reference of a stage or a result against its target. It checks that the target exists, whether it is one
 * value or a list, and which axes it uses.
 */
#include <string.h>

#include "engine/pipeline/reader.h"

bool use_is_list(const struct reference *r) {
    bool list = r->collect;
    for (size_t i = 0; i < r->pin_count; i++)
        list |= r->pins[i].collect;
    return list;
}

static const struct pin *find_pin(const struct reference *reference, const char *axis) {
    for (size_t i = 0; i < reference->pin_count; i++)
        if (strcmp(reference->pins[i].axis, axis) == 0)
            return &reference->pins[i];
    return NULL;
}

/* The index of the stage's axis of that name; its number of axes when there is none. */
static size_t find_axis(const struct draft *d, const char *name) {
    size_t i = 0;
    while (i < d->decl.matrix.axis_count && strcmp(d->decl.matrix.axes[i].name, name) != 0)
        i++;
    return i;
}

/* The references of one stage, or of the results of a file. */
struct use_check {
    const struct part *part;
    struct draft *draft;     /* NULL: results */
    bool *used;              /* by axis */
    struct bytemap in;       /* inputs by name */
    struct bytemap *members; /* by axis: members known to be in all its values */
};

static struct site use_site(const struct use_check *c, const struct use *use) {
    return (struct site){c->part, use->node, use->offset};
}

static struct site step_site(const struct use_check *c, const struct use *use, size_t step) {
    return (struct site){c->part, use->node, use->reference->steps[step].offset};
}

/* ---- matrix, in, outs ---- */

/* The index of the first value without that member; the number of values when all have it. */
static size_t find_without(struct reader *r, const struct value *list, const char *member) {
    size_t i = 0;
    for (; i < list->as.list.count; i++) {
        const struct value *item = list->as.list.items[i];
        if (value_is_broken(item))
            continue;
        if (item->type == VALUE_LITERAL && !find_member(r, item->as.literal, member))
            break;
        if (item->type == VALUE_OBJECT && !value_member(item, member))
            break;
    }
    return i;
}

/* For "${matrix.receiver.model}" each object of the axis needs a "model". */
static void check_member(struct use_check *c, const struct use *use, size_t index) {
    struct reader *r = c->draft->part->reader;
    const struct axis *axis = &c->draft->decl.matrix.axes[index];
    const struct value *list = axis->values;
    const char *member = use->reference->step_count > 1 ? use->reference->steps[1].name : NULL;
    if (!member || !list || list->type != VALUE_LIST || bytemap_get(&c->members[index], member, strlen(member)))
        return;
    size_t i = find_without(r, list, member);
    if (i == list->as.list.count) {
        bytemap_put(&c->members[index], member, strlen(member), c->draft);
        return;
    }
    struct site site = step_site(c, use, 1);
    const struct value *item = value_structured(r, list->as.list.items[i]);
    if (item->type == VALUE_LITERAL)
        report_site(&site, "a value of the axis \"%s\" is %s: it has no \"%s\"", axis->name,
                    describe(r, item->as.literal), member);
    else
        report_site(&site, "value %zu of the axis \"%s\" has no \"%s\"%s", i + 1, axis->name, member,
                    suggestion(r, member, item->as.object.names, item->as.object.count, "it is empty"));
}

static void check_matrix_use(struct use_check *c, const struct use *use) {
    struct draft *d = c->draft;
    struct reader *r = d->part->reader;
    const struct matrix *matrix = &d->decl.matrix;
    const char *name = use->reference->steps[0].name;
    size_t index = find_axis(d, name);
    struct site site = step_site(c, use, 0);
    if (index == matrix->axis_count) {
        if (!d->axes_broken)
            report_site(&site, "the stage \"%s\" has no axis \"%s\"%s", d->decl.name, name,
                        suggestion(r, name, axis_names(d), matrix->axis_count, "it has no matrix"));
        return;
    }
    c->used[index] = true;
    if (use->axis_limit && index >= matrix->like_count + use->axis_limit - 1)
        report_site(&site, "a value of an axis can refer only to axes before it, not to \"%s\"", name);
    else
        check_member(c, use, index);
}

static bool is_list_input(const struct input_decl *input) {
    return input->type == INPUT_LIST || (input->type == INPUT_REFERENCE && !value_is_broken(input->value) &&
                                         use_is_list(input->value->as.reference));
}

enum { FEW = 8 }; /* inputs that are compared one by one */

/* The index of the input of that name; the number of inputs when there is none. */
static size_t find_input(struct use_check *c, const char *name) {
    const struct stage_decl *decl = &c->draft->decl;
    size_t i = 0;
    if (decl->in_count <= FEW) {
        while (i < decl->in_count && strcmp(decl->in[i].name, name) != 0)
            i++;
        return i;
    }
    for (; c->in.count < decl->in_count; i++)
        put_index(c->draft->part->reader, &c->in, decl->in[i].name, i);
    const size_t *found = bytemap_get(&c->in, name, strlen(name));
    return found ? *found : decl->in_count;
}

static void check_in_use(struct use_check *c, const struct use *use) {
    const struct draft *d = c->draft;
    struct reader *r = d->part->reader;
    const char *name = use->reference->steps[0].name;
    size_t found = find_input(c, name);
    struct site site = use_site(c, use);
    if (found < d->decl.in_count) {
        if (is_list_input(&d->decl.in[found]) && (use->in_text || !use->place->lists))
            report_site(&site, "the input \"%s\" is a list: write it as a word of its own in \"cmd\"", name);
        return;
    }
    if (is_silent(r))
        return;
    const char **names = arena_array(r->arena, d->decl.in_count, sizeof *names);
    for (size_t i = 0; i < d->decl.in_count; i++) {
        names[i] = d->decl.in[i].name;
        if (!*names[i])
            return; /* the plan knows its name */
    }
    site = step_site(c, use, 0);
    report_site(&site, "the stage \"%s\" has no input \"%s\"%s", d->decl.name, name,
                suggestion(r, name, names, d->decl.in_count, "it has none"));
}

static const char **out_names(struct reader *r, const struct stage_decl *stage) {
    if (is_silent(r))
        return NULL;
    const char **names = arena_array(r->arena, stage->out_count, sizeof *names);
    for (size_t i = 0; i < stage->out_count; i++)
        names[i] = stage->outs[i].name;
    return names;
}

static void check_outs_use(const struct use_check *c, const struct use *use) {
    const struct draft *d = c->draft;
    struct reader *r = d->part->reader;
    const char *name = use->reference->steps[0].name;
    struct site site = step_site(c, use, 0);
    if (!stage_out(&d->decl, name, NULL))
        report_site(&site, "the stage \"%s\" has no out \"%s\"%s", d->decl.name, name,
                    suggestion(r, name, out_names(r, &d->decl), d->decl.out_count, "it declares none"));
}

/* ---- stages ---- */

static void check_pins(const struct use_check *c, const struct use *use, const struct draft *target) {
    struct reader *r = c->part->reader;
    for (size_t i = 0; i < use->reference->pin_count; i++) {
        const struct pin *pin = &use->reference->pins[i];
        bool known = false;
        for (size_t k = 0; k < target->decl.axis_count && !known; k++)
            known = strcmp(target->decl.axes[k], pin->axis) == 0;
        if (known)
            continue;
        struct site site = {c->part, use->node, pin->offset};
        bool chosen = target->decl.type == STAGE_SELECT;
        report_site(&site, "the %s \"%s\" has no %s \"%s\" to pin%s", chosen ? "select" : "stage",
                    target->decl.full_name, chosen ? "open axis" : "axis", pin->axis,
                    suggestion(r, pin->axis, target->decl.axes, target->decl.axis_count,
                               chosen ? "its choice leaves no axis open: remove the pins" : "it has no matrix"));
    }
}

/* Each axis of the target is pinned, collected, matched by an axis of the stage (which it uses), or left over. */
static void check_open_axes(const struct use_check *c, const struct use *use, const struct draft *target) {
    struct reader *r = c->part->reader;
    const struct draft *d = c->draft;
    const struct reference *reference = use->reference;
    const char **open = arena_array(r->arena, target->decl.axis_count, sizeof *open);
    size_t count = 0;
    for (size_t i = 0; i < target->decl.axis_count; i++) {
        if (find_pin(reference, target->decl.axes[i]))
            continue;
        size_t own = d && use->place->matches ? find_axis(d, target->decl.axes[i]) : 0;
        if (d && use->place->matches && own < d->decl.matrix.axis_count)
            c->used[own] = true;
        else if (!reference->collect)
            open[count++] = target->decl.axes[i];
    }
    if (count == 0 || (d && d->axes_broken))
        return;
    bool can_match = d && use->place->matches;
    struct site site = use_site(c, use);
    report_site(&site, "%s leaves open %s %s of \"%s\": pin %s ([%s=...])%s%s%s", use->reference->text,
                count == 1 ? "the axis" : "the axes", join(r, open, count), target->decl.full_name,
                count == 1 ? "it" : "each", open[0], can_match ? ", give this stage an axis of that name" : "",
                use->place->lists && can_match ? "," : "", use->place->lists ? " or collect all ([*])" : "");
}

static void check_list_use(const struct use_check *c, const struct use *use) {
    struct site site = use_site(c, use);
    if (!use_is_list(use->reference) || use->place == &place_from)
        return;
    if (use->in_text)
        report_site(&site, "%s is a list, which cannot be written into text", use->reference->text);
    else if (!use->place->lists)
        report_site(&site, "%s is a list; %s one value is needed: pin the axis instead of collecting it",
                    use->reference->text, use->place->name);
}

bool check_metric(struct reader *r, const struct stage_decl *stage, const char *name, const struct site *site) {
    const struct stage_decl *source = stage->source;
    if (source->type == STAGE_KIND && source->kind) {
        const struct kind *kind = source->kind;
        const char **names = arena_array(r->arena, kind->metric_count, sizeof *names);
        for (size_t i = 0; i < kind->metric_count; i++) {
            names[i] = kind->metrics[i].name;
            if (strcmp(names[i], name) == 0)
                return true;
        }
        report_site(site, "the kind %s@%d has no metric \"%s\"%s", kind->name, kind->version, name,
                    suggestion(r, name, names, kind->metric_count, "it has none"));
        return false;
    }
    bool measures = source->type != STAGE_COMMAND || draft_of(r, source)->measures;
    if (!measures)
        report_site(site, "the stage \"%s\" has no metrics: none of its outs has the type \"metrics\"",
                    source->full_name);
    return measures;
}

static void check_stage_out(const struct use_check *c, const struct use *use, const struct stage_decl *stage) {
    struct reader *r = c->part->reader;
    const struct stage_decl *source = stage->source;
    const char *name = use->reference->steps[1].name;
    struct site site = step_site(c, use, 1);
    if (draft_of(r, source)->kind_unknown || stage_out(source, name, NULL))
        return;
    if (source->kind)
        report_site(&site, "the kind %s@%d has no out \"%s\"%s", source->kind->name, source->kind->version, name,
                    suggestion(r, name, out_names(r, source), source->out_count, "it has none"));
    else
        report_site(&site, "the stage \"%s\" has no out \"%s\"%s", source->full_name, name,
                    suggestion(r, name, out_names(r, source), source->out_count, "it declares none"));
}

static void check_stage_matrix(const struct use_check *c, const struct use *use, const struct stage_decl *stage) {
    struct reader *r = c->part->reader;
    struct site site = use_site(c, use);
    if (use->reference->collect || use->reference->pin_count)
        report_site(&site, "a select has one choice for all its instances: remove the pins from %s",
                    use->reference->text);
    const char *name = use->reference->steps[1].name;
    site = step_site(c, use, 1);
    if (stage->type != STAGE_SELECT) {
        report_site(&site, "\"%s\" is no select: \".matrix\" refers to the choice of a select", stage->full_name);
        return;
    }
    for (size_t i = 0; i < stage->select->group_by_count; i++)
        if (strcmp(stage->select->group_by[i], name) == 0)
            return;
    report_site(&site, "the select \"%s\" does not choose \"%s\"%s", stage->full_name, name,
                suggestion(r, name, stage->select->group_by, stage->select->group_by_count, "it groups by nothing"));
}

static void check_stage_use(const struct use_check *c, const struct use *use) {
    struct reader *r = c->part->reader;
    const struct draft *target = draft_of(r, use->reference->stage);
    if (!target->axes_known)
        return;
    check_pins(c, use, target);
    check_list_use(c, use);
    if (use->reference->step_count == 0)
        return;
    const char *what = use->reference->steps[0].name;
    if (strcmp(what, "matrix") == 0) { /* one choice for all instances: no axis is left over */
        check_stage_matrix(c, use, &target->decl);
        return;
    }
    check_open_axes(c, use, target);
    struct site site = step_site(c, use, 1);
    if (strcmp(what, "outs") == 0)
        check_stage_out(c, use, &target->decl);
    else
        check_metric(r, &target->decl, use->reference->steps[1].name, &site);
}

/* ---- all of a stage ---- */

static void check_use(struct use_check *c, const struct use *use) {
    struct site site = use_site(c, use);
    if (use->reference->root == REFERENCE_STAGE)
        check_stage_use(c, use);
    else if (!c->draft)
        return; /* results refer only to stages */
    else if (use->reference->root == REFERENCE_MATRIX)
        check_matrix_use(c, use);
    else if (use->reference->root == REFERENCE_IN)
        check_in_use(c, use);
    else if (use->reference->root == REFERENCE_OUTS)
        check_outs_use(c, use);
    else if (use->reference->root == REFERENCE_CHECKPOINT && !c->draft->decl.checkpoint)
        report_site(&site, "${checkpoint} needs \"checkpoint\": true beside \"cmd\"");
}

static void check_unused(struct draft *d, const bool *used) {
    for (size_t i = 0; i < d->decl.matrix.axis_count; i++) {
        const struct axis *axis = &d->decl.matrix.axes[i];
        if (!used[i])
            report(d->part->reader, &axis->at,
                   "nothing in the stage \"%s\" uses the axis \"%s\": its instances would all be equal; refer to "
                   "${matrix.%s} or %s",
                   d->decl.name, axis->name, axis->name,
                   i < d->decl.matrix.like_count ? "list the other axes instead of \"like\"" : "leave the axis out");
    }
}

void check_uses(struct part *part, struct draft *d, const struct use_list *uses) {
    struct arena *arena = part->reader->arena;
    size_t axis_count = d ? d->decl.matrix.axis_count : 0;
    struct use_check c = {.part = part, .draft = d};
    c.used = arena_array(arena, axis_count, sizeof *c.used);
    c.members = arena_array(arena, axis_count, sizeof *c.members);
    for (const struct use *use = uses->first; use; use = use->next)
        check_use(&c, use);
    if (d && !d->broken && !d->axes_broken)
        check_unused(d, c.used);
    for (size_t i = 0; i < axis_count; i++)
        bytemap_close(&c.members[i]);
    bytemap_close(&c.in);
}
