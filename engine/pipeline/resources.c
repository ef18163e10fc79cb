/* Reads "resources": cpus, memory, gpus and custom tokens. */
#include <math.h>
#include <string.h>

#include "engine/pipeline/reader.h"

static void read_custom(struct part *part, const cJSON *node, struct resources *out) {
    if (!need_object(part, node, "\"custom\""))
        return;
    size_t capacity = out->custom_count + (size_t)cJSON_GetArraySize(node);
    struct token_need *tokens = arena_array(part->reader->arena, capacity, sizeof *tokens);
    size_t count = 0;
    struct json_index own;
    json_index_open(&own, node);
    for (size_t i = 0; i < out->custom_count; i++)
        if (!json_index_get(&own, out->custom[i].name))
            tokens[count++] = out->custom[i];
    json_index_close(&own);
    const cJSON *member;
    cJSON_ArrayForEach(member, node) {
        struct token_need need = {member->string, 0};
        if (need_name(part, member, "a resource") && read_number(part, member, 0, INFINITY, &need.amount))
            tokens[count++] = need;
    }
    out->custom = tokens;
    out->custom_count = count;
}

void read_resources(struct part *part, const cJSON *node, struct resources *out) {
    static const char *const keys[] = {"cpus", "memory", "gpus", "custom"};
    if (!need_object(part, node, "\"resources\""))
        return;
    CHECK_KEYS(part, node, keys);
    const cJSON *cpus = cJSON_GetObjectItemCaseSensitive(node, "cpus");
    const cJSON *memory = cJSON_GetObjectItemCaseSensitive(node, "memory");
    const cJSON *gpus = cJSON_GetObjectItemCaseSensitive(node, "gpus");
    const cJSON *custom = cJSON_GetObjectItemCaseSensitive(node, "custom");
    int whole = 0;
    if (cpus && read_integer(part, cpus, 1, 65536, &whole))
        out->cpus = whole;
    if (memory)
        read_bytes(part, memory, &out->memory_bytes);
    if (gpus && read_integer(part, gpus, 0, 65536, &whole))
        out->gpus = whole;
    if (custom)
        read_custom(part, custom, out);
}
