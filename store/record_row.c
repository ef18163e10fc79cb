/* From a record's tree: its outs, and what the index holds of it. */
#include <math.h>
#include <string.h>

#include "engine/base/json.h"
#include "store/internal.h"

#define LARGEST_SIZE 9007199254740992.0 /* 2^53: sizes are JSON numbers */

static int read_out(const cJSON *item, struct object *o, struct error *err) {
    double size = json_double(item, "size", -1);
    *o = (struct object){.directory = strcmp(json_text(item, "type", ""), "directory") == 0};
    if (!digest_parse(&o->digest, json_text(item, "sha256", "")))
        return error_set(err, ERR_INVALID, "record: outs/%s: \"sha256\" must be 64 lower-case hex digits",
                         item->string);
    if (!(size >= 0 && size <= LARGEST_SIZE && size == floor(size)))
        return error_set(err, ERR_INVALID, "record: outs/%s: \"size\" must be a number of bytes", item->string);
    o->size = (uint64_t)size;
    return 0;
}

int record_outs(const cJSON *record, record_visit *visit, void *context, struct error *err) {
    const cJSON *outs = cJSON_GetObjectItemCaseSensitive(record, "outs");
    if (!cJSON_IsObject(outs))
        return error_set(err, ERR_INVALID, "record: \"outs\" must be an object");
    for (const cJSON *item = outs->child; item; item = item->next) {
        struct object o;
        int rc = read_out(item, &o, err);
        if (rc == 0 && visit)
            rc = visit(context, item->string, &o, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int record_row_read(struct record_row *row, const cJSON *tree, struct error *err) {
    const char *key = json_text(tree, "key", "");
    *row = (struct record_row){
        .stage = json_text(tree, "stage", NULL),
        .kind = json_text(tree, "kind", NULL),
        .platform = json_text(tree, "platform", NULL),
        .wall_s = json_double(tree, "wall_s", NAN),
    };
    if (!digest_parse(&row->key, key))
        return error_set(err, ERR_INVALID, "record: \"key\" must be 64 lower-case hex digits");
    if (!row->stage || !row->platform)
        return error_set(err, ERR_INVALID, "record: \"%s\" must be a text", row->stage ? "platform" : "stage");
    return record_outs(tree, NULL, NULL, err);
}

int record_row_parse(struct record_row *row, cJSON **tree, const char *json, size_t length, struct error *err) {
    struct json_document *doc = NULL;
    int rc = json_parse(&doc, json, length, NULL, err);
    if (rc < 0)
        return rc;
    *tree = json_detach(doc);
    rc = record_row_read(row, *tree, err);
    if (rc < 0) {
        cJSON_Delete(*tree);
        *tree = NULL;
    }
    return rc;
}
