/*
 * The DAG as text, in Graphviz dot or Mermaid. Folded, a stage is one node however many instances it has. Unfolded,
 * every instance of the plan is a node. Pure text; `dot` draws it.
 */
#ifndef RETORT_ENGINE_REPORT_GRAPH_H
#define RETORT_ENGINE_REPORT_GRAPH_H

#include "engine/plan/plan.h"

enum graph_format { GRAPH_DOT, GRAPH_MERMAID };

/* Appends the graph with a node per stage. */
void graph_folded(struct buffer *out, const struct pipeline *pipeline, enum graph_format format);
/* Appends the graph with a node per instance that the plan knows. */
void graph_unfolded(struct buffer *out, const struct pipeline *pipeline, const struct plan *plan,
                    enum graph_format format);

#endif
