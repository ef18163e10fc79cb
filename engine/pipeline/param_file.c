/* Params that stand in a data file of their own, as other programs read it too. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/data.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/pipeline/reader.h"

/* The file that "params" names; `node` is the name. */
struct param_file {
    struct part *part;
    const cJSON *node;
};

static bool fault(const struct param_file *f, const char *path, const char *what) {
    report_value(f->part, f->node, "%s: \"%s\" %s", f->node->valuestring, path, what);
    return false;
}

/* Whether a param can have the value. `path`: names of the members with dots between. */
static bool check_value(const struct param_file *f, const cJSON *value, const char *path) {
    if (data_nonfinite(value))
        return fault(f, path, "is NaN or infinite, which no param can be");
    if (data_integer(value))
        return fault(f, path, "is an integer beyond 2^53, which no param can be; write it as a text");
    struct json_index members;
    bool good = true;
    json_index_open(&members, value);
    for (const cJSON *child = value->child; child; child = child->next) {
        const char *below = child->string
                                ? arena_printf(f->part->reader->arena, "%s%s%s", path, *path ? "." : "", child->string)
                                : path;
        if (child->string && json_index_get(&members, child->string) != child)
            good = fault(f, below, "stands there twice");
        good &= check_value(f, child, below);
    }
    json_index_close(&members);
    return good;
}

const cJSON *params_read(struct part *part, const cJSON *node) {
    const struct param_file f = {part, node};
    struct buffer text = {0};
    struct error err = {0};
    cJSON *tree = NULL;
    if (!need_text(part, node, "the file of \"params\""))
        return NULL;
    int rc = part_file_read(&text, part, node->valuestring, JSON_MAX_BYTES, &err);
    if (rc < 0)
        report_value(part, node, "the params cannot be read: %s", err.message);
    else if ((rc = data_parse(&tree, node->valuestring, buffer_text(&text), text.size, &err)) < 0)
        report_value(part, node, "%s:%s", node->valuestring, err.message);
    else if (!cJSON_IsObject(tree))
        report_value(part, node, "%s: params are an object; found %s", node->valuestring, describe(part->reader, tree));
    bool good = rc == 0 && cJSON_IsObject(tree) && check_value(&f, tree, "");
    if (rc == 0 && !good)
        cJSON_Delete(tree);
    buffer_close(&text);
    return good ? keep_json(part->reader, tree) : NULL;
}
