/* Memory with one lifetime: many small allocations, freed together. */
#ifndef RETORT_BASE_ARENA_H
#define RETORT_BASE_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_create(void) __attribute__((returns_nonnull));
void arena_free(struct arena *a);

/* Frees all that was allocated; what follows is allocated from the same memory. For work of many small steps. */
void arena_reset(struct arena *a);

/* Zeroed, aligned for any type. Lives until arena_free or arena_reset. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((returns_nonnull));
void *arena_array(struct arena *a, size_t count, size_t size) __attribute__((returns_nonnull));

/* As mem_grow, in an arena: a larger array takes the place of `array`, whose memory stays the arena's. */
void *arena_grow_bytes(struct arena *a, void *array, size_t *capacity, size_t needed, size_t size)
    __attribute__((returns_nonnull));
#define arena_grow(a, array, capacity, needed)                                                                         \
    ((array) = arena_grow_bytes((a), (array), (capacity), (needed), sizeof *(array)))

char *arena_strdup(struct arena *a, const char *text) __attribute__((returns_nonnull));
char *arena_strndup(struct arena *a, const char *text, size_t length) __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3), returns_nonnull));

/* Has `destroy(object)` called by arena_free or arena_reset, last added first: for what an arena owns but did not allocate. */
void arena_own(struct arena *a, void *object, void (*destroy)(void *object));

#endif
