/* The entries of a listing in memory. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "store/listing.h"

struct listing_entry *listing_add(struct listing *l) {
    mem_grow(l->entries, &l->capacity, l->count + 1);
    l->entries[l->count] = (struct listing_entry){0};
    return &l->entries[l->count++];
}

static int compare_entries(const void *a, const void *b) {
    const struct listing_entry *left = a;
    const struct listing_entry *right = b;
    return strcmp(left->path, right->path);
}

void listing_sort(struct listing *l) {
    if (l->count > 0)
        qsort(l->entries, l->count, sizeof *l->entries, compare_entries);
}

bool listing_has_links(const struct listing *l) {
    for (size_t i = 0; i < l->count; i++)
        if (l->entries[i].link)
            return true;
    return false;
}
