/* YAML 1.2 by its core schema. libyaml gives the nodes; their scalars are read here. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/data_internal.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/yaml_node.h"

enum { MAX_NODES = 1000000 }; /* with those that aliases repeat */

struct reader {
    yaml_document_t *document;
    const char *text;
    size_t nodes;
    int depth;
    struct error *err;
};

static int fail(struct reader *r, const yaml_node_t *node, const char *what) {
    return error_set(r->err, ERR_INVALID, "%zu:%zu: %s", node->start_mark.line + 1, node->start_mark.column + 1, what);
}

static bool is_one_of(const char *text, const char *const *words) {
    while (*words && strcmp(text, *words) != 0)
        words++;
    return *words != NULL;
}

static bool is_null(const char *text) {
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};
    return is_one_of(text, words);
}

static bool is_bool(const char *text, bool *out) {
    static const char *const yes[] = {"true", "True", "TRUE", NULL}, *const no[] = {"false", "False", "FALSE", NULL};
    *out = is_one_of(text, yes);
    return *out || is_one_of(text, no);
}

/* "NaN", "Infinity" or "-Infinity"; NULL for other text. */
static const char *nonfinite_name(const char *text) {
    static const char *const nan[] = {".nan", ".NaN", ".NAN", NULL}, *const inf[] = {".inf", ".Inf", ".INF", NULL};
    if (is_one_of(text, nan))
        return "NaN";
    if (is_one_of(text + (*text == '-' || *text == '+'), inf))
        return *text == '-' ? "-Infinity" : "Infinity";
    return NULL;
}

static size_t digits(const char *text) {
    return strspn(text, "0123456789");
}

/* Whether the text is a decimal number; `*whole`: an integer. */
static bool is_number(const char *text, bool *whole) {
    text += *text == '-' || *text == '+';
    size_t before = digits(text), after = 0;
    text += before;
    *whole = *text == '\0';
    if (*text == '.') {
        after = digits(text + 1);
        text += 1 + after;
    }
    if (before + after > 0 && (*text == 'e' || *text == 'E')) {
        text += 1 + (text[1] == '-' || text[1] == '+');
        size_t exponent = digits(text);
        text += exponent ? exponent : 1;
        return exponent && !*text;
    }
    return before + after > 0 && !*text;
}

/* "0x1F" and "0o17" as decimal digits; NULL for other text, and beyond 64 bits. The caller frees. */
static char *from_base(const char *text) {
    int base = strncmp(text, "0x", 2) == 0 ? 16 : strncmp(text, "0o", 2) == 0 ? 8 : 0;
    const char *allowed = base == 16 ? "0123456789abcdefABCDEF" : "01234567";
    size_t length = base ? strspn(text + 2, allowed) : 0;
    if (length == 0 || text[2 + length] || length > (base == 16 ? 16 : 21))
        return NULL;
    return mem_printf("%llu", strtoull(text + 2, NULL, base));
}

static cJSON *from_plain(const char *text, size_t length) {
    bool flag, whole;
    if (is_null(text))
        return cJSON_CreateNull();
    if (is_bool(text, &flag))
        return cJSON_CreateBool(flag);
    if (nonfinite_name(text))
        return data_from_nonfinite(nonfinite_name(text));
    if (is_number(text, &whole))
        return data_from_number(text, length, whole);
    char *decimal = from_base(text);
    cJSON *out = decimal ? data_from_number(decimal, strlen(decimal), true) : cJSON_CreateString(text);
    free(decimal);
    return out;
}

static size_t characters(const char *text) {
    size_t count = 0;
    for (; *text; text++)
        count += (*text & 0xC0) != 0x80;
    return count;
}

/* Whether "!!str" stands before the scalar. libyaml gives that tag to a scalar without a tag too. */
static bool has_tag(const yaml_node_t *node, const char *text) {
    size_t written = node->end_mark.index - node->start_mark.index, shown = characters((char *)node->data.scalar.value);
    const char *at = text;
    if (written <= shown)
        return false;
    for (size_t left = node->start_mark.index + 1; *at && left > 0; at++)
        left -= (*at & 0xC0) != 0x80;
    return memchr(at - 1, '!', strnlen(at - 1, written - shown)) != NULL;
}

bool yaml_is_plain(const yaml_node_t *node, const char *text) {
    return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !has_tag(node, text);
}

