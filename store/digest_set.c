#include "store/digest_set.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

enum { FIRST_SIZE = 256 };

/* Digests are hashes already, so any of their bytes serve. */
static size_t find_slot(const struct digest_set *set, const struct digest *d) {
    size_t slot;
    memcpy(&slot, d->bytes, sizeof slot);
    slot &= set->mask;
    while (set->used[slot] && !digest_equal(&set->slots[slot], d))
        slot = (slot + 1) & set->mask;
    return slot;
}

static void grow(struct digest_set *set) {
    struct digest_set old = *set;
    size_t old_size = old.slots ? old.mask + 1 : 0;
    size_t size = old.slots ? 2 * old_size : FIRST_SIZE;
    set->slots = mem_array(size, sizeof *set->slots);
    set->used = mem_array(size, sizeof *set->used);
    set->mask = size - 1;
    for (size_t i = 0; i < old_size; i++) {
        if (!old.used[i])
            continue;
        size_t slot = find_slot(set, &old.slots[i]);
        set->slots[slot] = old.slots[i];
        set->used[slot] = true;
    }
    free(old.slots);
    free(old.used);
}

bool digest_set_has(const struct digest_set *set, const struct digest *d) {
    return set->slots && set->used[find_slot(set, d)];
}

bool digest_set_add(struct digest_set *set, const struct digest *d) {
    if (!set->slots || 2 * (set->count + 1) > set->mask)
        grow(set);
    size_t slot = find_slot(set, d);
    if (set->used[slot])
        return false;
    set->slots[slot] = *d;
    set->used[slot] = true;
    set->count++;
    return true;
}

void digest_set_close(struct digest_set *set) {
    free(set->slots);
    free(set->used);
    *set = (struct digest_set){0};
}
