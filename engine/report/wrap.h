/* Text for a terminal: paragraphs broken at spaces to 80 columns, each line indented. */
#ifndef RETORT_ENGINE_REPORT_WRAP_H
#define RETORT_ENGINE_REPORT_WRAP_H

#include "engine/base/buffer.h"

/* Appends the text; `indent` is in columns. */
void wrap_text(struct buffer *out, const char *text, size_t indent);

#endif
