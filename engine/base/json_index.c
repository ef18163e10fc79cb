#include <string.h>

#include "engine/base/json.h"

enum { FEW = 8 }; /* an object with at most so many members gets no index */

void json_index_open(struct json_index *x, const cJSON *object) {
    size_t count = 0;
    *x = (struct json_index){.object = object};
    if (!cJSON_IsObject(object))
        return;
    for (const cJSON *m = object->child; m && count <= FEW; m = m->next)
        count++;
    for (cJSON *m = count > FEW ? object->child : NULL; m; m = m->next)
        bytemap_put(&x->names, m->string, strlen(m->string), m);
}

cJSON *json_index_get(const struct json_index *x, const char *name) {
    if (x->names.count)
        return bytemap_get(&x->names, name, strlen(name));
    return cJSON_GetObjectItemCaseSensitive(x->object, name);
}

void json_index_close(struct json_index *x) {
    bytemap_close(&x->names);
}
