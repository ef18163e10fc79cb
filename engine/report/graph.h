/*
 * The DAG as text: Graphviz dot or Mermaid. Folded, a stage is one node however many instances it has; unfolded, every
 * instance that the plan knows is a node. Pure text; drawing is `dot`'s business.
 */
#ifndef RETORT_ENGINE_REPORT_GRAPH_H
#define RETORT_ENGINE_REPORT_GRAPH_H

#include "engine/plan/plan.h"

enum graph_format { GRAPH_DOT, GRAPH_MERMAID };

void graph_folded(struct buffer *out, const struct pipeline *pipeline, enum graph_format format);
void graph_unfolded(struct buffer *out, const struct pipeline *pipeline, const struct plan *plan,
                    enum graph_format format);

#endif
