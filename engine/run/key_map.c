#include "engine/run/key_map.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

enum { FIRST_CAPACITY = 64 };

static struct key_slot *find(const struct key_map *m, const struct digest *key) {
    size_t at;
    memcpy(&at, key->bytes, sizeof at);
    for (at &= m->capacity - 1; m->slots[at].value; at = (at + 1) & (m->capacity - 1))
        if (digest_equal(&m->slots[at].key, key))
            break;
    return &m->slots[at];
}

static void grow(struct key_map *m) {
    struct key_map larger = {.capacity = m->capacity ? m->capacity * 2 : FIRST_CAPACITY};
    larger.slots = mem_array(larger.capacity, sizeof *larger.slots);
    for (size_t i = 0; i < m->capacity; i++)
        if (m->slots[i].value)
            *find(&larger, &m->slots[i].key) = m->slots[i];
    larger.count = m->count;
    free(m->slots);
    *m = larger;
}

void *key_map_get(const struct key_map *m, const struct digest *key) {
    return m->capacity ? find(m, key)->value : NULL;
}

void key_map_add(struct key_map *m, const struct digest *key, void *value) {
    if ((m->count + 1) * 2 > m->capacity)
        grow(m);
    *find(m, key) = (struct key_slot){*key, value};
    m->count++;
}

void key_map_close(struct key_map *m) {
    free(m->slots);
    *m = (struct key_map){0};
}
