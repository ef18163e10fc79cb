#include "engine/bundle/crate_graph.h"

#include <ctype.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"

void crate_graph_open(struct crate_graph *g) {
    static const char *const contexts[] = {"https://w3id.org/ro/crate/1.1/context",
                                           "https://w3id.org/ro/terms/workflow-run/context"};
    *g = (struct crate_graph){.document = cJSON_CreateObject()};
    cJSON_AddItemToObject(g->document, "@context", cJSON_CreateStringArray(contexts, 2));
    g->entities = cJSON_AddArrayToObject(g->document, "@graph");
}

void crate_graph_close(struct crate_graph *g, struct buffer *out) {
    json_pretty(out, g->document);
    buffer_putc(out, '\n');
    bytemap_close(&g->by_id);
    cJSON_Delete(g->document);
}

cJSON *crate_add(struct crate_graph *g, const char *id, const char *type) {
    cJSON *entity = cJSON_CreateObject();
    json_add_text(entity, "@id", id);
    json_add_text(entity, "@type", type);
    cJSON_AddItemToArray(g->entities, entity);
    const char *kept = entity->child->valuestring;
    bytemap_put(&g->by_id, kept, strlen(kept), entity);
    return entity;
}

cJSON *crate_find(const struct crate_graph *g, const char *id) {
    return bytemap_get(&g->by_id, id, strlen(id));
}

void crate_refer(cJSON *entity, const char *property, const char *id) {
    cJSON *present = cJSON_GetObjectItemCaseSensitive(entity, property), *reference = cJSON_CreateObject();
    json_add_text(reference, "@id", id);
    if (!present) {
        cJSON_AddItemToObject(entity, property, reference);
        return;
    }
    if (cJSON_IsObject(present)) {
        cJSON *list = cJSON_CreateArray();
        cJSON_AddItemToArray(list, cJSON_DetachItemViaPointer(entity, present));
        cJSON_AddItemToObject(entity, property, list);
        present = list;
    }
    cJSON_AddItemToArray(present, reference);
}

void crate_refer_once(cJSON *entity, const char *property, const char *id) {
    const cJSON *present = cJSON_GetObjectItemCaseSensitive(entity, property);
    const cJSON *item = cJSON_IsArray(present) ? present->child : present;
    for (; item; item = cJSON_IsArray(present) ? item->next : NULL)
        if (strcmp(json_text(item, "@id", ""), id) == 0)
            return;
    crate_refer(entity, property, id);
}

char *crate_file_id(const char *name) {
    struct buffer out = {0};
    for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
        if (isalnum(*c) || strchr("/-._~", *c))
            buffer_putc(&out, (char)*c);
        else
            buffer_printf(&out, "%%%02X", *c);
    }
    return buffer_detach(&out);
}

char *crate_time(const char *utc) {
    size_t size = strlen(utc);
    return size > 0 && utc[size - 1] == 'Z' ? mem_printf("%.*s+00:00", (int)(size - 1), utc) : mem_strdup(utc);
}
