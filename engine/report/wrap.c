#include "engine/report/wrap.h"

#include <string.h>

enum { TEXT_WIDTH = 80 };

void wrap_text(struct buffer *out, const char *text, size_t indent) {
    size_t column = 0;
    while (*text) {
        if (*text == '\n') {
            buffer_puts(out, "\n");
            column = 0;
            text++;
            continue;
        }
        size_t word = strcspn(text, " \n");
        if (column > 0 && column + 1 + word > TEXT_WIDTH - indent) {
            buffer_puts(out, "\n");
            column = 0;
        }
        if (column > 0)
            buffer_putc(out, ' ');
        else
            buffer_printf(out, "%*s", (int)indent, "");
        buffer_append(out, text, word);
        column += word + (column > 0);
        text += word;
        while (*text == ' ')
            text++;
    }
    buffer_puts(out, "\n");
}
