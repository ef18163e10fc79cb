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

/* The UTF-8 bytes of the character at `raw`, escaped or not; `*taken`: its bytes in the file. */
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

/* Columns from the opening quote of a string to the place behind `offset` bytes of its text. */
static size_t columns_before(struct source *s, const cJSON *node, size_t offset) {
    struct text_cursor *c = &s->cursor;
    if (c->node != node || c->bytes > offset)
        *c = (struct text_cursor){node, s->text + json_value_offset(s->places, node) + 1, 0, 1};
    for (size_t taken = 0; c->bytes < offset; c->raw += taken) {
        c->bytes += decoded_bytes(c->raw, &taken);
        if (taken > 1 || (c->raw[0] & 0xC0) != 0x80)
            c->columns += taken;
    }
    return c->columns;
}

struct json_position location_position(const struct location *at) {
    if (!at->node || !at->source->root)
        return (struct json_position){0, 0};
    const struct json_places *places = places_of(at->source);
    if (at->type == AT_KEY)
        return json_key_position(places, at->node);
    struct json_position position = json_value_position(places, at->node);
    if (at->type == AT_TEXT && position.line && cJSON_IsString(at->node))
        position.column += columns_before(at->source, at->node, at->offset);
    return position;
}

void location_pointer(struct buffer *out, const struct location *at) {
    if (at->node && at->source->root)
        json_pointer(out, places_of(at->source), at->node);
}
