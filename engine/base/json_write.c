/* Writes trees as text: canonical (RFC 8785), and indented for people. cJSON's own printer rounds integers and
   escapes differently. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"

void json_string(struct buffer *out, const char *text) {
    static const char short_escapes[32] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    buffer_putc(out, '"');
    while (*text) {
        size_t plain = 0;
        while ((unsigned char)text[plain] >= 0x20 && text[plain] != '"' && text[plain] != '\\')
            plain++;
        buffer_append(out, text, plain);
        text += plain;
        unsigned char c = (unsigned char)*text;
        if (c == '\0')
            break;
        if (c >= 0x20)
            buffer_printf(out, "\\%c", c);
        else if (short_escapes[c])
            buffer_printf(out, "\\%c", short_escapes[c]);
        else
            buffer_printf(out, "\\u%04x", c);
        text++;
    }
    buffer_putc(out, '"');
}

static void append_scalar(struct buffer *out, const cJSON *value) {
    if (cJSON_IsString(value))
        json_string(out, value->valuestring);
    else if (cJSON_IsNumber(value))
        json_number(out, value->valuedouble);
    else if (cJSON_IsBool(value))
        buffer_puts(out, cJSON_IsTrue(value) ? "true" : "false");
    else
        buffer_puts(out, cJSON_IsRaw(value) ? value->valuestring : "null");
}

/* The rank of a first byte. UTF-8 sorts like UTF-16 code units, except U+E000..U+FFFF (first byte EE or EF). UTF-16
   sorts these after the surrogates of all characters beyond U+FFFF (first byte F0 to F4). */
static int utf16_rank(unsigned char c) {
    return c == 0xEE || c == 0xEF ? c + 0x10 : c;
}

int json_compare_names(const char *a, const char *b) {
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return utf16_rank((unsigned char)*a) - utf16_rank((unsigned char)*b);
}

static int compare_members(const void *left, const void *right) {
    const cJSON *const *a = left, *const *b = right;
    return json_compare_names((*a)->string, (*b)->string);
}

static void canonical_object(struct buffer *out, const cJSON *object) {
    size_t count = 0;
    size_t capacity = 0;
    const cJSON **members = NULL;
    const cJSON *member;
    cJSON_ArrayForEach(member, object) {
        mem_grow(members, &capacity, count + 1);
        members[count++] = member;
    }
    if (count > 1)
        qsort(members, count, sizeof *members, compare_members);
    buffer_putc(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_putc(out, ',');
        json_string(out, members[i]->string);
        buffer_putc(out, ':');
        json_canonical(out, members[i]);
    }
    buffer_putc(out, '}');
    free(members);
}

void json_canonical(struct buffer *out, const cJSON *value) {
    if (cJSON_IsObject(value)) {
        canonical_object(out, value);
        return;
    }
    if (!cJSON_IsArray(value)) {
        append_scalar(out, value);
        return;
    }
    buffer_putc(out, '[');
    for (const cJSON *element = value->child; element; element = element->next) {
        json_canonical(out, element);
        if (element->next)
            buffer_putc(out, ',');
    }
    buffer_putc(out, ']');
}

char *json_canonical_text(const cJSON *value) {
    struct buffer b = {0};
    json_canonical(&b, value);
    return buffer_detach(&b);
}

bool json_equal(const cJSON *a, const cJSON *b) {
    if (cJSON_IsString(a) && cJSON_IsString(b))
        return strcmp(a->valuestring, b->valuestring) == 0;
    if (cJSON_IsNumber(a) && cJSON_IsNumber(b) && isfinite(a->valuedouble) && isfinite(b->valuedouble))
        return a->valuedouble == b->valuedouble;
    char *left = json_canonical_text(a);
    char *right = json_canonical_text(b);
    bool equal = strcmp(left, right) == 0;
    free(left);
    free(right);
    return equal;
}

static void new_line(struct buffer *out, int depth) {
    buffer_putc(out, '\n');
    for (int i = 0; i < depth; i++)
        buffer_puts(out, "  ");
}

static void append_pretty(struct buffer *out, const cJSON *value, int depth) {
    bool object = cJSON_IsObject(value);
    if (!object && !cJSON_IsArray(value)) {
        append_scalar(out, value);
        return;
    }
    buffer_putc(out, object ? '{' : '[');
    for (const cJSON *item = value->child; item; item = item->next) {
        new_line(out, depth + 1);
        if (object) {
            json_string(out, item->string);
            buffer_puts(out, ": ");
        }
        append_pretty(out, item, depth + 1);
        if (item->next)
            buffer_putc(out, ',');
    }
    if (value->child)
        new_line(out, depth);
    buffer_putc(out, object ? '}' : ']');
}

void json_pretty(struct buffer *out, const cJSON *value) {
    append_pretty(out, value, 0);
}
