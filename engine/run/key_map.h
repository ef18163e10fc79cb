/* Keys to pointers, for tasks of one run: open addressing on digests, which are uniform already. `{0}` is empty. */
#ifndef RETORT_ENGINE_RUN_KEY_MAP_H
#define RETORT_ENGINE_RUN_KEY_MAP_H

#include <stddef.h>

#include "engine/base/sha256.h"

struct key_map {
    struct key_slot {
        struct digest key;
        void *value; /* NULL: free */
    } * slots;
    size_t count, capacity; /* capacity: a power of two */
};

/* NULL: there is none. */
void *key_map_get(const struct key_map *m, const struct digest *key);

/* Sets the value (not NULL) of a key that is new. */
void key_map_add(struct key_map *m, const struct digest *key, void *value);
void key_map_close(struct key_map *m);

#endif
