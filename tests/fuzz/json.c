/* JSON: what the strict reader takes, its own canonical form gives back, and that is a fixed point. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "tests/fuzz/fuzz.h"

static void hold_canonical(const cJSON *tree) {
    struct json_document *again = NULL;
    struct error err = {0};
    char *text = json_canonical_text(tree);
    HOLDS(json_parse(&again, text, strlen(text), NULL, &err) == 0);
    char *twice = json_canonical_text(json_root(again));
    HOLDS(strcmp(text, twice) == 0);
    HOLDS(json_equal(tree, json_root(again)));
    json_free(again);
    free(twice);
    free(text);
}

static void hold_merge(const cJSON *tree) {
    cJSON *same = json_merge(tree, tree); /* a null removes its member: a second time changes nothing */
    cJSON *again = json_merge(same, tree);
    HOLDS(json_equal(same, again));
    cJSON_Delete(again);
    cJSON_Delete(same);
}

static void hold_places(const cJSON *root, const char *text, size_t size) {
    struct json_places *places = json_places_create(root, text, size);
    HOLDS(json_value_position(places, root).line > 0);
    for (const cJSON *child = root->child; child; child = child->next)
        HOLDS(json_value_position(places, child).line > 0 && json_value_offset(places, child) < size);
    json_places_free(places);
}

/* The same tree in an arena. */
static void hold_arena(const cJSON *tree, const char *text, size_t size) {
    struct arena *arena = arena_create();
    const cJSON *same = NULL;
    HOLDS(json_parse_in(&same, arena, text, size, NULL, NULL) == 0 && json_equal(tree, same));
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct json_document *doc = NULL;
    struct json_position at = {0};
    struct error err = {0};
    struct buffer pretty = {0};
    if (json_parse(&doc, (const char *)data, size, &at, &err) < 0) {
        HOLDS(err.code == ERR_INVALID && *err.message && at.line > 0 && at.column > 0);
        return 0;
    }
    hold_canonical(json_root(doc));
    hold_merge(json_root(doc));
    hold_arena(json_root(doc), (const char *)data, size);
    json_pretty(&pretty, json_root(doc));
    hold_places(json_root(doc), (const char *)data, size);
    buffer_close(&pretty);
    json_free(doc);
    return 0;
}
