#include "engine/base/data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/data_internal.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"

static const char nonfinite[] = "nonfinite", integer[] = "integer";

static cJSON *wrap(const char *name, const char *text) {
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, name, text);
    return out;
}

cJSON *data_from_nonfinite(const char *name) {
    return wrap(nonfinite, name);
}

/* The digits without a plus sign and without zeros before them. */
static char *plain_digits(const char *text, size_t length) {
    bool minus = *text == '-';
    size_t skip = minus || *text == '+';
    while (skip + 1 < length && text[skip] == '0')
        skip++;
    return mem_printf("%s%.*s", minus ? "-" : "", (int)(length - skip), text + skip);
}

static bool is_written(double value, const char *digits) {
    struct buffer text = {0};
    json_number(&text, value);
    bool same = strcmp(buffer_text(&text), digits) == 0;
    buffer_close(&text);
    return same;
}

cJSON *data_from_number(const char *text, size_t length, bool whole) {
    char *digits = whole ? plain_digits(text, length) : mem_strndup(text, length);
    double value = strtod(digits, NULL);
    bool exact = !whole || fabs(value) <= 9007199254740991.0 || is_written(value, digits);
    cJSON *out = !exact            ? wrap(integer, digits)
                 : isfinite(value) ? cJSON_CreateNumber(value)
                                   : data_from_nonfinite(value < 0 ? "-Infinity" : "Infinity");
    free(digits);
    return out;
}

/* ---- values ---- */

static const char *wrapped(const cJSON *value, const char *name) {
    const cJSON *only = cJSON_IsObject(value) ? value->child : NULL;
    bool is = only && cJSON_IsString(only) && !only->next && strcmp(only->string, name) == 0;
    return is ? only->valuestring : NULL;
}

const char *data_nonfinite(const cJSON *value) {
    return wrapped(value, nonfinite);
}

cJSON *data_nonfinite_create(double number) {
    return data_from_nonfinite(isnan(number) ? "NaN" : number < 0 ? "-Infinity" : "Infinity");
}

const char *data_integer(const cJSON *value) {
    return wrapped(value, integer);
}

bool data_number(double *out, const cJSON *value) {
    const char *digits = data_integer(value);
    if (!digits && !cJSON_IsNumber(value))
        return false;
    double number = digits ? strtod(digits, NULL) : value->valuedouble;
    if (isfinite(number))
        *out = number;
    return isfinite(number);
}

/* Recursion ends: the parser limits the depth. */
static void put_item(struct buffer *out, const cJSON *value) {
    const char *text = data_integer(value) ? data_integer(value) : data_nonfinite(value);
    const cJSON *item;
    if (text) {
        buffer_puts(out, text);
    } else if (cJSON_IsArray(value)) {
        buffer_putc(out, '[');
        cJSON_ArrayForEach(item, value) {
            buffer_puts(out, item == value->child ? "" : ",");
            put_item(out, item);
        }
        buffer_putc(out, ']');
    } else {
        json_canonical(out, value);
    }
}

void data_put(struct buffer *out, const cJSON *value) {
    if (cJSON_IsString(value))
        buffer_puts(out, value->valuestring);
    else
        put_item(out, value);
}

/* ---- nested names ---- */

enum { FAULT_BYTES = 4096 }; /* of a list of faults: the rest is not listed */

struct flattening {
    cJSON *flat;
    struct bytemap names;
    struct buffer *faults;
    struct buffer name; /* of the present member */
};

static void note_name(struct flattening *f, cJSON *member) {
    bytemap_put(&f->names, member->string, strlen(member->string), member);
}

static void add_value(struct flattening *f, const cJSON *value) {
    const char *name = buffer_text(&f->name);
    if (!bytemap_get(&f->names, name, f->name.size)) {
        cJSON *copy = cJSON_Duplicate(value, true);
        cJSON_AddItemToObject(f->flat, name, copy);
        note_name(f, copy);
    } else if (f->faults->size < FAULT_BYTES) {
        buffer_printf(f->faults, "the name \"%s\" is given twice\n", name);
    }
}

static void flatten(struct flattening *f, const cJSON *object) {
    size_t length = f->name.size;
    const cJSON *member;
    cJSON_ArrayForEach(member, object) {
        if (length)
            buffer_putc(&f->name, '.');
        buffer_puts(&f->name, member->string);
        if (cJSON_IsObject(member) && !data_nonfinite(member) && !data_integer(member))
            flatten(f, member);
        else
            add_value(f, member);
        f->name.size = length;
        f->name.data[length] = '\0';
    }
}

void data_flatten(cJSON *flat, const cJSON *object, struct buffer *faults) {
    struct flattening f = {.flat = flat, .faults = faults};
    cJSON *member;
    cJSON_ArrayForEach(member, flat) {
        note_name(&f, member);
    }
    flatten(&f, object);
    buffer_close(&f.name);
    bytemap_close(&f.names);
}
