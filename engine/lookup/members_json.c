/* Members of a JSON file, and the names that lie below one. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/json_scan.h"
#include "engine/base/memory.h"
#include "engine/lookup/members.h"

size_t members_below(struct wanted *below, const struct wanted *all, size_t count, const char *key, bool *whole) {
    size_t length = strlen(key), kept = 0;
    *whole = false;
    for (size_t i = 0; i < count; i++) {
        const char *rest = all[i].rest;
        if (strncmp(rest, key, length) != 0 || (rest[length] != '\0' && rest[length] != '.'))
            continue;
        *whole |= !rest[length];
        if (!rest[length])
            *all[i].found = true;
        else
            below[kept++] = (struct wanted){rest + length + 1, all[i].found};
    }
    return kept;
}

struct json_source {
    const char *text;
    struct json_places *places;
};

static int by_name(const void *a, const void *b) {
    return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

/* The members of an object in order. The caller frees. */
static const cJSON **sorted_members(const cJSON *object, size_t *count) {
    *count = (size_t)cJSON_GetArraySize(object);
    const cJSON **members = mem_array(*count + 1, sizeof *members), *member;
    size_t i = 0;
    cJSON_ArrayForEach(member, object)
        members[i++] = member;
    if (i > 1)
        qsort(members, i, sizeof *members, by_name);
    return members;
}

static void put_json(struct buffer *out, const struct json_source *s, const cJSON *value);

/* `wanted` NULL: all members. */
static void put_object(struct buffer *out, const struct json_source *s, const cJSON *object,
                       const struct wanted *wanted, size_t wanted_count) {
    size_t count, put = 0;
    const cJSON **members = sorted_members(object, &count);
    struct wanted *below = mem_array(wanted_count + 1, sizeof *below);
    buffer_putc(out, '{');
    for (size_t i = 0; i < count; i++) {
        bool whole = !wanted;
        size_t kept = wanted ? members_below(below, wanted, wanted_count, members[i]->string, &whole) : 0;
        if (!whole && (kept == 0 || !cJSON_IsObject(members[i])))
            continue;
        buffer_puts(out, put++ ? ", " : "");
        json_string(out, members[i]->string);
        buffer_puts(out, ": ");
        if (whole)
            put_json(out, s, members[i]);
        else
            put_object(out, s, members[i], below, kept);
    }
    buffer_putc(out, '}');
    free(below);
    free(members);
}

static void put_json(struct buffer *out, const struct json_source *s, const cJSON *value) {
    if (cJSON_IsObject(value)) {
        put_object(out, s, value, NULL, 0);
    } else if (cJSON_IsArray(value)) {
        const cJSON *item;
        buffer_putc(out, '[');
        cJSON_ArrayForEach(item, value) {
            buffer_puts(out, item == value->child ? "" : ", ");
            put_json(out, s, item);
        }
        buffer_putc(out, ']');
    } else if (cJSON_IsNumber(value)) {
        const char *number = s->text + json_value_offset(s->places, value);
        buffer_append(out, number, strspn(number, "+-.0123456789eENaInfity"));
    } else {
        json_canonical(out, value);
    }
}

/* A copy of the text in which strict JSON can hold every number, with all values in their places. The caller frees;
   NULL after an error. */
static char *make_strict(const char *text, size_t size, struct error *err) {
    struct json_odd *odd = NULL;
    struct json_position at;
    size_t count = 0;
    int rc = json_scan_loose(&odd, &count, text, size, &at, err);
    char *strict = rc == 0 ? mem_strndup(text, size) : NULL;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        memset(strict + odd[i].offset, ' ', odd[i].length);
        strict[odd[i].offset] = '0';
    }
    free(odd);
    return strict;
}

int members_json(struct buffer *out, const char *text, size_t size, const struct wanted *names, size_t count,
                 struct error *err) {
    struct json_document *doc = NULL;
    char *strict = make_strict(text, size, err);
    int rc = strict ? json_parse(&doc, strict, size, NULL, err) : ERR_INVALID;
    if (rc == 0) {
        struct json_source s = {text, json_places_create(json_root(doc), strict, size)};
        if (cJSON_IsObject(json_root(doc)))
            put_object(out, &s, json_root(doc), names, count);
        json_places_free(s.places);
    }
    json_free(doc);
    free(strict);
    return rc;
}
