#include "engine/base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/base/memory.h"

/* Under the address sanitizer each allocation is a block of its own size, so that it sees a write beyond the end. */
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { EXACT = 1 };
#else
enum { EXACT = 0 };
#endif

/* Blocks grow fourfold. Large ones use huge pages: one page fault for 2 MiB, not 512. */
enum { ALIGN = _Alignof(void *), FIRST_BLOCK = 32 << 10, HUGE = 2 << 20, LAST_BLOCK = 8 << 20 };

struct block {
    struct block *next;
    size_t used;
    size_t size; /* of `bytes` */
    bool mapped;
    max_align_t bytes[];
};

struct owned {
    struct owned *next;
    void *object;
    void (*destroy)(void *object);
};

struct arena {
    struct block *blocks; /* the first block has the free space */
    size_t next_size;     /* of the next block, with its header */
    struct owned *owned;
};

struct arena *arena_create(void) {
    struct arena *a = mem_alloc(sizeof *a);
    a->next_size = FIRST_BLOCK;
    return a;
}

static void block_free(struct block *b) {
    if (b->mapped)
        munmap(b, sizeof *b + b->size);
    else
        free(b);
}

/* Frees `last` and the blocks after it. */
static void free_blocks(struct block *last) {
    struct block *next;
    for (struct block *b = last; b; b = next) {
        next = b->next;
        block_free(b);
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
    struct block *kept = EXACT ? NULL : a->blocks; /* the largest block of small allocations */
    destroy_owned(a);
    free_blocks(kept ? kept->next : a->blocks);
    a->blocks = kept;
    if (!kept)
        return;
    kept->next = NULL;
    memset(kept->bytes, 0, kept->used);
    kept->used = 0;
}

/* Maps `total` bytes at a multiple of HUGE. */
static struct block *map_block(size_t total) {
    char *wide = mmap(NULL, total + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (wide == MAP_FAILED)
        return mem_checked(NULL);
    size_t before = (HUGE - (uintptr_t)wide % HUGE) % HUGE;
    if (before)
        munmap(wide, before);
    munmap(wide + before + total, HUGE - before);
    madvise(wide + before, total, MADV_HUGEPAGE); /* only a hint: small pages also work */
    struct block *b = (struct block *)(void *)(wide + before);
    b->mapped = true;
    return b;
}

static struct block *block_create(size_t size) {
    size_t total;
    if (__builtin_add_overflow(sizeof(struct block), size, &total))
        total = SIZE_MAX; /* too large for any allocation */
    if (!EXACT && total >= HUGE / 2 && total < SIZE_MAX - HUGE)
        total = (total + HUGE - 1) / HUGE * HUGE;
    struct block *b = total % HUGE ? mem_alloc(total) : map_block(total);
    b->size = total - sizeof *b;
    return b;
}

/* Sizes of blocks are multiples of ALIGN. */
static size_t align(size_t size) {
    return (size + (size == 0) + ALIGN - 1) / ALIGN * ALIGN;
}

/* Makes a block for one allocation, linked after the block with free space. */
static void *alloc_alone(struct arena *a, size_t size) {
    if (!EXACT && size <= PTRDIFF_MAX)
        size = align(size);
    struct block *b = block_create(size);
    b->used = size;
    struct block **link = a->blocks ? &a->blocks->next : &a->blocks;
    b->next = *link;
    *link = b;
    return b->bytes;
}

static void add_block(struct arena *a) {
    struct block *b = block_create(a->next_size - sizeof *b);
    b->next = a->blocks;
    a->blocks = b;
    if (a->next_size < LAST_BLOCK)
        a->next_size *= 4;
}

void *arena_alloc(struct arena *a, size_t size) {
    struct block *b = a->blocks;
    if (EXACT || !b || b->size - b->used < ALIGN || b->size - b->used < size) {
        if (EXACT || size > a->next_size / 4)
            return alloc_alone(a, size);
        add_block(a);
        b = a->blocks;
    }
    size = align(size);
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

void *arena_grow_bytes(struct arena *a, void *array, size_t *capacity, size_t needed, size_t size) {
    if (array && needed <= *capacity)
        return array;
    size_t wanted = *capacity > SIZE_MAX / 2 || *capacity * 2 < needed ? needed : *capacity * 2;
    void *grown = arena_array(a, wanted, size);
    if (array)
        memcpy(grown, array, *capacity * size);
    *capacity = wanted;
    return grown;
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
