/* A growing string of bytes, always followed by a NUL. `{0}` is an empty buffer. */
#ifndef RETORT_BASE_BUFFER_H
#define RETORT_BASE_BUFFER_H

#include <stdarg.h>
#include <stddef.h>

struct buffer {
    char *data; /* NULL before the first append; else data[size] == 0 */
    size_t size;
    size_t capacity;
};

/* Each appends to the buffer, which grows as needed. */
void buffer_append(struct buffer *b, const void *bytes, size_t size);
void buffer_puts(struct buffer *b, const char *text);
void buffer_putc(struct buffer *b, char c);
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_vprintf(struct buffer *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

void buffer_reserve(struct buffer *b, size_t extra); /* makes room for so many more bytes, and the NUL */
void buffer_remove(struct buffer *b, size_t size);   /* removes the first bytes; keeps the memory */
void buffer_clear(struct buffer *b);                 /* keeps the memory */
const char *buffer_text(const struct buffer *b);     /* "" for an empty buffer; never NULL */
char *buffer_detach(struct buffer *b);               /* the caller frees; the buffer is empty again; never NULL */
void buffer_close(struct buffer *b);                 /* frees the memory; the buffer is empty again */

#endif
