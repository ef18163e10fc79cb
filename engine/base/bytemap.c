#include "engine/base/bytemap.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

enum { FIRST_SLOTS = 32 };

/* Hashes eight bytes a step, and mixes at the end. */
static uint32_t hash_bytes(const void *key, size_t size) {
    const unsigned char *bytes = key;
    uint64_t h = size * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t left = size; left > 0;) {
        size_t step = left < sizeof h ? left : sizeof h;
        uint64_t word = 0;
        memcpy(&word, bytes, step);
        h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 32;
        bytes += step;
        left -= step;
    }
    h *= UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(h >> 32);
}

/* The slot of the key, or the free slot for it. */
static struct bytemap_slot *find_slot(const struct bytemap *m, const void *key, size_t size, uint32_t hash) {
    size_t i = hash & (m->slot_count - 1);
    for (; m->slots[i].entry; i = (i + 1) & (m->slot_count - 1)) {
        const struct bytemap_entry *e = &m->entries[m->slots[i].entry - 1];
        if (m->slots[i].hash == hash && e->size == size && memcmp(e->key, key, size) == 0)
            break;
    }
    return &m->slots[i];
}

void *bytemap_get(const struct bytemap *m, const void *key, size_t size) {
    if (m->count == 0)
        return NULL;
    const struct bytemap_slot *slot = find_slot(m, key, size, hash_bytes(key, size));
    return slot->entry ? m->entries[slot->entry - 1].value : NULL;
}

static void add_slots(struct bytemap *m) {
    size_t count = m->slot_count ? 2 * m->slot_count : FIRST_SLOTS;
    struct bytemap_slot *slots = mem_array(count, sizeof *slots);
    for (size_t k = 0; k < m->slot_count; k++) {
        size_t i = m->slots[k].hash & (count - 1);
        while (m->slots[k].entry && slots[i].entry)
            i = (i + 1) & (count - 1);
        if (m->slots[k].entry)
            slots[i] = m->slots[k];
    }
    free(m->slots);
    m->slots = slots;
    m->slot_count = count;
}

void bytemap_put(struct bytemap *m, const void *key, size_t size, void *value) {
    if (2 * (m->count + 1) > m->slot_count)
        add_slots(m);
    uint32_t hash = hash_bytes(key, size);
    mem_grow(m->entries, &m->capacity, m->count + 1);
    m->entries[m->count++] = (struct bytemap_entry){key, size, value};
    *find_slot(m, key, size, hash) = (struct bytemap_slot){hash, (uint32_t)m->count};
}

void bytemap_close(struct bytemap *m) {
    free(m->entries);
    free(m->slots);
    *m = (struct bytemap){0};
}
