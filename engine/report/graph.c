#include "engine/report/graph.h"

#include <string.h>

struct graph {
    struct buffer *out;
    enum graph_format format;
};

static void begin(struct graph *g, const char *name) {
    if (g->format == GRAPH_MERMAID) {
        buffer_puts(g->out, "flowchart LR\n");
        return;
    }
    buffer_puts(g->out, "digraph ");
    json_string(g->out, name);
    buffer_puts(g->out,
                " {\n    rankdir=LR;\n    node [shape=box, style=rounded, fontname=\"Helvetica\", fontsize=11];\n"
                "    edge [color=\"#555555\"];\n");
}

static void end(struct graph *g) {
    if (g->format == GRAPH_DOT)
        buffer_puts(g->out, "}\n");
}

/* Escapes a label: quotes and angle brackets must not end a string or begin markup, and "&lt;" must not become "<". */
static void append_label(struct graph *g, const char *text) {
    for (; *text; text++) {
        if (g->format == GRAPH_MERMAID && strchr("\"\\<>&#[]|", *text)) {
            buffer_printf(g->out, "#%d;", *text);
            continue;
        }
        if (*text == '"' || *text == '\\')
            buffer_putc(g->out, '\\');
        buffer_putc(g->out, *text);
        if (*text == '&')
            buffer_puts(g->out, "amp;");
    }
}

static void node(struct graph *g, size_t id, const struct stage_decl *stage, const char *label, const char *below) {
    bool select = stage->type == STAGE_SELECT;
    if (g->format == GRAPH_MERMAID) {
        buffer_printf(g->out, "    n%zu%s\"", id, select ? "{{" : "[");
        append_label(g, label);
        if (*below)
            buffer_puts(g->out, "<br/>");
        append_label(g, below);
        buffer_printf(g->out, "\"%s\n", select ? "}}" : "]");
        return;
    }
    buffer_printf(g->out, "    n%zu [label=\"", id);
    append_label(g, label);
    if (*below)
        buffer_puts(g->out, "\\n");
    append_label(g, below);
    buffer_printf(g->out, "\"%s];\n", select ? ", shape=diamond, style=\"\"" : "");
}

static void edge(struct graph *g, size_t from, size_t to) {
    buffer_printf(g->out, g->format == GRAPH_MERMAID ? "    n%zu --> n%zu\n" : "    n%zu -> n%zu;\n", from, to);
}

/* "deeprx/train@1, size × seed" */
static void describe(struct buffer *out, const struct stage_decl *s) {
    if (s->kind)
        buffer_printf(out, "%s@%d", s->kind->name, s->kind->version);
    else if (s->type == STAGE_SELECT && !s->select->metric)
        buffer_puts(out, "all");
    else if (s->type == STAGE_SELECT)
        buffer_printf(out, "%s %s", s->select->maximize ? "max" : "min", s->select->metric);
    else
        buffer_puts(out, "cmd");
    for (size_t i = 0; i < s->matrix.axis_count; i++)
        buffer_printf(out, "%s%s", i ? " × " : ", ", s->matrix.axes[i].name);
}

void graph_folded(struct buffer *out, const struct pipeline *pipeline, enum graph_format format) {
    struct graph g = {out, format};
    begin(&g, pipeline->name);
    for (size_t i = 0; i < pipeline->stage_count; i++) {
        struct buffer below = {0};
        describe(&below, pipeline->stages[i]);
        node(&g, pipeline->stages[i]->index, pipeline->stages[i], pipeline->stages[i]->full_name, buffer_text(&below));
        buffer_close(&below);
    }
    for (size_t i = 0; i < pipeline->stage_count; i++)
        for (size_t k = 0; k < pipeline->stages[i]->need_count; k++)
            edge(&g, pipeline->stages[i]->needs[k]->index, pipeline->stages[i]->index);
    end(&g);
}

void graph_unfolded(struct buffer *out, const struct pipeline *pipeline, const struct plan *plan,
                    enum graph_format format) {
    struct graph g = {out, format};
    size_t count;
    struct instance *const *all = plan_instances(plan, &count);
    begin(&g, pipeline->name);
    for (size_t i = 0; i < count; i++)
        node(&g, all[i]->index, all[i]->decl, instance_name(all[i]), "");
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < all[i]->need_count; k++)
            edge(&g, all[i]->needs[k]->index, all[i]->index);
    end(&g);
}
