/*
 * Changes JSON texts and keeps them JSON. Copies, moves and swaps members between objects, changes types, and replaces
 * references and names by others of the same text. Bytes that are changed one at a time hardly ever give a file that is
 * read to its end; these do.
 */
#ifndef RETORT_TESTS_FUZZ_TREE_H
#define RETORT_TESTS_FUZZ_TREE_H

#include <stddef.h>
#include <stdint.h>

/* Changes one of the texts in `data`, which are separated by NUL bytes, and writes them back. `words`: names and texts
   that may be put in, ended by NULL. Returns the new size, 0 when the text is no JSON or the result would be more than
   `max_size` bytes; `data` is unchanged then. Equal seeds give equal changes. */
size_t tree_mutate(uint8_t *data, size_t size, size_t max_size, unsigned seed, const char *const *words);

#endif
