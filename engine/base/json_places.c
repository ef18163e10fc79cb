/* The places of a tree's nodes in its text. They are computed only when a fault is reported, so a sound file costs
   nothing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/json_scan.h"
#include "engine/base/memory.h"

/* One node of the tree; nodes are in text order. */
struct place {
    const cJSON *node;
    size_t parent; /* index of its place; for the root its own */
    size_t index;  /* among its siblings */
    struct json_mark mark;
};

struct json_places {
    struct place *places;
    size_t *by_node; /* open addressing: place + 1 by hash of the pointer; 0 is free */
    size_t mask;
};

static size_t table_mask(size_t count) {
    size_t size = 16;
    while (size < 2 * count)
        size *= 2;
    return size - 1;
}

/* Fibonacci hashing: the high bits are well mixed. */
static size_t hash_node(const cJSON *node) {
    uint64_t value = (uintptr_t)node * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(value ^ (value >> 32));
}

/* Pairs the nodes with the marks: both come in the order of the text. */
static void walk(struct json_places *p, const cJSON *node, size_t parent, size_t index, const struct json_mark *marks,
                 size_t *next) {
    size_t self = (*next)++;
    p->places[self] = (struct place){node, parent, index, marks[self]};
    size_t slot = hash_node(node) & p->mask;
    while (p->by_node[slot])
        slot = (slot + 1) & p->mask;
    p->by_node[slot] = self + 1;
    size_t i = 0;
    for (const cJSON *child = node->child; child; child = child->next)
        walk(p, child, self, i++, marks, next);
}

struct json_places *json_places_create(const cJSON *root, const char *text, size_t size) {
    size_t count;
    size_t next = 0;
    struct json_mark *marks = json_marks(text, size, &count);
    struct json_places *p = mem_alloc(sizeof *p);
    p->places = mem_array(count, sizeof *p->places);
    p->mask = table_mask(count);
    p->by_node = mem_array(p->mask + 1, sizeof *p->by_node);
    walk(p, root, 0, 0, marks, &next);
    free(marks);
    return p;
}

void json_places_free(struct json_places *p) {
    if (!p)
        return;
    free(p->places);
    free(p->by_node);
    free(p);
}

static const struct place *find_place(const struct json_places *p, const cJSON *node) {
    for (size_t slot = hash_node(node) & p->mask; p->by_node[slot]; slot = (slot + 1) & p->mask) {
        const struct place *place = &p->places[p->by_node[slot] - 1];
        if (place->node == node)
            return place;
    }
    return NULL;
}

struct json_position json_value_position(const struct json_places *p, const cJSON *node) {
    const struct place *place = find_place(p, node);
    return place ? place->mark.value : (struct json_position){0, 0};
}

struct json_position json_key_position(const struct json_places *p, const cJSON *node) {
    const struct place *place = find_place(p, node);
    if (!place)
        return (struct json_position){0, 0};
    return place->mark.key.line ? place->mark.key : place->mark.value;
}

size_t json_value_offset(const struct json_places *p, const cJSON *node) {
    const struct place *place = find_place(p, node);
    return place ? place->mark.offset : 0;
}

static void append_pointer(struct buffer *out, const struct json_places *p, const struct place *place) {
    if (place == p->places)
        return;
    append_pointer(out, p, &p->places[place->parent]);
    buffer_putc(out, '/');
    if (place->mark.key.line == 0) {
        buffer_printf(out, "%zu", place->index);
        return;
    }
    for (const char *c = place->node->string; *c; c++) {
        if (*c == '~')
            buffer_puts(out, "~0");
        else if (*c == '/')
            buffer_puts(out, "~1");
        else
            buffer_putc(out, *c);
    }
}

void json_pointer(struct buffer *out, const struct json_places *p, const cJSON *node) {
    const struct place *place = find_place(p, node);
    if (place)
        append_pointer(out, p, place);
}
