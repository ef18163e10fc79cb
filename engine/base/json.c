#include "engine/base/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/json_scan.h"
#include "engine/base/memory.h"

/* One node of the tree; the nodes stand in the order of the text. */
struct place {
    const cJSON *node;
    size_t parent; /* its place; the root's own for the root */
    size_t index;  /* among its siblings */
    struct json_mark mark;
};

struct json_document {
    cJSON *root;
    struct place *places;
    size_t count;
    size_t *by_node; /* open addressing: place + 1 by hash of the pointer; 0 is free */
    size_t mask;
};

/* cJSON_Add... says by a NULL that memory ran out, and what was to be added is missing from the text without a word: a
   record without an out, a key without a component. Set before main, so that no tree is made without. */
static void *allocate(size_t size) {
    return mem_resize(NULL, size, 1);
}

__attribute__((constructor)) static void check_allocations(void) {
    cJSON_InitHooks(&(cJSON_Hooks){allocate, free});
}

static size_t table_mask(size_t count) {
    size_t size = 16;
    while (size < 2 * count)
        size *= 2;
    return size - 1;
}

static size_t mix(uint64_t value) {
    value *= 0x9E3779B97F4A7C15U; /* Fibonacci hashing: the high bits are the well mixed ones */
    return (size_t)(value ^ (value >> 32));
}

/* Pairs the nodes with the marks: both come in the order of the text. */
static void walk(struct json_document *doc, const cJSON *node, size_t parent, size_t index,
                 const struct json_mark *marks, size_t *next) {
    size_t self = (*next)++;
    doc->places[self] = (struct place){node, parent, index, marks[self]};
    size_t slot = mix((uintptr_t)node) & doc->mask;
    while (doc->by_node[slot])
        slot = (slot + 1) & doc->mask;
    doc->by_node[slot] = self + 1;
    size_t i = 0;
    for (const cJSON *child = node->child; child; child = child->next)
        walk(doc, child, self, i++, marks, next);
}

static const struct place *find_place(const struct json_document *doc, const cJSON *node) {
    for (size_t slot = mix((uintptr_t)node) & doc->mask; doc->by_node[slot]; slot = (slot + 1) & doc->mask) {
        const struct place *place = &doc->places[doc->by_node[slot] - 1];
        if (place->node == node)
            return place;
    }
    return NULL;
}

/* FNV-1a over the parent and the name. */
static size_t hash_member(const struct place *place) {
    uint64_t hash = 0xCBF29CE484222325U ^ place->parent;
    for (const char *c = place->node->string; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001B3U;
    return mix(hash);
}

static int check_duplicates(const struct json_document *doc, struct json_position *at, struct error *err) {
    size_t *seen = mem_array(doc->mask + 1, sizeof *seen);
    int rc = 0;
    for (size_t i = 0; i < doc->count && rc == 0; i++) {
        const struct place *place = &doc->places[i];
        if (place->mark.key.line == 0)
            continue;
        size_t slot = hash_member(place) & doc->mask;
        for (; seen[slot] && rc == 0; slot = (slot + 1) & doc->mask) {
            const struct place *other = &doc->places[seen[slot] - 1];
            if (other->parent != place->parent || strcmp(other->node->string, place->node->string) != 0)
                continue;
            *at = place->mark.key;
            rc = error_set(err, ERR_INVALID, "%zu:%zu: the name \"%s\" is given twice (first at %zu:%zu)", at->line,
                           at->column, place->node->string, other->mark.key.line, other->mark.key.column);
        }
        seen[slot] = i + 1;
    }
    free(seen);
    return rc;
}

int json_parse(struct json_document **out, const char *text, size_t size, struct json_position *at, struct error *err) {
    struct json_position place = {0, 0};
    struct json_document *doc = NULL;
    struct json_mark *marks = NULL;
    size_t count = 0;
    size_t next = 0;
    int rc = json_scan(&marks, &count, text, size, &place, err);
    if (rc < 0)
        goto out;
    doc = mem_alloc(sizeof *doc);
    doc->root = cJSON_ParseWithLength(text, size);
    if (!doc->root) {
        rc = error_set(err, ERR_INVALID, "1:1: the JSON library refuses this text, or memory ran out");
        goto out;
    }
    doc->count = count;
    doc->places = mem_array(count, sizeof *doc->places);
    doc->mask = table_mask(count);
    doc->by_node = mem_array(doc->mask + 1, sizeof *doc->by_node);
    walk(doc, doc->root, 0, 0, marks, &next);
    rc = check_duplicates(doc, &place, err);
out:
    free(marks);
    if (at)
        *at = place;
    if (rc < 0) {
        json_free(doc);
        return rc;
    }
    *out = doc;
    return 0;
}

int json_read(struct json_document **out, const char *path, struct json_position *at, struct error *err) {
    struct json_position place = {0, 0};
    struct error local = {0};
    struct buffer text = {0};
    int rc = file_read(&text, path, JSON_MAX_BYTES, err);
    if (rc == 0) {
        rc = json_parse(out, buffer_text(&text), text.size, &place, &local);
        if (rc < 0)
            error_set(err, rc, "%s:%s", path, local.message);
    }
    buffer_close(&text);
    if (at)
        *at = place;
    return rc;
}

void json_free(struct json_document *doc) {
    if (!doc)
        return;
    cJSON_Delete(doc->root);
    free(doc->places);
    free(doc->by_node);
    free(doc);
}

cJSON *json_root(const struct json_document *doc) {
    return doc->root;
}

cJSON *json_detach(struct json_document *doc) {
    cJSON *root = doc->root;
    doc->root = NULL;
    json_free(doc);
    return root;
}

struct json_position json_value_position(const struct json_document *doc, const cJSON *node) {
    const struct place *place = find_place(doc, node);
    return place ? place->mark.value : (struct json_position){0, 0};
}

struct json_position json_key_position(const struct json_document *doc, const cJSON *node) {
    const struct place *place = find_place(doc, node);
    if (!place)
        return (struct json_position){0, 0};
    return place->mark.key.line ? place->mark.key : place->mark.value;
}

static void append_pointer(struct buffer *out, const struct json_document *doc, const struct place *place) {
    if (place == doc->places)
        return;
    append_pointer(out, doc, &doc->places[place->parent]);
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

void json_pointer(struct buffer *out, const struct json_document *doc, const cJSON *node) {
    const struct place *place = find_place(doc, node);
    if (place)
        append_pointer(out, doc, place);
}

const char *json_text(const cJSON *object, const char *name, const char *fallback) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) ? item->valuestring : fallback;
}

double json_double(const cJSON *object, const char *name, double fallback) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : fallback;
}

bool json_bool(const cJSON *object, const char *name, bool fallback) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsBool(item) ? cJSON_IsTrue(item) : fallback;
}
