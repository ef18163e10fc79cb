#include "engine/run/heap.h"

#include <stdlib.h>

#include "engine/base/memory.h"

static void put(struct heap *h, size_t slot, void *item) {
    h->items[slot] = item;
    *(size_t *)(void *)((char *)item + h->slot_offset) = slot;
}

static size_t slot_of(const struct heap *h, const void *item) {
    return *(const size_t *)(const void *)((const char *)item + h->slot_offset);
}

static void sift_up(struct heap *h, size_t slot) {
    void *item = h->items[slot];
    while (slot > 0 && h->before(item, h->items[(slot - 1) / 2])) {
        put(h, slot, h->items[(slot - 1) / 2]);
        slot = (slot - 1) / 2;
    }
    put(h, slot, item);
}

static void sift_down(struct heap *h, size_t slot) {
    void *item = h->items[slot];
    for (;;) {
        size_t child = 2 * slot + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && h->before(h->items[child + 1], h->items[child]))
            child++;
        if (!h->before(h->items[child], item))
            break;
        put(h, slot, h->items[child]);
        slot = child;
    }
    put(h, slot, item);
}

void heap_push(struct heap *h, void *item) {
    mem_grow(h->items, &h->capacity, h->count + 1);
    h->items[h->count++] = item;
    sift_up(h, h->count - 1);
}

void *heap_top(const struct heap *h) {
    return h->count ? h->items[0] : NULL;
}

void heap_remove(struct heap *h, void *item) {
    size_t slot = slot_of(h, item);
    if (slot == HEAP_ABSENT)
        return;
    void *last = h->items[--h->count];
    if (last != item) {
        h->items[slot] = last;
        sift_down(h, slot);
        sift_up(h, slot_of(h, last));
    }
    *(size_t *)(void *)((char *)item + h->slot_offset) = HEAP_ABSENT;
}

void heap_close(struct heap *h) {
    free(h->items);
    h->items = NULL;
    h->count = h->capacity = 0;
}
