/* Characters of UTF-8. Source: Unicode 15, table 3-7. */
#ifndef RETORT_BASE_UTF8_H
#define RETORT_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Reads the first character of `size` bytes, at least one. Returns its length; 0: the first byte begins none. */
size_t utf8_read(uint32_t *out, const unsigned char *text, size_t size);

/* The length that the first byte of a character promises; 0: it begins none. */
size_t utf8_promised_length(unsigned char first);

#endif
