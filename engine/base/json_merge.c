/* Merge patch. Source: RFC 7396, section 2. */
#include "engine/base/json.h"
#include "engine/base/memory.h"

/* `target` is ours to change. */
static void merge_into(cJSON *target, const cJSON *patch) {
    for (const cJSON *member = patch->child; member; member = member->next) {
        cJSON *old = cJSON_GetObjectItemCaseSensitive(target, member->string);
        if (cJSON_IsNull(member)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(target, old));
            continue;
        }
        if (cJSON_IsObject(member) && cJSON_IsObject(old)) {
            merge_into(old, member);
            continue;
        }
        cJSON *merged = json_merge(NULL, member);
        bool done = old ? cJSON_ReplaceItemInObjectCaseSensitive(target, member->string, merged)
                        : cJSON_AddItemToObject(target, member->string, merged);
        mem_checked(done ? merged : NULL); /* the copy of the name is all that can fail */
    }
}

cJSON *json_merge(const cJSON *base, const cJSON *patch) {
    if (!cJSON_IsObject(patch))
        return mem_checked(cJSON_Duplicate(patch, true));
    cJSON *result = mem_checked(cJSON_IsObject(base) ? cJSON_Duplicate(base, true) : cJSON_CreateObject());
    merge_into(result, patch);
    return result;
}
