#include "engine/base/printable.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/utf8.h"

static bool is_bidirectional(uint32_t c) {
    return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

/* Appends one character, or a byte that is none. Returns its length. */
static size_t append_character(struct buffer *out, const unsigned char *at, size_t size, bool line) {
    uint32_t c;
    size_t length = utf8_read(&c, at, size);
    if (length == 0)
        buffer_printf(out, "\\x%02x", *at);
    else if (c == '\n' || c == '\t')
        buffer_puts(out, !line ? (c == '\n' ? "\n" : "\t") : c == '\n' ? "\\n" : "\\t");
    else if (c < 0x20 || c == 0x7F)
        buffer_printf(out, "\\x%02x", (unsigned)c);
    else if ((c >= 0x80 && c <= 0x9F) || is_bidirectional(c))
        buffer_printf(out, "\\u%04x", (unsigned)c);
    else
        buffer_append(out, (const char *)at, length);
    return length ? length : 1;
}

static size_t printable_ascii_length(const unsigned char *text, size_t size) {
    size_t length = 0;
    while (length < size && text[length] >= 0x20 && text[length] < 0x7F)
        length++;
    return length;
}

static void append(struct buffer *out, const char *text, size_t size, bool line) {
    const unsigned char *at = (const unsigned char *)text, *end = at + size;
    while (at < end) {
        size_t plain = printable_ascii_length(at, (size_t)(end - at));
        buffer_append(out, (const char *)at, plain);
        at += plain;
        if (at < end)
            at += append_character(out, at, (size_t)(end - at), line);
    }
}

void printable_append(struct buffer *out, const char *text, size_t size) {
    append(out, text, size, false);
}

void printable_append_line(struct buffer *out, const char *text) {
    append(out, text, strlen(text), true);
}

void printable_append_word(struct buffer *out, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";
    if (*word && strspn(word, plain) == strlen(word)) {
        buffer_puts(out, word);
        return;
    }
    buffer_putc(out, '\'');
    for (const char *quote; (quote = strchr(word, '\'')); word = quote + 1) {
        append(out, word, (size_t)(quote - word), true);
        buffer_puts(out, "'\\''");
    }
    printable_append_line(out, word);
    buffer_putc(out, '\'');
}

size_t printable_open_end(const char *text, size_t size) {
    for (size_t back = 1; back <= 3 && back <= size; back++) {
        unsigned char c = (unsigned char)text[size - back];
        if ((c & 0xC0) != 0x80)
            return utf8_promised_length(c) > back ? back : 0;
    }
    return 0;
}

void printable_print(FILE *stream, const char *text) {
    struct buffer shown = {0};
    printable_append(&shown, text, strlen(text));
    fputs(buffer_text(&shown), stream);
    buffer_close(&shown);
}

void printable_printf(FILE *stream, const char *format, ...) {
    struct buffer text = {0};
    va_list args;
    va_start(args, format);
    buffer_vprintf(&text, format, args);
    va_end(args);
    printable_print(stream, buffer_text(&text));
    buffer_close(&text);
}
