/* The strict reader of JSON text: refuses what RFC 8259 refuses, and says where each value stands. */
#ifndef RETORT_BASE_JSON_SCAN_H
#define RETORT_BASE_JSON_SCAN_H

#include <stddef.h>

#include "engine/base/error.h"
#include "engine/base/json.h"

/* One value of the text. */
struct json_mark {
    size_t offset; /* of the value, in bytes */
    struct json_position value;
    struct json_position key; /* where its member name stands; {0,0} for an element and for the root */
};

/* Checks `size` bytes. ERR_INVALID: the message is "line:column: what is wrong", `*at` the place. Duplicate member names
   are found later, in the tree, where they stand unescaped. */
int json_scan(const char *text, size_t size, struct json_position *at, struct error *err);

/* One mark a value, in the order of the text; the caller frees. No marks of a text that json_scan refuses. */
struct json_mark *json_marks(const char *text, size_t size, size_t *count);

#endif
