/*
 * Checked allocation. A failed allocation ends the program at once, with a message and exit status 3. Every state worth
 * keeping is on disk already (see store/README.md), so there is nothing to unwind. No caller needs a path for NULL that
 * no test would ever run.
 */
#ifndef RETORT_BASE_MEMORY_H
#define RETORT_BASE_MEMORY_H

#include <stddef.h>

/* Zeroed memory; never NULL. Freed with free(). */
void *mem_alloc(size_t size) __attribute__((returns_nonnull));

/* Zeroed array; the product is checked for overflow. */
void *mem_array(size_t count, size_t size) __attribute__((returns_nonnull));

/* Memory with any content, for data that is written before it is read. */
void *mem_scratch(size_t size) __attribute__((returns_nonnull));

/* realloc of an array of `count` elements; new elements are not zeroed. */
void *mem_resize(void *memory, size_t count, size_t size) __attribute__((returns_nonnull));

/* Copies a text, at most `length` bytes of it, or a formatted text. The caller frees. */
char *mem_strdup(const char *text) __attribute__((returns_nonnull));
char *mem_strndup(const char *text, size_t length) __attribute__((returns_nonnull));
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

/* Checks memory from a library: ends the program if it is NULL. */
void *mem_checked(void *memory) __attribute__((returns_nonnull));

/* Grows `*array` so that it holds at least `needed` elements, doubling; updates `*capacity`. */
#define mem_grow(array, capacity, needed) ((array) = mem_grow_bytes((array), (capacity), (needed), sizeof *(array)))
void *mem_grow_bytes(void *array, size_t *capacity, size_t needed, size_t size) __attribute__((returns_nonnull));

#endif
