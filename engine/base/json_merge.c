/* Merge patch. Source: RFC 7396, section 2. */
#include <stdlib.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"

void json_replace(cJSON *object, cJSON *old, cJSON *node) {
    free(node->string);
    node->string = mem_strdup(old->string);
    cJSON_ReplaceItemViaPointer(object, old, node);
}

/* Changes `target`. A patch has each name once, so a replaced member is never looked up again. */
static void merge_into(cJSON *target, const cJSON *patch) {
    struct json_index members;
    json_index_open(&members, target);
    for (const cJSON *member = patch->child; member; member = member->next) {
        cJSON *old = json_index_get(&members, member->string);
        if (cJSON_IsNull(member)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(target, old));
            continue;
        }
        if (cJSON_IsObject(member) && cJSON_IsObject(old)) {
            merge_into(old, member);
            continue;
        }
        cJSON *merged = json_merge(NULL, member);
        if (old)
            json_replace(target, old, merged);
        else /* only copying the name can fail */
            cJSON_AddItemToObject(target, member->string, merged);
    }
    json_index_close(&members);
}

cJSON *json_merge(const cJSON *base, const cJSON *patch) {
    if (!cJSON_IsObject(patch))
        return cJSON_Duplicate(patch, true);
    cJSON *result = cJSON_IsObject(base) ? cJSON_Duplicate(base, true) : cJSON_CreateObject();
    merge_into(result, patch);
    return result;
}
