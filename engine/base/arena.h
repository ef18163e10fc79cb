/* Memory with one lifetime: many small allocations, freed together. */
#ifndef RETORT_BASE_ARENA_H
#define RETORT_BASE_ARENA_H

#include <stddef.h>

struct arena;

/* Never NULL; the caller frees with arena_free. */
struct arena *arena_create(void) __attribute__((returns_nonnull));
void arena_free(struct arena *a);

/* Frees all allocations and keeps the memory for new ones: for work in many small steps. */
void arena_reset(struct arena *a);

/* Allocates zeroed memory, aligned for pointers and numbers of 8 bytes. It lives until arena_free or arena_reset. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((returns_nonnull));
void *arena_array(struct arena *a, size_t count, size_t size) __attribute__((returns_nonnull));

/* Like mem_grow, in an arena: returns a larger array. The old memory stays the arena's. */
void *arena_grow_bytes(struct arena *a, void *array, size_t *capacity, size_t needed, size_t size)
    __attribute__((returns_nonnull));
#define arena_grow(a, array, capacity, needed)                                                                         \
    ((array) = arena_grow_bytes((a), (array), (capacity), (needed), sizeof *(array)))

/* Copies a text, at most `length` bytes of it, or a formatted text into the arena. */
char *arena_strdup(struct arena *a, const char *text) __attribute__((returns_nonnull));
char *arena_strndup(struct arena *a, const char *text, size_t length) __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3), returns_nonnull));

/* Makes arena_free and arena_reset call `destroy(object)`, last added first: for objects that the arena owns but did
   not allocate. */
void arena_own(struct arena *a, void *object, void (*destroy)(void *object));

#endif
