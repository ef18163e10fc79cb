/*
 * A hash table from byte strings to pointers. Keys stay the caller's and must outlive the table. There is no removal.
 * `{0}` is empty.
 *
 *   slots    hash, number of the entry     open addressing, at most half full
 *   entries  key, size, value              in the order in which they were added
 */
#ifndef RETORT_BASE_BYTEMAP_H
#define RETORT_BASE_BYTEMAP_H

#include <stddef.h>
#include <stdint.h>

struct bytemap_entry {
    const void *key;
    size_t size;
    void *value;
};

struct bytemap_slot {
    uint32_t hash;
    uint32_t entry; /* index of the entry + 1; 0: the slot is free */
};

struct bytemap {
    struct bytemap_entry *entries;
    size_t count, capacity;
    struct bytemap_slot *slots;
    size_t slot_count;
};

void *bytemap_get(const struct bytemap *m, const void *key, size_t size); /* NULL when absent */

/* Adds an absent key. `value` is not NULL. */
void bytemap_put(struct bytemap *m, const void *key, size_t size, void *value);
void bytemap_close(struct bytemap *m);

#endif
