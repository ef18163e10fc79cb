/* The order of the stages, and cycles among them. */
#include "engine/base/buffer.h"
#include "engine/pipeline/reader.h"

struct walk {
    struct reader *reader;
    struct draft **order;
    size_t ordered;
    struct draft **path; /* from where the walk began to where it is */
    size_t depth;
};

/* `d` stands on the path already: all from there on wait for each other. */
static void report_cycle(struct walk *w, struct draft *d) {
    size_t first = w->depth;
    while (w->path[first - 1] != d)
        first--;
    struct buffer text = {0};
    for (size_t i = first - 1; i < w->depth; i++) {
        buffer_printf(&text, "%s -> ", w->path[i]->decl.full_name);
        w->path[i]->broken = w->path[i]->axes_broken = true;
    }
    report(w->reader, &d->decl.at, "cycle: %s%s (each stage needs the next)", buffer_text(&text), d->decl.full_name);
    buffer_close(&text);
}

static void visit(struct walk *w, struct draft *d) {
    if (d->mark == MARK_DONE)
        return;
    if (d->mark == MARK_OPEN) {
        report_cycle(w, d);
        return;
    }
    d->mark = MARK_OPEN;
    w->path[w->depth++] = d;
    for (const struct edge *e = d->needs; e; e = e->next)
        visit(w, e->to);
    w->depth--;
    d->mark = MARK_DONE;
    w->order[w->ordered++] = d;
}

struct draft **stages_order(struct reader *r) {
    struct walk w = {.reader = r};
    w.order = arena_array(r->arena, r->draft_count, sizeof *w.order);
    w.path = arena_array(r->arena, r->draft_count, sizeof *w.path);
    for (size_t i = 0; i < r->draft_count; i++)
        visit(&w, r->drafts[i]);
    return w.order;
}
