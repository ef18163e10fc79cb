#include "engine/base/bytemap.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

static uint64_t bytemap_hash(const void *key, size_t size) { /* FNV-1a with a final mix */
    const unsigned char *bytes = key;
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++)
        h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);
    h ^= h >> 32;
    return h * UINT64_C(0x9e3779b97f4a7c15) ^ (h >> 29);
}

static struct bytemap_entry *slot(const struct bytemap *m, const void *key, size_t size, uint64_t hash) {
    size_t i = hash & (m->capacity - 1);
    while (m->entries[i].value) {
        const struct bytemap_entry *e = &m->entries[i];
        if (e->hash == hash && e->size == size && memcmp(e->key, key, size) == 0)
            break;
        i = (i + 1) & (m->capacity - 1);
    }
    return &m->entries[i];
}

void *bytemap_get(const struct bytemap *m, const void *key, size_t size) {
    return m->capacity ? slot(m, key, size, bytemap_hash(key, size))->value : NULL;
}

static void grow(struct bytemap *m) {
    struct bytemap old = *m;
    m->capacity = old.capacity ? 2 * old.capacity : 64;
    m->entries = mem_array(m->capacity, sizeof *m->entries);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.entries[i].value)
            *slot(m, old.entries[i].key, old.entries[i].size, old.entries[i].hash) = old.entries[i];
    free(old.entries);
}

void bytemap_put(struct bytemap *m, const void *key, size_t size, void *value) {
    if (2 * (m->count + 1) > m->capacity)
        grow(m);
    uint64_t hash = bytemap_hash(key, size);
    *slot(m, key, size, hash) = (struct bytemap_entry){key, size, hash, value};
    m->count++;
}

void bytemap_close(struct bytemap *m) {
    free(m->entries);
    *m = (struct bytemap){0};
}
