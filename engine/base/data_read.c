/* Reads JSON as other programs write it, and chooses between JSON and YAML. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/data.h"
#include "engine/base/data_internal.h"
#include "engine/base/json.h"
#include "engine/base/json_scan.h"

static cJSON *from_odd(const char *text, const struct json_odd *odd) {
    const char *word = text + odd->offset;
    if (*word == 'N')
        return data_from_nonfinite("NaN");
    if (*word == 'I' || word[1] == 'I')
        return data_from_nonfinite(*word == '-' ? "-Infinity" : "Infinity");
    return data_from_number(word, odd->length, odd->whole);
}

/* The text as strict JSON. */
static void replace_odd(struct buffer *out, const char *text, size_t size, const struct json_odd *odd, size_t count) {
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        cJSON *value = from_odd(text, &odd[i]);
        buffer_append(out, text + done, odd[i].offset - done);
        json_canonical(out, value);
        cJSON_Delete(value);
        done = odd[i].offset + odd[i].length;
    }
    buffer_append(out, text + done, size - done);
}

static int parse_json(cJSON **out, const char *text, size_t size, struct error *err) {
    struct json_odd *odd = NULL;
    size_t count = 0;
    struct json_position at;
    struct buffer strict = {0};
    int rc = json_scan_loose(&odd, &count, text, size, &at, err);
    if (rc == 0) {
        replace_odd(&strict, text, size, odd, count);
        *out = cJSON_ParseWithLength(buffer_text(&strict), strict.size);
    }
    buffer_close(&strict);
    free(odd);
    return rc;
}

static bool ends_in(const char *name, const char *end) {
    size_t length = strlen(name), tail = strlen(end);
    return length > tail && strcmp(name + length - tail, end) == 0;
}

bool data_is_yaml(const char *name) {
    return ends_in(name, ".yaml") || ends_in(name, ".yml");
}

int data_parse(cJSON **out, const char *name, const char *text, size_t size, struct error *err) {
    *out = NULL;
    if (data_is_yaml(name))
        return data_parse_yaml(out, text, size, err);
    return parse_json(out, text, size, err);
}
