/* The strict reader of JSON text: refuses texts that RFC 8259 refuses, builds the tree of others, and gives the place of
   each value. */
#ifndef RETORT_BASE_JSON_SCAN_H
#define RETORT_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"
#include "engine/base/json.h"

/* One value of the text. */
struct json_mark {
    size_t offset; /* of the value, in bytes */
    struct json_position value;
    struct json_position key; /* of its member name; {0,0} for an element and the root */
};

/* Checks `size` bytes. ERR_INVALID: the message is "line:column: what is wrong", `*at` the place. Duplicate names
   are found later, in the tree, which holds them unescaped. */
int json_scan(const char *text, size_t size, struct json_position *at, struct error *err);

/* The same, and builds the tree on the way, as cJSON_ParseWithLength would, in memory of cJSON's hooks. */
int json_build(cJSON **out, const char *text, size_t size, struct json_position *at, struct error *err);

/* A number of the text that RFC 8259 or a double does not take. */
struct json_odd {
    size_t offset, length;
    bool whole; /* an integer */
};

/* Like json_scan, but takes NaN, Infinity, -Infinity and numbers of any size, and lists them. The caller frees. */
int json_scan_loose(struct json_odd **odd, size_t *count, const char *text, size_t size, struct json_position *at,
                    struct error *err);

/* One mark per value, in text order; the caller frees. A text that json_scan refuses has no marks. */
struct json_mark *json_marks(const char *text, size_t size, size_t *count);

#endif
