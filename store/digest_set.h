/* A set of digests. `{0}` is empty. */
#ifndef RETORT_STORE_DIGEST_SET_H
#define RETORT_STORE_DIGEST_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/sha256.h"

struct digest_set {
    struct digest *slots; /* open addressing */
    bool *used;
    size_t count;
    size_t mask;
};

/* Whether the set holds the digest. */
bool digest_set_has(const struct digest_set *set, const struct digest *d);
bool digest_set_add(struct digest_set *set, const struct digest *d); /* false: it was in the set */
/* Frees the slots; the set is empty again. */
void digest_set_close(struct digest_set *set);

#endif
