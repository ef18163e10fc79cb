/* Members of a YAML file. A plain scalar stays plain, so that each reader takes it for what it took it before. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/yaml_node.h"
#include "engine/lookup/members.h"

enum { MAX_NODES = 1000000 }; /* with those that aliases repeat */

struct source {
    yaml_document_t *document;
    const char *text;
    struct error *err;
    size_t nodes;
    int depth;
};

static int fail(struct source *s, const yaml_node_t *node, const char *what) {
    return error_set(s->err, ERR_INVALID, "%zu:%zu: %s", node->start_mark.line + 1, node->start_mark.column + 1, what);
}

static const char *scalar_text(const yaml_node_t *node) {
    return (const char *)node->data.scalar.value;
}

/* Within brackets such a text would mean another thing without quotes. It is a text for every reader. */
static bool stays_plain(const yaml_node_t *node) {
    const char *text = scalar_text(node);
    return !strpbrk(text, ",[]{}\n") && !strstr(text, ": ") && !strstr(text, " #");
}

/* In quotes. A text between two NULs is one piece. */
static void put_quoted(struct buffer *out, const yaml_node_t *node) {
    const char *piece = scalar_text(node), *end = piece + node->data.scalar.length;
    struct buffer quoted = {0};
    buffer_putc(out, '"');
    while (true) {
        json_string(&quoted, piece);
        buffer_append(out, quoted.data + 1, quoted.size - 2);
        buffer_clear(&quoted);
        piece += strlen(piece);
        if (piece == end)
            break;
        buffer_puts(out, "\\u0000");
        piece++;
    }
    buffer_putc(out, '"');
    buffer_close(&quoted);
}

static void put_scalar(struct buffer *out, const struct source *s, const yaml_node_t *node) {
    bool plain = yaml_is_plain(node, s->text);
    if (plain && !*scalar_text(node))
        buffer_puts(out, "null");
    else if (plain && stays_plain(node))
        buffer_puts(out, scalar_text(node));
    else
        put_quoted(out, node);
}

/* A pair of a mapping. */
struct pair {
    const yaml_node_t *key, *value;
};

static int by_key(const void *a, const void *b) {
    const yaml_node_t *x = ((const struct pair *)a)->key, *y = ((const struct pair *)b)->key;
    size_t left = x->data.scalar.length, right = y->data.scalar.length;
    int order = memcmp(scalar_text(x), scalar_text(y), left < right ? left : right);
    return order ? order : (left > right) - (left < right);
}

/* The name as text; "" for one with a NUL, which nobody can ask for. */
static const char *askable(const yaml_node_t *key) {
    return strlen(scalar_text(key)) == key->data.scalar.length ? scalar_text(key) : "";
}

/* The pairs of a mapping in order of their names. The caller frees. */
static int sorted_pairs(struct pair **out, size_t *count, struct source *s, const yaml_node_t *mapping) {
    const yaml_node_pair_t *first = mapping->data.mapping.pairs.start, *end = mapping->data.mapping.pairs.top;
    *count = 0;
    *out = mem_array((size_t)(end - first) + 1, sizeof **out);
    for (const yaml_node_pair_t *p = first; p < end; p++) {
        const yaml_node_t *key = yaml_document_get_node(s->document, p->key);
        if (key->type != YAML_SCALAR_NODE)
            return fail(s, key, "a name is text, a number or true or false");
        (*out)[(*count)++] = (struct pair){key, yaml_document_get_node(s->document, p->value)};
    }
    if (*count > 1)
        qsort(*out, *count, sizeof **out, by_key);
    for (size_t i = 1; i < *count; i++)
        if (by_key(&(*out)[i - 1], &(*out)[i]) == 0)
            return fail(s, (*out)[i].key, "this name is given twice");
    return 0;
}

static int put_node(struct buffer *out, struct source *s, const yaml_node_t *node);

/* `wanted` NULL: all members. */
static int put_mapping(struct buffer *out, struct source *s, const yaml_node_t *mapping, const struct wanted *wanted,
                       size_t wanted_count) {
    struct pair *pairs = NULL;
    size_t count = 0, put = 0;
    struct wanted *below = mem_array(wanted_count + 1, sizeof *below);
    int rc = sorted_pairs(&pairs, &count, s, mapping);
    buffer_putc(out, '{');
    for (size_t i = 0; rc == 0 && i < count; i++) {
        bool whole = !wanted;
        size_t kept = wanted ? members_below(below, wanted, wanted_count, askable(pairs[i].key), &whole) : 0;
        if (!whole && (kept == 0 || pairs[i].value->type != YAML_MAPPING_NODE))
            continue;
        buffer_puts(out, put++ ? ", " : "");
        put_scalar(out, s, pairs[i].key);
        buffer_puts(out, ": ");
        rc = whole ? put_node(out, s, pairs[i].value) : put_mapping(out, s, pairs[i].value, below, kept);
    }
    buffer_putc(out, '}');
    free(below);
    free(pairs);
    return rc;
}

static int put_sequence(struct buffer *out, struct source *s, const yaml_node_t *node) {
    const yaml_node_item_t *first = node->data.sequence.items.start;
    int rc = 0;
    buffer_putc(out, '[');
    for (const yaml_node_item_t *i = first; rc == 0 && i < node->data.sequence.items.top; i++) {
        buffer_puts(out, i == first ? "" : ", ");
        rc = put_node(out, s, yaml_document_get_node(s->document, *i));
    }
    buffer_putc(out, ']');
    return rc;
}

static bool has_own_tag(const yaml_node_t *node) {
    static const char *const tags[] = {[YAML_SCALAR_NODE] = YAML_DEFAULT_SCALAR_TAG,
                                       [YAML_SEQUENCE_NODE] = YAML_DEFAULT_SEQUENCE_TAG,
                                       [YAML_MAPPING_NODE] = YAML_DEFAULT_MAPPING_TAG};
    return strcmp((const char *)node->tag, tags[node->type]) != 0;
}

static int put_node(struct buffer *out, struct source *s, const yaml_node_t *node) {
    if (++s->nodes > MAX_NODES)
        return fail(s, node, "more than 1,000,000 values, with those that aliases repeat");
    if (has_own_tag(node))
        buffer_printf(out, "!<%s> ", (const char *)node->tag);
    if (node->type == YAML_SCALAR_NODE) {
        put_scalar(out, s, node);
        return 0;
    }
    if (++s->depth > JSON_MAX_DEPTH)
        return fail(s, node, "lists and mappings are nested more than 100 deep");
    int rc = node->type == YAML_SEQUENCE_NODE ? put_sequence(out, s, node) : put_mapping(out, s, node, NULL, 0);
    s->depth--;
    return rc;
}

int members_yaml(struct buffer *out, const char *text, size_t size, const struct wanted *names, size_t count,
                 struct error *err) {
    yaml_parser_t parser;
    yaml_document_t document;
    if (!yaml_parser_initialize(&parser))
        return error_set(err, ERR_INVALID, "1:1: the YAML library cannot start");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    int rc = yaml_parser_load(&parser, &document)
                 ? 0
                 : error_set(err, ERR_INVALID, "%zu:%zu: %s", parser.problem_mark.line + 1,
                             parser.problem_mark.column + 1, parser.problem ? parser.problem : "this is no YAML");
    if (rc == 0) {
        struct source s = {.document = &document, .text = text, .err = err};
        const yaml_node_t *root = yaml_document_get_root_node(&document);
        if (root && root->type == YAML_MAPPING_NODE)
            rc = put_mapping(out, &s, root, names, count);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return rc;
}
