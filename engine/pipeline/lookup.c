/* Looks up members and items of params. Large ones are indexed, since thousands of references may use them. */
#include <string.h>

#include "engine/pipeline/reader.h"

enum { FEW = 16 }; /* children that are searched one by one */

struct node_index {
    const cJSON *node;
    struct json_index members; /* of an object */
    const cJSON **items;       /* of a list */
    size_t count;
};

static bool is_small(const cJSON *node) {
    size_t count = 0;
    for (const cJSON *child = node ? node->child : NULL; child && count <= FEW; child = child->next)
        count++;
    return count <= FEW;
}

static struct node_index *index_of(struct reader *r, const cJSON *node) {
    struct node_index *x = bytemap_get(&r->indexes, &node, sizeof(const cJSON *));
    if (x)
        return x;
    x = arena_alloc(r->arena, sizeof *x);
    x->node = node;
    json_index_open(&x->members, node);
    if (cJSON_IsArray(node)) {
        x->items = arena_array(r->arena, (size_t)cJSON_GetArraySize(node), sizeof *x->items);
        for (const cJSON *child = node->child; child; child = child->next)
            x->items[x->count++] = child;
    }
    bytemap_put(&r->indexes, &x->node, sizeof x->node, x);
    return x;
}

const cJSON *find_member(struct reader *r, const cJSON *object, const char *name) {
    if (is_small(object))
        return cJSON_GetObjectItemCaseSensitive(object, name);
    return json_index_get(&index_of(r, object)->members, name);
}

const cJSON *find_item(struct reader *r, const cJSON *list, size_t index) {
    if (is_small(list))
        return cJSON_GetArrayItem(list, (int)index);
    const struct node_index *x = index_of(r, list);
    return index < x->count ? x->items[index] : NULL;
}

void put_index(struct reader *r, struct bytemap *table, const char *name, size_t index) {
    size_t *kept = arena_alloc(r->arena, sizeof *kept);
    *kept = index;
    bytemap_put(table, name, strlen(name), kept);
}

void lookup_close(struct reader *r) {
    for (size_t i = 0; i < r->indexes.count; i++) {
        struct node_index *x = r->indexes.entries[i].value;
        json_index_close(&x->members);
    }
    bytemap_close(&r->indexes);
}

struct param_slot *find_param(const struct part *part, const char *name) {
    return bytemap_get(&part->params_by_name, name, strlen(name));
}
