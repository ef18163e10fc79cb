#include "engine/pipeline/diagnostics.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/printable.h"

/* Appends a text and its NUL, on one line. */
static void append_text(struct buffer *out, const char *text) {
    printable_append_line(out, text);
    buffer_append(out, "", 1);
}

/* The diagnostic takes the memory of the texts. */
static void append(struct diagnostics *d, enum severity severity, struct json_position position, const char *message,
                   const char *file, const char *pointer, const char *subject) {
    struct buffer text = {0};
    append_text(&text, message);
    append_text(&text, file);
    append_text(&text, pointer);
    append_text(&text, subject);
    struct diagnostic item = {.severity = severity, .position = position, .message = buffer_detach(&text)};
    item.file = item.message + strlen(item.message) + 1;
    item.pointer = item.file + strlen(item.file) + 1;
    item.subject = item.pointer + strlen(item.pointer) + 1;
    mem_grow(d->items, &d->capacity, d->count + 1);
    d->items[d->count++] = item;
    d->errors += severity == SEVERITY_ERROR;
}

void diagnostics_add_of(struct diagnostics *d, enum severity severity, const struct location *at, const char *subject,
                        const char *message) {
    struct buffer pointer = {0};
    location_pointer(&pointer, at);
    append(d, severity, location_position(at), message, at->source->name, buffer_text(&pointer), subject);
    buffer_close(&pointer);
}

void diagnostics_add(struct diagnostics *d, enum severity severity, const struct location *at, const char *format,
                     ...) {
    struct buffer text = {0};
    va_list args;
    va_start(args, format);
    buffer_vprintf(&text, format, args);
    va_end(args);
    diagnostics_add_of(d, severity, at, "", buffer_text(&text));
    buffer_close(&text);
}

void diagnostics_add_at(struct diagnostics *d, enum severity severity, const char *file, struct json_position position,
                        const char *message) {
    append(d, severity, position, message, file, "", "");
}

void diagnostics_move(struct diagnostics *d, struct diagnostics *from) {
    for (size_t i = 0; i < from->count; i++) {
        mem_grow(d->items, &d->capacity, d->count + 1);
        d->items[d->count++] = from->items[i];
    }
    d->errors += from->errors;
    free(from->items);
    *from = (struct diagnostics){0};
}

static int compare_sizes(size_t a, size_t b) {
    return (a > b) - (a < b);
}

static int compare_places(const void *left, const void *right) {
    const struct diagnostic *a = left;
    const struct diagnostic *b = right;
    int order = strcmp(a->file, b->file);
    if (order == 0)
        order = compare_sizes(a->position.line, b->position.line);
    if (order == 0)
        order = compare_sizes(a->position.column, b->position.column);
    if (order == 0)
        order = strcmp(a->pointer, b->pointer);
    return order ? order : strcmp(a->message, b->message);
}

static int compare_all(const void *left, const void *right) {
    int order = compare_places(left, right);
    return order ? order
                 : strcmp(((const struct diagnostic *)left)->subject, ((const struct diagnostic *)right)->subject);
}

static void drop_repeats(struct diagnostics *d) {
    size_t kept = 0;
    for (size_t i = 0; i < d->count; i++) {
        struct diagnostic *item = &d->items[i];
        if (kept && item->severity == d->items[kept - 1].severity && !compare_places(item, &d->items[kept - 1])) {
            d->errors -= item->severity == SEVERITY_ERROR;
            d->items[kept - 1].repeats += strcmp(item->subject, d->items[kept - 1].subject) != 0;
            free(item->message);
            continue;
        }
        d->items[kept++] = *item;
    }
    d->count = kept;
}

void diagnostics_print(struct buffer *out, struct diagnostics *d) {
    if (d->count == 0)
        return;
    qsort(d->items, d->count, sizeof *d->items, compare_all);
    drop_repeats(d);
    for (size_t i = 0; i < d->count; i++) {
        const struct diagnostic *item = &d->items[i];
        buffer_puts(out, item->file);
        if (item->position.line)
            buffer_printf(out, ":%zu:%zu", item->position.line, item->position.column);
        buffer_printf(out, ": %s: %s", item->severity == SEVERITY_ERROR ? "error" : "warning", item->message);
        if (item->pointer[0])
            buffer_printf(out, " (at %s", item->pointer);
        if (item->subject[0])
            buffer_printf(out, "%s%s", item->pointer[0] ? ", in " : " (in ", item->subject);
        if (item->subject[0] && item->repeats > 0)
            buffer_printf(out, " and %zu more", item->repeats);
        buffer_puts(out, item->pointer[0] || item->subject[0] ? ")\n" : "\n");
    }
}

void diagnostics_close(struct diagnostics *d) {
    for (size_t i = 0; i < d->count; i++)
        free(d->items[i].message);
    free(d->items);
    *d = (struct diagnostics){0};
}
