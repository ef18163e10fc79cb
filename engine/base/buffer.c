#include "engine/base/buffer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

void buffer_reserve(struct buffer *b, size_t extra) {
    size_t needed;
    if (extra < b->capacity - b->size)
        return;
    if (__builtin_add_overflow(b->size, extra, &needed) || __builtin_add_overflow(needed, 1, &needed))
        needed = SIZE_MAX; /* too large for any allocation */
    b->data = mem_grow_bytes(b->data, &b->capacity, needed, 1);
    b->data[b->size] = '\0';
}

void buffer_append(struct buffer *b, const void *bytes, size_t size) {
    buffer_reserve(b, size);
    if (size > 0)
        memcpy(b->data + b->size, bytes, size);
    b->size += size;
    b->data[b->size] = '\0';
}

void buffer_puts(struct buffer *b, const char *text) {
    buffer_append(b, text, strlen(text));
}

void buffer_putc(struct buffer *b, char c) {
    buffer_reserve(b, 1);
    b->data[b->size++] = c;
    b->data[b->size] = '\0';
}

void buffer_printf(struct buffer *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    buffer_vprintf(b, format, args);
    va_end(args);
}

void buffer_vprintf(struct buffer *b, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    buffer_reserve(b, 0);
    size_t room = b->capacity - b->size;
    int length = vsnprintf(b->data + b->size, room, format, args);
    if (length > 0 && (size_t)length >= room) {
        buffer_reserve(b, (size_t)length);
        vsnprintf(b->data + b->size, (size_t)length + 1, format, again);
    }
    if (length > 0)
        b->size += (size_t)length;
    b->data[b->size] = '\0';
    va_end(again);
}

void buffer_remove(struct buffer *b, size_t size) {
    b->size -= size;
    memmove(b->data, b->data + size, b->size + 1);
}

void buffer_clear(struct buffer *b) {
    b->size = 0;
    if (b->data)
        b->data[0] = '\0';
}

const char *buffer_text(const struct buffer *b) {
    return b->data ? b->data : "";
}

char *buffer_detach(struct buffer *b) {
    char *text = b->data ? b->data : mem_strdup("");
    *b = (struct buffer){0};
    return text;
}

void buffer_close(struct buffer *b) {
    free(b->data);
    *b = (struct buffer){0};
}
