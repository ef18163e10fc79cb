/* Data of other programs, as JSON and as YAML: its values are strict JSON when they are written, and read back the
   same. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/data.h"
#include "engine/base/json.h"
#include "tests/fuzz/fuzz.h"

static void parse(const char *name, const char *text, size_t size) {
    cJSON *tree = NULL, *again = NULL, *flat = cJSON_CreateObject();
    struct buffer faults = {0}, written = {0};
    struct error err = {0};
    if (data_parse(&tree, name, text, size, &err) < 0) {
        HOLDS(err.code == ERR_INVALID && *err.message && !tree);
    } else if (tree) {
        struct json_document *strict = NULL;
        json_canonical(&written, tree);
        HOLDS(data_parse(&again, "again.json", written.data, written.size, &err) == 0);
        HOLDS(json_equal(tree, again));
        if (cJSON_IsObject(tree))
            data_flatten(flat, tree, &faults);
        buffer_clear(&written);
        json_canonical(&written, flat);
        if (faults.size == 0 && !strstr(buffer_text(&written), "[")) /* lists may hold objects with a name twice */
            HOLDS(json_parse(&strict, written.data, written.size, NULL, &err) == 0);
        json_free(strict);
    }
    cJSON_Delete(flat);
    cJSON_Delete(again);
    cJSON_Delete(tree);
    buffer_close(&written);
    buffer_close(&faults);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    parse("m.json", (const char *)data, size);
    parse("m.yaml", (const char *)data, size);
    return 0;
}
