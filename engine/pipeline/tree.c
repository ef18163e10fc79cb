/* Keeps the JSON trees that folding makes, and counts them against the limits. */
#include <string.h>

#include "engine/base/memory.h"
#include "engine/pipeline/reader.h"

static void delete_json(void *json) {
    cJSON_Delete(json);
}

const cJSON *keep_json(struct reader *r, cJSON *json) {
    mem_checked(json);
    arena_own(r->arena, json, delete_json);
    return json;
}

static size_t count_tree(const cJSON *node, size_t *bytes, size_t depth, size_t *deepest) {
    size_t nodes = 1;
    if (depth > *deepest)
        *deepest = depth;
    if (cJSON_IsString(node))
        *bytes += strlen(node->valuestring);
    const cJSON *child;
    cJSON_ArrayForEach(child, node) {
        nodes += count_tree(child, bytes, depth + 1, deepest);
    }
    return nodes;
}

bool count_folded(struct reader *r, const struct location *at, const cJSON *json) {
    if (r->too_large)
        return false;
    size_t deepest = 0;
    r->folded_nodes += count_tree(json, &r->folded_bytes, 1, &deepest);
    if (deepest > JSON_MAX_DEPTH) {
        report(r, at, "the value becomes nested deeper than %d", JSON_MAX_DEPTH);
        return false;
    }
    r->too_large = r->folded_nodes > MAX_FOLDED_NODES || r->folded_bytes > MAX_FOLDED_BYTES;
    if (r->too_large)
        report(r, at, "params, once put into each other, come to more than %d values or %d MiB of text",
               MAX_FOLDED_NODES, MAX_FOLDED_BYTES >> 20);
    return !r->too_large;
}
