/* A set of digests. `{0}` is empty. */
#ifndef RETORT_STORE_DIGEST_SET_H
#define RETORT_STORE_DIGEST_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/sha256.h"

struct digest_set {
    struct digest *items; /* in the order of adding */
    size_t count, capacity;
    struct digest_slot {
        uint32_t hash;
        uint32_t item; /* index + 1; 0: free */
    } * slots;         /* open addressing */
    size_t slot_count;
};

/* Whether the set holds the digest. */
bool digest_set_has(const struct digest_set *set, const struct digest *d);
bool digest_set_add(struct digest_set *set, const struct digest *d); /* false: it was in the set */
/* Frees the memory; the set is empty again. */
void digest_set_close(struct digest_set *set);

#endif
