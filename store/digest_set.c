#include "store/digest_set.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

enum { FIRST_SLOTS = 256 };

/* Digests are hashes already, so any of their bytes serve. */
static uint32_t hash_of(const struct digest *d) {
    uint32_t hash;
    memcpy(&hash, d->bytes, sizeof hash);
    return hash;
}

/* The slot of the digest, or the free slot for it. */
static struct digest_slot *find_slot(const struct digest_set *set, const struct digest *d, uint32_t hash) {
    size_t at = hash & (set->slot_count - 1);
    while (set->slots[at].item &&
           (set->slots[at].hash != hash || !digest_equal(&set->items[set->slots[at].item - 1], d)))
        at = (at + 1) & (set->slot_count - 1);
    return &set->slots[at];
}

static void add_slots(struct digest_set *set) {
    size_t count = set->slot_count ? 2 * set->slot_count : FIRST_SLOTS;
    free(set->slots);
    set->slots = mem_array(count, sizeof *set->slots);
    set->slot_count = count;
    for (size_t i = 0; i < set->count; i++) {
        uint32_t hash = hash_of(&set->items[i]);
        *find_slot(set, &set->items[i], hash) = (struct digest_slot){hash, (uint32_t)i + 1};
    }
}

bool digest_set_has(const struct digest_set *set, const struct digest *d) {
    return set->slots && find_slot(set, d, hash_of(d))->item;
}

bool digest_set_add(struct digest_set *set, const struct digest *d) {
    if (2 * (set->count + 1) > set->slot_count)
        add_slots(set);
    uint32_t hash = hash_of(d);
    struct digest_slot *slot = find_slot(set, d, hash);
    if (slot->item)
        return false;
    mem_grow(set->items, &set->capacity, set->count + 1);
    set->items[set->count++] = *d;
    *slot = (struct digest_slot){hash, (uint32_t)set->count};
    return true;
}

void digest_set_close(struct digest_set *set) {
    free(set->items);
    free(set->slots);
    *set = (struct digest_set){0};
}
