#include "engine/pipeline/pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "engine/pipeline/reader.h"

/* What a reader of the stage sees, noted for those behind it. */
static void note_axes(struct draft *d) {
    d->axes_known = d->typed && !d->axes_broken;
    if (!d->axes_known)
        return;
    d->axis_count = stage_visible_axes(&d->decl, NULL, 0);
    const char **axes = arena_array(d->part->reader->arena, d->axis_count, sizeof *axes);
    stage_visible_axes(&d->decl, axes, d->axis_count);
    d->axes = axes;
}

static void check_stage(struct reader *r, struct draft *d) {
    if (d->decl.type == STAGE_SELECT && d->typed)
        check_select(d);
    else
        check_matrix(d);
    note_axes(d);
    check_uses(r, d, &d->uses);
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

static int read_all(struct reader *r, const char *path, struct error *err) {
    int rc = load_root(r, path, err);
    if (rc < 0)
        return rc;
    if (!r->root->broken) {
        overrides_prepare(r);
        params_declare(r->root);
        stages_declare(r->root);
        params_fold(r->root);
        stages_compile(r->root);
        struct draft **order = stages_order(r);
        for (size_t i = 0; i < r->draft_count; i++)
            check_stage(r, order[i]);
        check_results(r->root);
        finish(r, order);
    }
    if (r->diagnostics->errors)
        return error_set(err, ERR_INVALID, "%s: %zu error%s", path, r->diagnostics->errors,
                         r->diagnostics->errors == 1 ? "" : "s");
    return 0;
}

int pipeline_read(struct pipeline **out, const char *path, const struct override *overrides, size_t override_count,
                  struct diagnostics *diagnostics, struct error *err) {
    struct reader r = {
        .arena = arena_create(), .diagnostics = diagnostics, .overrides = overrides, .override_count = override_count};
    int rc = read_all(&r, path, err);
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

const struct stage_decl *pipeline_stage(const struct pipeline *p, const char *full_name) {
    for (size_t i = 0; i < p->stage_count; i++)
        if (strcmp(p->stages[i]->full_name, full_name) == 0)
            return p->stages[i];
    return NULL;
}

static bool is_chosen(const struct select_decl *select, const char *axis) {
    for (size_t i = 0; i < select->group_by_count; i++)
        if (strcmp(select->group_by[i], axis) == 0)
            return true;
    for (size_t i = 0; i < select->from->pin_count; i++)
        if (strcmp(select->from->pins[i].axis, axis) == 0)
            return true;
    return false;
}

/* Axis by axis along a chain of selects, so that no memory is needed. */
static bool is_visible(const struct stage_decl *stage, const char *axis) {
    for (; stage->type == STAGE_SELECT; stage = stage->select->from->stage)
        if (stage->select->pick != PICK_ALL || is_chosen(stage->select, axis))
            return false;
    return true;
}

size_t stage_visible_axes(const struct stage_decl *stage, const char **names, size_t capacity) {
    const struct matrix *matrix = &stage_source(stage)->matrix;
    size_t count = 0;
    for (size_t i = 0; i < matrix->axis_count; i++) {
        if (!is_visible(stage, matrix->axes[i].name))
            continue;
        if (count < capacity)
            names[count] = matrix->axes[i].name;
        count++;
    }
    return count;
}
