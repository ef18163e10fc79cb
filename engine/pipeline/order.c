/* The order of the stages, and cycles among them. */
#include "engine/base/buffer.h"
#include "engine/pipeline/reader.h"

enum { MAX_SHOWN = 24 }; /* stages of a cycle in a message */

/* A stage on the path from where the walk began to where it is. */
struct step_in {
    struct draft *draft;
    const struct edge *next; /* the need to look at next */
    size_t lowest;           /* the first stage of the path that this one, or one behind it, needs */
};

struct walk {
    struct reader *reader;
    struct draft **order;
    size_t ordered;
    struct step_in *path; /* a stack of its own: a chain may have as many stages as the file */
    size_t depth;
};

/* `d` stands on the path already: all from there on wait for each other. */
static void report_cycle(struct walk *w, const struct draft *d) {
    struct buffer text = {0};
    if (is_full(w->reader))
        return;
    for (size_t i = d->path_index; i < w->depth && i < d->path_index + MAX_SHOWN; i++)
        buffer_printf(&text, "%s -> ", w->path[i].draft->decl.full_name);
    if (w->depth - d->path_index > MAX_SHOWN)
        buffer_printf(&text, "%zu more -> ", w->depth - d->path_index - MAX_SHOWN);
    report(w->reader, &d->decl.at, "cycle: %s%s (each stage needs the next)", buffer_text(&text), d->decl.full_name);
    buffer_close(&text);
}

static void enter(struct walk *w, struct draft *d) {
    d->mark = MARK_OPEN;
    d->path_index = w->depth;
    w->path[w->depth] = (struct step_in){d, d->needs, w->depth + 1};
    w->depth++;
}

static void follow(struct walk *w, struct step_in *from, struct draft *to) {
    if (to->mark == MARK_NEW) {
        enter(w, to);
    } else if (to->mark == MARK_OPEN) {
        report_cycle(w, to);
        if (to->path_index < from->lowest)
            from->lowest = to->path_index;
    }
}

/* All that it needs is ordered. */
static void leave(struct walk *w) {
    const struct step_in *last = &w->path[--w->depth];
    struct draft *d = last->draft;
    if (last->lowest <= w->depth)
        d->broken = d->axes_broken = true; /* in a cycle */
    if (w->depth && last->lowest < w->path[w->depth - 1].lowest)
        w->path[w->depth - 1].lowest = last->lowest;
    d->mark = MARK_DONE;
    w->order[w->ordered++] = d;
}

static void visit(struct walk *w, struct draft *first) {
    if (first->mark == MARK_NEW)
        enter(w, first);
    while (w->depth) {
        struct step_in *last = &w->path[w->depth - 1];
        const struct edge *e = last->next;
        if (!e) {
            leave(w);
            continue;
        }
        last->next = e->next;
        follow(w, last, e->to);
    }
}

struct draft **stages_order(struct reader *r) {
    struct walk w = {.reader = r};
    w.order = arena_array(r->arena, r->draft_count, sizeof *w.order);
    w.path = arena_array(r->arena, r->draft_count, sizeof *w.path);
    for (size_t i = 0; i < r->draft_count; i++)
        visit(&w, r->drafts[i]);
    return w.order;
}