static int from_scalar(cJSON **out, struct reader *r, const yaml_node_t *node) {
    const char *text = (const char *)node->data.scalar.value;
    if (strlen(text) != node->data.scalar.length)
        return fail(r, node, "a NUL byte in a text");
    *out = yaml_is_plain(node, r->text) ? from_plain(text, node->data.scalar.length) : cJSON_CreateString(text);
    return 0;
}

static bool has_default_tag(const yaml_node_t *node) {
    static const char *const tags[] = {[YAML_SCALAR_NODE] = YAML_DEFAULT_SCALAR_TAG,
                                       [YAML_SEQUENCE_NODE] = YAML_DEFAULT_SEQUENCE_TAG,
                                       [YAML_MAPPING_NODE] = YAML_DEFAULT_MAPPING_TAG};
    return strcmp((const char *)node->tag, tags[node->type]) == 0;
}

static int from_node(cJSON **out, struct reader *r, int index);

static int from_sequence(cJSON *list, struct reader *r, const yaml_node_t *node) {
    int rc = 0;
    for (const yaml_node_item_t *i = node->data.sequence.items.start; rc == 0 && i < node->data.sequence.items.top;
         i++) {
        cJSON *item = NULL;
        rc = from_node(&item, r, *i);
        if (rc == 0)
            cJSON_AddItemToArray(list, item);
    }
    return rc;
}

static int from_mapping(cJSON *object, struct reader *r, const yaml_node_t *node) {
    int rc = 0;
    for (const yaml_node_pair_t *p = node->data.mapping.pairs.start; rc == 0 && p < node->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = yaml_document_get_node(r->document, p->key);
        cJSON *value = NULL;
        if (key->type != YAML_SCALAR_NODE || strlen((char *)key->data.scalar.value) != key->data.scalar.length)
            return fail(r, key, "a name is text, a number or true or false");
        rc = from_node(&value, r, p->value);
        if (rc == 0)
            cJSON_AddItemToObject(object, (const char *)key->data.scalar.value, value);
    }
    return rc;
}

static int from_node(cJSON **out, struct reader *r, int index) {
    const yaml_node_t *node = yaml_document_get_node(r->document, index);
    int rc;
    if (++r->nodes > MAX_NODES)
        return fail(r, node, "more than 1,000,000 values, with those that aliases repeat");
    if (!has_default_tag(node))
        return fail(r, node, "a tag other than !!str is not read");
    if (node->type == YAML_SCALAR_NODE)
        return from_scalar(out, r, node);
    if (++r->depth > JSON_MAX_DEPTH)
        return fail(r, node, "lists and mappings are nested more than 100 deep");
    *out = node->type == YAML_SEQUENCE_NODE ? cJSON_CreateArray() : cJSON_CreateObject();
    rc = node->type == YAML_SEQUENCE_NODE ? from_sequence(*out, r, node) : from_mapping(*out, r, node);
    r->depth--;
    if (rc < 0) {
        cJSON_Delete(*out);
        *out = NULL;
    }
    return rc;
}

static int fail_parser(const yaml_parser_t *p, struct error *err) {
    return error_set(err, ERR_INVALID, "%zu:%zu: %s", p->problem_mark.line + 1, p->problem_mark.column + 1,
                     p->problem ? p->problem : "this is no YAML");
}

/* The first document; a second one is a fault. */
static int read_document(cJSON **out, yaml_parser_t *parser, const char *text, struct error *err) {
    yaml_document_t document, next;
    if (!yaml_parser_load(parser, &document))
        return fail_parser(parser, err);
    struct reader r = {.document = &document, .text = text, .err = err};
    int rc = yaml_document_get_root_node(&document) ? from_node(out, &r, 1) : 0;
    if (rc == 0 && *out && !yaml_parser_load(parser, &next))
        rc = fail_parser(parser, err);
    else if (rc == 0 && *out) {
        const yaml_node_t *second = yaml_document_get_root_node(&next);
        rc = second ? fail(&r, second, "one document is wanted; this is a second one") : 0;
        yaml_document_delete(&next);
    }
    yaml_document_delete(&document);
    return rc;
}

int data_parse_yaml(cJSON **out, const char *text, size_t size, struct error *err) {
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return error_set(err, ERR_INVALID, "1:1: the YAML library cannot start, or memory ran out");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    int rc = read_document(out, &parser, text, err);
    yaml_parser_delete(&parser);
    if (rc < 0) {
        cJSON_Delete(*out);
        *out = NULL;
    }
    return rc;
}
