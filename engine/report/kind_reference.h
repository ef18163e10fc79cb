/* Texts made from the descriptions of the kinds: `retort kinds`, the reference page, the JSON Schema. */
#ifndef RETORT_ENGINE_REPORT_KIND_REFERENCE_H
#define RETORT_ENGINE_REPORT_KIND_REFERENCE_H

#include "engine/base/buffer.h"
#include "stages/kinds/kind.h"

/* Appends the list of all kinds, for people or as JSON. */
void kind_list(struct buffer *out, bool json);
void kind_text(struct buffer *out, const struct kind *kind); /* for a terminal */
void kind_json(struct buffer *out, const struct kind *kind); /* for programs */
void kind_reference_page(struct buffer *out);                /* Markdown: stages/kinds/REFERENCE.md */
void kind_schema(struct buffer *out);                        /* pipelines/schema/pipeline-1.schema.json (2020-12) */

#endif
