/*
 * Strict JSON (RFC 8259), places in its text, canonical JSON (RFC 8785), merge patch (RFC 7396).
 *
 * Trees are cJSON's, but its parser accepts texts that RFC 8259 forbids. So our scanner reads the text and builds the
 * tree. It refuses text that is not JSON, text after the value, NUL in strings, invalid UTF-8, and lone surrogates. It
 * also refuses integers that a double would round, and nesting beyond a limit. Duplicate names are refused in the tree.
 */
#ifndef RETORT_BASE_JSON_H
#define RETORT_BASE_JSON_H

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/base/arena.h"
#include "engine/base/buffer.h"
#include "engine/base/bytemap.h"
#include "engine/base/error.h"
#include "engine/base/sha256.h"

struct json_position {
    size_t line;   /* from 1 */
    size_t column; /* from 1, in characters */
};

/* A parsed document; owns the tree. */
struct json_document;

enum { JSON_MAX_DEPTH = 100 };
#define JSON_MAX_BYTES ((size_t)64 << 20)

/* Parses `size` bytes. ERR_INVALID: the message is "line:column: what is wrong"; `at` (may be NULL) gets the place. */
int json_parse(struct json_document **out, const char *text, size_t size, struct json_position *at, struct error *err);

/* The same into an arena, cheaper for large texts. The tree lives as long as `arena`; do not change or delete it. */
int json_parse_in(const cJSON **out, struct arena *arena, const char *text, size_t size, struct json_position *at,
                  struct error *err);

/* Reads and parses a file. Messages start with "path:", and line:column for a fault of the text. */
int json_read(struct json_document **out, const char *path, struct json_position *at, struct error *err);
void json_free(struct json_document *doc);

/* The tree; it belongs to the document. */
cJSON *json_root(const struct json_document *doc);

/* Frees `doc` and returns its tree; the caller frees it with cJSON_Delete. */
cJSON *json_detach(struct json_document *doc);

/* The places of a tree's nodes in the text that it was parsed from. Tree and text must outlive it. */
struct json_places;
struct json_places *json_places_create(const cJSON *root, const char *text, size_t size);
void json_places_free(struct json_places *p);

/* The place of a node; the place of a member's name (of the node itself if it has none). {0,0} for a node of another
   tree. */
struct json_position json_value_position(const struct json_places *p, const cJSON *node);
struct json_position json_key_position(const struct json_places *p, const cJSON *node);

/* The byte offset of a node in the text; 0 for a node of another tree. */
size_t json_value_offset(const struct json_places *p, const cJSON *node);

/* Appends the JSON Pointer (RFC 6901) of a node; "" for the root. */
void json_pointer(struct buffer *out, const struct json_places *p, const cJSON *node);

/* For many look-ups in one object; hashes the names of a large one. The object must outlive the index. Members that
   are added later are not found. */
struct json_index {
    const cJSON *object;
    struct bytemap names;
};

void json_index_open(struct json_index *x, const cJSON *object);     /* another type counts as an empty object */
cJSON *json_index_get(const struct json_index *x, const char *name); /* NULL: it has no such member */
/* Frees the index, not the object. */
void json_index_close(struct json_index *x);

/* Appends RFC 8785: keys sorted by UTF-16 code units, ECMAScript numbers, no white space. */
void json_canonical(struct buffer *out, const cJSON *value);
char *json_canonical_text(const cJSON *value);   /* the caller frees */
bool json_equal(const cJSON *a, const cJSON *b); /* same canonical form */

/* Compares two names in RFC 8785's order of members, like strcmp. */
int json_compare_names(const char *a, const char *b);

/* Appends an ECMAScript number ("0.1", "5e-7", "500000"); NaN and infinities as null. */
void json_number(struct buffer *out, double value);

/* Appends a quoted string with RFC 8785 escapes. */
void json_string(struct buffer *out, const char *text);

/* Appends indented JSON for people (two spaces, members in the tree's order), without a final newline. A raw item
   is JSON already and is appended unchanged. */
void json_pretty(struct buffer *out, const cJSON *value);

/* Replaces the member `old` by `node`, under the same name, and deletes `old`. */
void json_replace(cJSON *object, cJSON *old, cJSON *node);

/* RFC 7396: returns a new tree, `base` with `patch` applied. The caller keeps both and deletes the result. */
cJSON *json_merge(const cJSON *base, const cJSON *patch);

/* Add a member: null for NULL, and for a number that is not finite. */
void json_add_text(cJSON *object, const char *name, const char *text);
void json_add_number(cJSON *object, const char *name, double value);
void json_add_copy(cJSON *object, const char *name, const cJSON *item);
void json_add_digest(cJSON *object, const char *name, const struct digest *d); /* in hex */

/* Typed reads for documents that we wrote ourselves. The fallback replaces a missing member or one of another type. */
const char *json_text(const cJSON *object, const char *name, const char *fallback);
double json_double(const cJSON *object, const char *name, double fallback);
bool json_bool(const cJSON *object, const char *name, bool fallback);

#endif
