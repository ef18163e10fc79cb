/* Orders the stages so that each follows those it needs, and reports cycles. */
#include "engine/base/buffer.h"
#include "engine/pipeline/reader.h"

enum { MAX_SHOWN = 24 }; /* stages of a cycle that a message names */

/* A stage on the current path of the depth-first walk. */
struct path_step {
    struct draft *draft;
    const struct edge *next; /* the next need to follow */
    size_t lowest;           /* the first stage of the path that this stage, or one reached from it, needs */
};

struct walk {
    struct reader *reader;
    struct draft **order;
    size_t ordered;
    struct path_step *path; /* an explicit stack: a chain may hold every stage of the file */
    size_t depth;
};

/* `d` is on the path already: all stages from there on need each other. */
static void report_cycle(struct walk *w, const struct draft *d) {
    struct buffer text = {0};
    if (is_silent(w->reader))
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
    w->path[w->depth] = (struct path_step){d, d->needs, w->depth + 1};
    w->depth++;
}

static void follow(struct walk *w, struct path_step *from, struct draft *to) {
    if (to->mark == MARK_NEW) {
        enter(w, to);
    } else if (to->mark == MARK_OPEN) {
        report_cycle(w, to);
        if (to->path_index < from->lowest)
            from->lowest = to->path_index;
    }
}

/* Takes the last stage off the path: all its needs are ordered. */
static void leave(struct walk *w) {
    const struct path_step *last = &w->path[--w->depth];
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
        struct path_step *last = &w->path[w->depth - 1];
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
