/*
 * A select is decided when all instances have ended. The first record of its stage shows the names of the metrics, so a
 * name that is misspelt is told then.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/suggest.h"
#include "engine/plan/internal.h"

void watch_selects(struct plan *p) {
    for (size_t i = 0; i < p->stage_count; i++) {
        const struct stage_decl *decl = p->pipeline->stages[i];
        if (decl->type != STAGE_SELECT || !p->stages[decl->index].needed)
            continue;
        p->stages[decl->source->index].is_watched = true;
        p->has_quorum |= decl->select->quorum > 0;
    }
}

static bool has_name(const struct metrics *m, const char *name) {
    for (size_t i = 0; i < metrics_count(m); i++)
        if (strcmp(metrics_name(m, i), name) == 0)
            return true;
    return false;
}

static void check_name(struct plan *p, const struct stage_decl *select, const struct metrics *m, const char *name) {
    if (has_name(m, name))
        return;
    char *suggestion = suggest_text(name, m->names->names, m->names->count, "");
    buffer_printf(&p->warnings, "select %s: %s gave no metric \"%s\"%s%s", select->full_name, select->source->full_name,
                  name, suggestion, *suggestion ? " It gave " : "; it gave ");
    free(suggestion);
    for (size_t i = 0; i < metrics_count(m); i++)
        buffer_printf(&p->warnings, "%s%s", i ? ", " : "", metrics_name(m, i));
    buffer_append(&p->warnings, "", 1);
}

static void check_where(struct plan *p, const struct stage_decl *select, const struct metrics *m,
                        const struct where *where, size_t count) {
    for (size_t i = 0; i < count; i++)
        check_name(p, select, m, where[i].metric);
}

void watch_names(struct plan *p, struct stage_plan *stage, const struct metrics *metrics) {
    stage->is_watched = false;
    for (size_t i = 0; i < p->stage_count; i++) {
        const struct stage_decl *decl = p->pipeline->stages[i];
        if (decl->type != STAGE_SELECT || decl->source != stage->decl)
            continue;
        if (decl->select->metric)
            check_name(p, decl, metrics, decl->select->metric);
        check_where(p, decl, metrics, decl->select->where, decl->select->where_count);
        check_where(p, decl, metrics, decl->select->where_each, decl->select->where_each_count);
    }
}

void plan_warnings(struct plan *p, void (*say)(void *context, const char *line), void *context) {
    const char *text = buffer_text(&p->warnings), *end = text + p->warnings.size;
    for (; text < end; text += strlen(text) + 1)
        say(context, text);
    buffer_clear(&p->warnings);
}
