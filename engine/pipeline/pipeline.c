#include "engine/pipeline/pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "engine/pipeline/reader.h"

static bool is_chosen(const struct select_decl *select, const char *axis) {
    for (size_t i = 0; i < select->group_by_count; i++)
        if (strcmp(select->group_by[i], axis) == 0)
            return true;
    for (size_t i = 0; i < select->from->pin_count; i++)
        if (strcmp(select->from->pins[i].axis, axis) == 0)
            return true;
    return false;
}

/* Sets the axes that readers of the stage see; later stages use them. */
static void note_axes(struct draft *d) {
    struct arena *arena = d->part->reader->arena;
    const struct select_decl *select = d->decl.select;
    d->axes_known = d->typed && !d->axes_broken;
    if (!d->axes_known)
        return;
    d->decl.source = select ? select->from->stage->source : &d->decl;
    size_t count = select ? select->from->stage->axis_count : d->decl.matrix.axis_count;
    const char **axes = arena_array(arena, count, sizeof *axes);
    for (size_t i = 0; i < count && !select; i++)
        axes[d->decl.axis_count++] = d->decl.matrix.axes[i].name;
    for (size_t i = 0; i < count && select && select->pick == PICK_ALL; i++)
        if (!is_chosen(select, select->from->stage->axes[i]))
            axes[d->decl.axis_count++] = select->from->stage->axes[i];
    d->decl.axes = axes;
}

static void check_stage(struct draft *d) {
    if (d->decl.type == STAGE_SELECT && d->typed)
        check_select(d);
    else
        check_matrix(d);
    note_axes(d);
    check_uses(d->part, d, &d->uses);
    check_kind(d);
}

static void list_needs(struct reader *r, struct draft *d) {
    size_t count = 0;
    for (const struct edge *e = d->needs; e; e = e->next)
        count++;
    const struct stage_decl **needs = arena_array(r->arena, count, sizeof(const struct stage_decl *));
    for (const struct edge *e = d->needs; e; e = e->next)
        needs[d->decl.need_count++] = &e->to->decl;
    d->decl.needs = needs;
}

static void finish(struct reader *r, struct draft **order) {
    struct pipeline *p = r->root->pipeline;
    const struct stage_decl **stages = arena_array(r->arena, r->draft_count, sizeof *stages);
    for (size_t i = 0; i < r->draft_count; i++) {
        order[i]->decl.index = i;
        list_needs(r, order[i]);
        stages[i] = &order[i]->decl;
    }
    const char **files = arena_array(r->arena, r->file_count, sizeof *files);
    for (size_t i = 0; i < r->file_count; i++)
        files[i] = r->files[i];
    p->stages = stages;
    p->stage_count = r->draft_count;
    p->files = files;
    p->file_count = r->file_count;
    p->overrides = r->recorded;
}

static int read_all(struct reader *r, const struct pipeline_source *source, struct error *err) {
    int rc = load_root(r, source, err);
    if (rc < 0)
        return rc;
    if (!r->root->broken) {
        r->recorded = cJSON_CreateObject();
        keep_json(r, r->recorded);
        params_declare(r->root);
        stages_declare(r->root);
        params_fold(r->root);
        stages_compile(r->root);
        struct draft **order = stages_order(r);
        for (size_t i = 0; i < r->draft_count; i++)
            check_stage(order[i]);
        check_results(r->root);
        finish(r, order);
    }
    if (r->diagnostics->errors)
        return error_set(err, ERR_INVALID, "%s: %zu error%s", r->root->file, r->diagnostics->errors,
                         r->diagnostics->errors == 1 ? "" : "s");
    return 0;
}

int pipeline_read(struct pipeline **out, const struct pipeline_source *source, struct diagnostics *diagnostics,
                  struct error *err) {
    struct reader r = {.arena = arena_create(),
                       .diagnostics = diagnostics,
                       .overrides = source->overrides,
                       .override_count = source->override_count,
                       .commits = source->commits};
    int rc = read_all(&r, source, err);
    part_close(r.root);
    lookup_close(&r);
    free(r.drafts);
    free(r.files);
    if (rc < 0)
        arena_free(r.arena);
    else
        *out = r.root->pipeline;
    return rc;
}

void pipeline_free(struct pipeline *p) {
    if (p)
        arena_free(p->arena);
}

static int compare_out(const void *name, const void *out) {
    return strcmp(name, ((const struct out_decl *)out)->name);
}

/* The outs of a command are sorted by name. */
const struct out_decl *stage_out(const struct stage_decl *stage, const char *name, size_t *index) {
    const struct out_decl *found = NULL;
    for (size_t i = 0; stage->kind && i < stage->out_count && !found; i++)
        if (strcmp(stage->outs[i].name, name) == 0)
            found = &stage->outs[i];
    if (!stage->kind && stage->out_count)
        found = bsearch(name, stage->outs, stage->out_count, sizeof *stage->outs, compare_out);
    if (found && index)
        *index = (size_t)(found - stage->outs);
    return found;
}

const struct stage_decl *pipeline_stage(const struct pipeline *p, const char *full_name) {
    for (size_t i = 0; i < p->stage_count; i++)
        if (strcmp(p->stages[i]->full_name, full_name) == 0)
            return p->stages[i];
    return NULL;
}
