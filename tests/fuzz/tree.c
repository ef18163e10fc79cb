#include "tests/fuzz/tree.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"

enum { MOST_CHANGES = 4, MOST_TRIES = 64 };

/* The nodes of a tree in the order of the text, root first. */
struct tree {
    cJSON *root;
    cJSON **nodes;
    cJSON **parents;
    size_t count, node_capacity, parent_capacity;
    unsigned seed;
    const char *const *words;
};

/* xorshift: libFuzzer replays a change from its seed. */
static size_t draw(struct tree *t, size_t limit) {
    t->seed ^= t->seed << 13;
    t->seed ^= t->seed >> 17;
    t->seed ^= t->seed << 5;
    return t->seed % limit;
}

static void list_nodes(struct tree *t, cJSON *node, cJSON *parent) {
    mem_grow(t->nodes, &t->node_capacity, t->count + 1);
    mem_grow(t->parents, &t->parent_capacity, t->count + 1);
    t->nodes[t->count] = node;
    t->parents[t->count++] = parent;
    cJSON *child;
    cJSON_ArrayForEach(child, node) {
        list_nodes(t, child, node);
    }
}

static cJSON *copy_of(const cJSON *node) {
    return mem_checked(cJSON_Duplicate(node, true));
}

/* Any node but the root. */
static size_t draw_node(struct tree *t) {
    return 1 + draw(t, t->count - 1);
}

/* A list or an object; the root when the draws meet none. */
static size_t draw_container(struct tree *t) {
    for (int tries = 0; tries < MOST_TRIES; tries++) {
        size_t i = draw(t, t->count);
        if (cJSON_IsObject(t->nodes[i]) || cJSON_IsArray(t->nodes[i]))
            return i;
    }
    return 0;
}

static bool holds(const cJSON *node, const cJSON *sought) {
    if (node == sought)
        return true;
    for (const cJSON *child = node->child; child; child = child->next)
        if (holds(child, sought))
            return true;
    return false;
}

static void rename_node(cJSON *node, const char *name) {
    char *copy = mem_strdup(name);
    cJSON_free(node->string);
    node->string = copy;
}

/* Puts `node` where the i-th node stands, under its name. */
static void replace(struct tree *t, size_t i, cJSON *node) {
    if (t->nodes[i]->string)
        rename_node(node, t->nodes[i]->string);
    cJSON_ReplaceItemViaPointer(t->parents[i], t->nodes[i], node);
}

