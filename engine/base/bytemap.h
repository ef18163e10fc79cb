/* A hash table from byte strings to pointers. Keys stay the caller's and outlive the table; there is no
   removal. `{0}` is empty. */
#ifndef RETORT_BASE_BYTEMAP_H
#define RETORT_BASE_BYTEMAP_H

#include <stddef.h>
#include <stdint.h>

struct bytemap_entry {
    const void *key;
    size_t size;
    uint64_t hash;
    void *value; /* NULL: the slot is free */
};

struct bytemap {
    struct bytemap_entry *entries;
    size_t count, capacity;
};

void *bytemap_get(const struct bytemap *m, const void *key, size_t size); /* NULL when absent */

/* `value` is not NULL; the key must be absent. */
void bytemap_put(struct bytemap *m, const void *key, size_t size, void *value);
void bytemap_close(struct bytemap *m);

#endif
