#include "engine/pipeline/location.h"

#include <stdbool.h>
#include <stdlib.h>

static const struct json_places *places_of(struct source *s) {
    if (!s->places)
        s->places = json_places_create(s->root, s->text, s->size);
    return s->places;
}

void source_close(struct source *s) {
    json_places_free(s->places);
    s->places = NULL;
}

/* Bytes of UTF-8 that one character of a JSON string stands for; `*taken`: its bytes in the file. */
static size_t decoded_bytes(const char *raw, size_t *taken) {
    *taken = 1;
    if (raw[0] != '\\')
        return 1;
    *taken = 2;
    if (raw[1] != 'u')
        return 1;
    char digits[5] = {raw[2], raw[3], raw[4], raw[5], 0};
    unsigned long code = strtoul(digits, NULL, 16);
    bool pair = code >= 0xD800 && code < 0xDC00;
    *taken = pair ? 12 : 6;
    return pair ? 4 : code < 0x80 ? 1 : code < 0x800 ? 2 : 3;
}

/* Columns from the opening quote of the string at `raw` to what stands behind `offset` bytes of its text. */
static size_t columns_before(const char *raw, size_t offset) {
    size_t columns = 1;
    raw++;
    for (size_t bytes = 0, taken = 0; bytes < offset; raw += taken) {
        bytes += decoded_bytes(raw, &taken);
        if (taken > 1 || (raw[0] & 0xC0) != 0x80)
            columns += taken;
    }
    return columns;
}

struct json_position location_position(const struct location *at) {
    if (!at->node || !at->source->root)
        return (struct json_position){0, 0};
    const struct json_places *places = places_of(at->source);
    if (at->type == AT_KEY)
        return json_key_position(places, at->node);
    struct json_position position = json_value_position(places, at->node);
    if (at->type == AT_TEXT && position.line && cJSON_IsString(at->node))
        position.column += columns_before(at->source->text + json_value_offset(places, at->node), at->offset);
    return position;
}

void location_pointer(struct buffer *out, const struct location *at) {
    if (at->node && at->source->root)
        json_pointer(out, places_of(at->source), at->node);
}