/* Adds `node` to a container; a member of its name goes. */
static void add(cJSON *container, cJSON *node, const char *name) {
    if (cJSON_IsArray(container)) {
        cJSON_AddItemToArray(container, node);
        return;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(container, name);
    cJSON_AddItemToObject(container, name, node);
}

/* The name of some member, or one of the words. */
static const char *draw_name(struct tree *t) {
    size_t count = 0;
    while (t->words[count])
        count++;
    if (draw(t, 2)) {
        for (int tries = 0; tries < 8; tries++) {
            const cJSON *node = t->nodes[draw(t, t->count)];
            if (node->string)
                return node->string;
        }
    }
    return t->words[draw(t, count)];
}

/* ---- changes, each to one or two nodes ---- */

static void drop_node(struct tree *t) {
    size_t i = draw_node(t);
    cJSON_Delete(cJSON_DetachItemViaPointer(t->parents[i], t->nodes[i]));
}

static void copy_over(struct tree *t) {
    size_t to = draw_node(t);
    replace(t, to, copy_of(t->nodes[draw_node(t)]));
}

static void copy_into(struct tree *t) {
    const cJSON *node = t->nodes[draw_node(t)];
    const char *name = node->string ? node->string : draw_name(t);
    cJSON *copy = copy_of(node);
    char *kept = mem_strdup(name); /* the member that goes may hold it */
    add(t->nodes[draw_container(t)], copy, kept);
    free(kept);
}

static void move_into(struct tree *t) {
    size_t i = draw_node(t);
    cJSON *target = t->nodes[draw_container(t)];
    if (holds(t->nodes[i], target))
        return;
    char *name = mem_strdup(t->nodes[i]->string ? t->nodes[i]->string : draw_name(t));
    cJSON *copy = copy_of(t->nodes[i]);
    cJSON_Delete(cJSON_DetachItemViaPointer(t->parents[i], t->nodes[i]));
    add(target, copy, name);
    free(name);
}

static void swap(struct tree *t) {
    size_t a = draw_node(t), b = draw_node(t);
    if (holds(t->nodes[a], t->nodes[b]) || holds(t->nodes[b], t->nodes[a]))
        return;
    cJSON *of_a = copy_of(t->nodes[a]), *of_b = copy_of(t->nodes[b]);
    replace(t, a, of_b);
    replace(t, b, of_a);
}

static void rename_member(struct tree *t) {
    size_t i = draw_node(t);
    if (!t->nodes[i]->string)
        return;
    char *name = mem_strdup(draw_name(t));
    if (!cJSON_GetObjectItemCaseSensitive(t->parents[i], name))
        rename_node(t->nodes[i], name);
    free(name);
}

static cJSON *other_type(struct tree *t, const cJSON *node) {
    static const double numbers[] = {0, 1, -1, 0.5, 1e300, 9007199254740992.0};
    cJSON *out;
    switch (draw(t, 8)) {
    case 0:
        out = mem_checked(cJSON_CreateArray());
        cJSON_AddItemToArray(out, copy_of(node));
        return out;
    case 1:
        out = mem_checked(cJSON_CreateObject());
        cJSON_AddItemToObject(out, draw_name(t), copy_of(node));
        return out;
    case 2:
        return copy_of(node->child ? node->child : node);
    case 3:
        return mem_checked(cJSON_CreateNull());
    case 4:
        return mem_checked(cJSON_CreateBool(draw(t, 2) != 0));
    case 5:
        return mem_checked(cJSON_CreateNumber(numbers[draw(t, sizeof numbers / sizeof *numbers)]));
    case 6:
        return mem_checked(cJSON_CreateString(draw_name(t)));
    default:
        return mem_checked(draw(t, 2) ? cJSON_CreateArray() : cJSON_CreateObject());
    }
}

static void change_type(struct tree *t) {
    size_t i = draw_node(t);
    replace(t, i, other_type(t, t->nodes[i]));
}

/* Behind the text or in its place: a reference made of the names of the tree. */
static void put_reference(struct tree *t) {
    static const char *const forms[] = {"${params.%s}",
                                        "${matrix.%s}",
                                        "${in.%s}",
                                        "${outs.%s}",
                                        "${checkpoint}",
                                        "${stages.%s}",
                                        "${stages.%s.outs.%s}",
                                        "${stages.%s.matrix.%s}",
                                        "${stages.%s.metrics.%s}",
                                        "${stages.%s[*].outs.%s}",
                                        "${stages.%s[%s=1].outs.%s}",
                                        "${%s.stages.%s}"};
    size_t i = draw_node(t);
    const char *form = forms[draw(t, sizeof forms / sizeof *forms)];
    struct buffer text = {0};
    if (cJSON_IsString(t->nodes[i]) && draw(t, 2))
        buffer_puts(&text, t->nodes[i]->valuestring);
    for (; *form; form++) {
        if (form[0] != '%' || form[1] != 's') {
            buffer_putc(&text, *form);
            continue;
        }
        buffer_puts(&text, draw_name(t));
        form++;
    }
    replace(t, i, mem_checked(cJSON_CreateString(buffer_text(&text))));
    buffer_close(&text);
}

static void copy_string(struct tree *t) {
    for (int tries = 0; tries < MOST_TRIES; tries++) {
        const cJSON *from = t->nodes[draw_node(t)];
        size_t to = draw_node(t);
        if (!cJSON_IsString(from) || !cJSON_IsString(t->nodes[to]) || from == t->nodes[to])
            continue;
        replace(t, to, copy_of(from));
        return;
    }
}

static void change(struct tree *t) {
    static void (*const changes[])(struct tree *) = {
        drop_node,     copy_over,   copy_into,   copy_into,     move_into,   move_into,  swap,
        rename_member, change_type, change_type, put_reference, copy_string, copy_string};
    t->count = 0;
    list_nodes(t, t->root, NULL);
    if (t->count > 1)
        changes[draw(t, sizeof changes / sizeof *changes)](t);
    else
        add(t->root, mem_checked(cJSON_CreateObject()), t->words[0]);
}

/* ---- texts ---- */

/* The text at `index` with some changes; empty when it is no list or object. */
static struct buffer mutate_text(const char *text, size_t size, unsigned seed, const char *const *words) {
    struct json_document *doc = NULL;
    struct buffer out = {0};
    if (json_parse(&doc, text, size, NULL, NULL) < 0)
        return out;
    struct tree t = {.root = json_detach(doc), .seed = seed | 1, .words = words};
    if (cJSON_IsObject(t.root) || cJSON_IsArray(t.root)) {
        for (size_t i = 1 + draw(&t, MOST_CHANGES); i > 0; i--)
            change(&t);
        json_pretty(&out, t.root);
    }
    cJSON_Delete(t.root);
    free(t.nodes);
    free(t.parents);
    return out;
}

static size_t count_texts(const uint8_t *data, size_t size) {
    size_t count = 1;
    for (size_t i = 0; i < size; i++)
        count += data[i] == 0;
    return count;
}

size_t tree_mutate(uint8_t *data, size_t size, size_t max_size, unsigned seed, const char *const *words) {
    size_t chosen = seed % 4 ? 0 : seed / 4 % count_texts(data, size); /* mostly the first, which holds the others */
    const uint8_t *begin = data;
    for (; chosen; chosen--)
        begin = (const uint8_t *)memchr(begin, 0, size - (size_t)(begin - data)) + 1;
    size_t left = size - (size_t)(begin - data);
    const uint8_t *end = left ? memchr(begin, 0, left) : NULL;
    size_t length = end ? (size_t)(end - begin) : left;
    struct buffer text = mutate_text((const char *)begin, length, seed, words);
    size_t changed = text.size ? size - length + text.size : 0;
    if (changed && changed <= max_size) {
        size_t at = (size_t)(begin - data);
        memmove(data + at + text.size, data + at + length, left - length);
        memcpy(data + at, text.data, text.size);
    }
    buffer_close(&text);
    return changed <= max_size ? changed : 0;
}
