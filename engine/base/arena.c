#include "engine/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

/* Under the address sanitizer each allocation is a block of its own size, so that a write behind its end is seen. */
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { EXACT = 1 };
#else
enum { EXACT = 0 };
#endif

enum { BLOCK_SIZE = 32 * 1024, LARGE = BLOCK_SIZE / 4 };

struct block {
    struct block *next;
    size_t used;
    size_t size;
    max_align_t bytes[];
};

struct owned {
    struct owned *next;
    void *object;
    void (*destroy)(void *object);
};

struct arena {
    struct block *blocks; /* the first one has the free room; large allocations stand behind it */
    struct owned *owned;
};

struct arena *arena_create(void) {
    return mem_alloc(sizeof(struct arena));
}

/* Frees the blocks behind `last`, and `last` itself. */
static void free_blocks(struct block *last) {
    struct block *next;
    for (struct block *b = last; b; b = next) {
        next = b->next;
        free(b);
    }
}

static void destroy_owned(struct arena *a) {
    for (struct owned *o = a->owned; o; o = o->next)
        o->destroy(o->object);
    a->owned = NULL;
}

void arena_free(struct arena *a) {
    if (!a)
        return;
    destroy_owned(a);
    free_blocks(a->blocks);
    free(a);
}

void arena_reset(struct arena *a) {
    struct block *kept = a->blocks;
    destroy_owned(a);
    if (!kept || kept->size != BLOCK_SIZE) {
        free_blocks(kept);
        a->blocks = NULL;
        return;
    }
    free_blocks(kept->next);
    kept->next = NULL;
    memset(kept->bytes, 0, kept->used);
    kept->used = 0;
}

static struct block *block_create(size_t size) {
    size_t total;
    if (__builtin_add_overflow(sizeof(struct block), size, &total))
        total = SIZE_MAX; /* which cannot be had */
    struct block *b = mem_alloc(total);
    b->size = size;
    return b;
}

/* A block of its own, linked behind the one that still has room. */
static void *alloc_large(struct arena *a, size_t size) {
    struct block *b = block_create(size);
    b->used = size;
    struct block **link = a->blocks ? &a->blocks->next : &a->blocks;
    b->next = *link;
    *link = b;
    return b->bytes;
}

void *arena_alloc(struct arena *a, size_t size) {
    if (EXACT || size > LARGE)
        return alloc_large(a, size);
    const size_t align = _Alignof(max_align_t);
    size = (size + (size == 0) + align - 1) / align * align;
    struct block *b = a->blocks;
    if (!b || b->size - b->used < size) {
        b = block_create(BLOCK_SIZE);
        b->next = a->blocks;
        a->blocks = b;
    }
    void *memory = (char *)b->bytes + b->used;
    b->used += size;
    return memory;
}

void *arena_array(struct arena *a, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        bytes = SIZE_MAX;
    return arena_alloc(a, bytes);
}

char *arena_strdup(struct arena *a, const char *text) {
    return arena_strndup(a, text, strlen(text));
}

char *arena_strndup(struct arena *a, const char *text, size_t length) {
    size_t used = strnlen(text, length);
    char *copy = arena_alloc(a, used + 1);
    memcpy(copy, text, used);
    return copy;
}

char *arena_printf(struct arena *a, const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    size_t size = length < 0 ? 1 : (size_t)length + 1;
    char *text = arena_alloc(a, size);
    if (length > 0)
        vsnprintf(text, size, format, again);
    va_end(again);
    va_end(args);
    return text;
}

void arena_own(struct arena *a, void *object, void (*destroy)(void *object)) {
    struct owned *o = arena_alloc(a, sizeof *o);
    *o = (struct owned){a->owned, object, destroy};
    a->owned = o;
}
