/* A binary heap of pointers. Each item knows its slot, so that it can be taken out or moved from the middle. */
#ifndef RETORT_ENGINE_RUN_HEAP_H
#define RETORT_ENGINE_RUN_HEAP_H

#include <stdbool.h>
#include <stddef.h>

#define HEAP_ABSENT ((size_t)-1)

/* `{.before = ..., .slot_offset = offsetof(struct item, slot)}` is an empty heap; items outside it hold HEAP_ABSENT. */
struct heap {
    void **items;
    size_t count, capacity;
    bool (*before)(const void *a, const void *b); /* a comes out before b */
    size_t slot_offset;                           /* of a size_t in the item */
};

void heap_push(struct heap *h, void *item);   /* the item must be absent, and stays the caller's */
void *heap_top(const struct heap *h);         /* NULL when empty */
void heap_remove(struct heap *h, void *item); /* harmless for an item that is absent */
void heap_close(struct heap *h);              /* frees the heap, not its items */

#endif
