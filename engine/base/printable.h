/*
 * Text of others for a terminal. A terminal obeys control characters, and bidirectional controls change the order of
 * what it shows. Both are shown as escapes. \x1b is a control character of ASCII, or a byte that is no UTF-8. \u009b is
 * one of C1, and \u202e a bidirectional control. Plain text and escapes stay as they are.
 */
#ifndef RETORT_BASE_PRINTABLE_H
#define RETORT_BASE_PRINTABLE_H

#include <stdio.h>

#include "engine/base/buffer.h"

/* Appends a text; newlines and tabs stay. */
void printable_append(struct buffer *out, const char *text, size_t size);

/* Appends a text that has to stay on one line: newlines and tabs are shown as \n and \t. */
void printable_append_line(struct buffer *out, const char *text);

/* The same, in quotes where a shell would not take the text as one word as it is. */
void printable_append_word(struct buffer *out, const char *word);

/* How many bytes at the end begin a character that the next piece of the text goes on with: 0 to 3. */
size_t printable_open_end(const char *text, size_t size);

/* Prints a text; newlines and tabs stay. */
void printable_print(FILE *stream, const char *text);
void printable_printf(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
