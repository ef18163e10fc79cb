#include "engine/plan/why.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"

struct changes {
    struct why_change *items;
    size_t count, capacity;
};

static void add(struct changes *c, const char *name, const cJSON *before, const cJSON *after) {
    mem_grow(c->items, &c->capacity, c->count + 1);
    c->items[c->count++] = (struct why_change){name, before, after};
}

static const cJSON *member(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* The most telling components come first: the kind, its parameters, the command, the environment, inputs, the rest. */
static int rank(const char *name) {
    static const char *const order[] = {"kind", "with.", "argv.", "env.", "in.", "outs.", "pin.", "machine"};
    const int count = (int)(sizeof order / sizeof *order);
    for (int i = 0; i < count; i++)
        if (strncmp(name, order[i], strlen(order[i])) == 0)
            return i;
    return count;
}

static int by_rank(const void *a, const void *b) {
    const struct why_change *x = a, *y = b;
    int by = rank(x->name) - rank(y->name);
    if (by == 0 && strncmp(x->name, "argv.", 5) == 0)
        by = (int)(strtol(x->name + 5, NULL, 10) - strtol(y->name + 5, NULL, 10));
    return by ? by : strcmp(x->name, y->name);
}

static void compare(struct changes *out, const cJSON *components, const cJSON *earlier) {
    const cJSON *item;
    cJSON_ArrayForEach(item, components) {
        const cJSON *before = member(earlier, item->string);
        if (!before || !json_equal(before, item))
            add(out, item->string, before, item);
    }
    cJSON_ArrayForEach(item, earlier) {
        if (!member(components, item->string))
            add(out, item->string, item, NULL);
    }
    if (out->count)
        qsort(out->items, out->count, sizeof *out->items, by_rank);
}

/* How many components differ; at most `limit` are counted. */
static size_t count_changes(const cJSON *components, const cJSON *earlier, size_t limit) {
    const cJSON *item;
    size_t count = 0;
    cJSON_ArrayForEach(item, components) {
        const cJSON *before = member(earlier, item->string);
        count += !before || !json_equal(before, item);
        if (count >= limit)
            return count;
    }
    cJSON_ArrayForEach(item, earlier)
        count += !member(components, item->string);
    return count;
}

size_t why_nearest(const cJSON *components, const cJSON *const *earlier, size_t count) {
    size_t nearest = 0, fewest = SIZE_MAX;
    for (size_t i = 0; i < count && fewest > 0; i++) {
        size_t changes = count_changes(components, earlier[i], fewest);
        if (changes < fewest) {
            fewest = changes;
            nearest = i;
        }
    }
    return nearest;
}

static void put_value(struct buffer *out, const char *name, const cJSON *value) {
    if (value)
        json_canonical(out, value);
    else
        buffer_puts(out, strncmp(name, "with.", 5) == 0 ? "(default)" : "(none)");
}

enum { SHORT_DIGEST = 12 };

static void put_item(struct buffer *out, const cJSON *item) {
    const char *digest = json_text(item, "sha256", "");
    buffer_printf(out, "%s %.*s", json_text(item, "as", json_text(item, "name", "?")), SHORT_DIGEST, digest);
    if (json_bool(item, "executable", false))
        buffer_puts(out, " (executable)");
}

static void put_labels(struct buffer *out, const cJSON *item) {
    const cJSON *labels = member(item, "labels");
    if (labels)
        json_canonical(out, labels);
    else
        buffer_puts(out, "{}");
}

static bool only_labels_differ(const cJSON *a, const cJSON *b) {
    struct buffer x = {0}, y = {0};
    put_item(&x, a);
    put_item(&y, b);
    bool same = strcmp(buffer_text(&x), buffer_text(&y)) == 0;
    buffer_close(&x);
    buffer_close(&y);
    return same;
}

static void put_item_change(struct buffer *out, const cJSON *before, const cJSON *after) {
    bool labels = only_labels_differ(before, after);
    void (*put)(struct buffer *, const cJSON *) = labels ? put_labels : put_item;
    buffer_puts(out, labels ? " labels: " : ": ");
    put(out, before);
    buffer_puts(out, " -> ");
    put(out, after);
}

/* A list against a list of the same length: its first item that differs, and how many more do. */
static void put_list_change(struct buffer *out, const cJSON *before, const cJSON *after) {
    const cJSON *a = after->child, *first_before = NULL, *first_after = NULL;
    size_t index = 0, first = 0, differ = 0;
    for (const cJSON *b = before->child; a && b; a = a->next, b = b->next, index++) {
        if (json_equal(a, b))
            continue;
        if (differ++ == 0) {
            first = index;
            first_before = b;
            first_after = a;
        }
    }
    buffer_printf(out, "[%zu]", first);
    put_item_change(out, first_before, first_after);
    if (differ > 1)
        buffer_printf(out, " (and %zu more of its items)", differ - 1);
}

static void put_input(struct buffer *out, const cJSON *input) {
    if (!input)
        buffer_puts(out, "(none)");
    else if (cJSON_IsArray(input))
        buffer_printf(out, "a list of %d", cJSON_GetArraySize(input));
    else
        put_item(out, input);
}

void why_put_change(struct buffer *out, const struct why_change *c) {
    bool input = strncmp(c->name, "in.", 3) == 0;
    buffer_puts(out, c->name);
    if (input && cJSON_IsObject(c->before) && cJSON_IsObject(c->after)) {
        put_item_change(out, c->before, c->after);
    } else if (input && cJSON_IsArray(c->before) && cJSON_IsArray(c->after) &&
               cJSON_GetArraySize(c->before) == cJSON_GetArraySize(c->after)) {
        put_list_change(out, c->before, c->after);
    } else {
        buffer_puts(out, ": ");
        if (input)
            put_input(out, c->before);
        else
            put_value(out, c->name, c->before);
        buffer_puts(out, " -> ");
        if (input)
            put_input(out, c->after);
        else
            put_value(out, c->name, c->after);
    }
}

size_t why_changes(struct why_change **out, const cJSON *components, const cJSON *earlier) {
    struct changes c = {0};
    compare(&c, components, earlier);
    *out = c.items;
    return c.count;
}

void why_difference(struct buffer *out, const cJSON *components, const cJSON *earlier) {
    struct why_change *changes;
    size_t count = why_changes(&changes, components, earlier);
    for (size_t i = 0; i < count; i++) {
        why_put_change(out, &changes[i]);
        buffer_putc(out, '\n');
    }
    free(changes);
}

void why_reason(struct buffer *out, const cJSON *components, const cJSON *earlier) {
    struct changes c = {0};
    compare(&c, components, earlier);
    if (c.count > 0)
        why_put_change(out, &c.items[0]);
    if (c.count > 1)
        buffer_printf(out, " (and %zu more)", c.count - 1);
    free(c.items);
}
