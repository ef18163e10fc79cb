#include <stdio.h>
#include <unistd.h>

#include "engine/base/printable.h"
#include "engine/command/log_follow.h"

void log_print_piece(struct buffer *rest, const char *piece, size_t size) {
    if (!isatty(STDOUT_FILENO)) {
        fwrite(piece, 1, size, stdout);
        return;
    }
    struct buffer shown = {0};
    buffer_append(rest, piece, size);
    size_t whole = rest->size - printable_open_end(rest->data, rest->size);
    printable_append(&shown, rest->data, whole);
    fputs(buffer_text(&shown), stdout);
    buffer_remove(rest, whole);
    buffer_close(&shown);
}

void log_end_pieces(struct buffer *rest) {
    struct buffer shown = {0};
    printable_append(&shown, buffer_text(rest), rest->size);
    fputs(buffer_text(&shown), stdout);
    buffer_close(&shown);
    buffer_close(rest);
}
