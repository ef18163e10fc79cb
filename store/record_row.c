/* Reads a record's tree: its outs, and its columns in the index. */
#include <string.h>

#include "engine/base/json.h"
#include "store/internal.h"
#include "store/record_format.h"

int record_outs(const cJSON *record, record_visit *visit, void *context, struct error *err) {
    const cJSON *outs = record_read(record).outs;
    if (!cJSON_IsObject(outs))
        return error_set(err, ERR_INVALID, "record: \"outs\" must be an object");
    for (const cJSON *item = outs->child; item; item = item->next) {
        struct object o;
        int rc = record_out_read(&o, item, err);
        if (rc == 0 && visit)
            rc = visit(context, item->string, &o, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* The kind of built-in stages; NULL for commands, which have nothing in common. */
static const char *record_kind(const char *kind) {
    return kind && *kind && strcmp(kind, "cmd") != 0 ? kind : NULL;
}

int record_row_read(struct record_row *row, const cJSON *tree, struct error *err) {
    struct record_view r = record_read(tree);
    *row = (struct record_row){
        .record = tree, .stage = r.stage, .kind = record_kind(r.kind), .platform = r.platform, .wall_s = r.wall_s};
    if (!digest_parse(&row->key, r.key))
        return error_set(err, ERR_INVALID, "record: \"key\" must be 64 lower-case hex digits");
    if (!*row->stage || !*row->platform)
        return error_set(err, ERR_INVALID, "record: \"%s\" must be a text", *row->stage ? "platform" : "stage");
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

static int require_out(void *context, const char *name, const struct object *o, struct error *err) {
    char hex[DIGEST_HEX_SIZE];
    struct error why = {0};
    int rc = store_object_require(context, o, &why);
    digest_hex(hex, &o->digest);
    if (rc == ERR_NOT_FOUND)
        return error_set(err, rc, "out %s: the object %s is missing", name, hex);
    return rc < 0 ? error_set(err, rc, "out %s: %s", name, why.message) : 0;
}

int record_require(struct store *s, const cJSON *record, struct error *err) {
    return record_outs(record, require_out, s, err);
}

int record_declared_length(const char *stage) {
    return (int)strcspn(stage, "[");
}
