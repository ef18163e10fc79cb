/*
 * Strict JSON (RFC 8259), places in its text, canonical JSON (RFC 8785), merge patch (RFC 7396).
 *
 * cJSON builds the tree but accepts what RFC 8259 forbids. So a scanner of ours reads the text first: it refuses what is
 * not JSON, text behind the value, NUL in strings, invalid UTF-8, lone surrogates, integers that a double would round,
 * and nesting beyond a limit. Duplicate names are refused in the tree.
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

/* The same into an arena: the tree lives as long as `arena`, is not changed and not deleted. Cheaper for large texts. */
int json_parse_in(const cJSON **out, struct arena *arena, const char *text, size_t size, struct json_position *at,
                  struct error *err);

/* Reads and parses a file; messages start with "path:" (and line:column). */
int json_read(struct json_document **out, const char *path, struct json_position *at, struct error *err);
void json_free(struct json_document *doc);

cJSON *json_root(const struct json_document *doc);

/* The tree alone; the caller frees it with cJSON_Delete. `doc` is freed. */
cJSON *json_detach(struct json_document *doc);

/* The places of a tree's nodes in the text that it was parsed from. Tree and text outlive it. */
struct json_places;
struct json_places *json_places_create(const cJSON *root, const char *text, size_t size);
void json_places_free(struct json_places *p);

/* Where a node starts; where the key of an object's member stands (the node itself when it has none). {0,0} for a node
   that is not of this tree. */
struct json_position json_value_position(const struct json_places *p, const cJSON *node);
struct json_position json_key_position(const struct json_places *p, const cJSON *node);

/* The byte of the text at which a node starts; 0 for a node that is not of this tree. */
size_t json_value_offset(const struct json_places *p, const cJSON *node);

/* Appends the JSON Pointer (RFC 6901) of a node; "" for the root. */
void json_pointer(struct buffer *out, const struct json_places *p, const cJSON *node);

/* For many look-ups in one object: by a hash where it has many members. The object outlives the index; members that are
   added later are not found. */
struct json_index {
    const cJSON *object;
    struct bytemap names;
};

void json_index_open(struct json_index *x, const cJSON *object);     /* anything else is an object without members */
cJSON *json_index_get(const struct json_index *x, const char *name); /* NULL: it has no such member */
void json_index_close(struct json_index *x);

/* Appends RFC 8785: keys sorted by UTF-16 code units, ECMAScript numbers, no white space. */
void json_canonical(struct buffer *out, const cJSON *value);
char *json_canonical_text(const cJSON *value);   /* the caller frees */
bool json_equal(const cJSON *a, const cJSON *b); /* same canonical form */

/* The order of an object's members in RFC 8785, as strcmp gives it. */
int json_compare_names(const char *a, const char *b);

/* Appends an ECMAScript number ("0.1", "5e-7", "500000"); NaN and infinities as null. */
void json_number(struct buffer *out, double value);

/* Appends a quoted string with RFC 8785 escapes. */
void json_string(struct buffer *out, const char *text);

/* Appends indented JSON for people (two spaces, members in the tree's order), without a final newline. A raw item
   is JSON already and is appended unchanged. */
void json_pretty(struct buffer *out, const cJSON *value);

/* Puts `node` where the member `old` stands, under its name, and deletes `old`. */
void json_replace(cJSON *object, cJSON *old, cJSON *node);

/* RFC 7396: a new tree of `base` with `patch` over it; both stay the caller's. */
cJSON *json_merge(const cJSON *base, const cJSON *patch);

/* Typed reads for documents that we wrote ourselves: the fallback where missing or of another type. */
const char *json_text(const cJSON *object, const char *name, const char *fallback);
double json_double(const cJSON *object, const char *name, double fallback);
bool json_bool(const cJSON *object, const char *name, bool fallback);

#endif
