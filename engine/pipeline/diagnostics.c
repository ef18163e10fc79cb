#include "engine/pipeline/diagnostics.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

/* A message is one line, whatever a file quotes in it. */
static void flatten(char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7F)
            bytes[i] = '?';
}

/* The three strings of a diagnostic stand in one block, message first: it outlives the pipeline it tells about. */
void diagnostics_add(struct diagnostics *d, enum severity severity, const struct location *at, const char *format,
                     ...) {
    struct buffer text = {0};
    va_list args;
    va_start(args, format);
    buffer_vprintf(&text, format, args);
    va_end(args);
    buffer_append(&text, "", 1);
    size_t file = text.size;
    buffer_append(&text, at->file, strlen(at->file) + 1);
    size_t pointer = text.size;
    buffer_append(&text, at->pointer, strlen(at->pointer) + 1);
    flatten(text.data, file - 1);
    flatten(text.data + file, pointer - file - 1);
    flatten(text.data + pointer, text.size - pointer - 1);

    struct diagnostic item = {severity, *at, buffer_detach(&text)};
    item.at.file = item.message + file;
    item.at.pointer = item.message + pointer;
    mem_grow(d->items, &d->capacity, d->count + 1);
    d->items[d->count++] = item;
    d->errors += severity == SEVERITY_ERROR;
}

static int compare_sizes(size_t a, size_t b) {
    return (a > b) - (a < b);
}

static int compare_places(const void *left, const void *right) {
    const struct diagnostic *a = left;
    const struct diagnostic *b = right;
    int order = strcmp(a->at.file, b->at.file);
    if (order == 0)
        order = compare_sizes(a->at.position.line, b->at.position.line);
    if (order == 0)
        order = compare_sizes(a->at.position.column, b->at.position.column);
    if (order == 0)
        order = strcmp(a->at.pointer, b->at.pointer);
    return order ? order : strcmp(a->message, b->message);
}

static void drop_repeats(struct diagnostics *d) {
    size_t kept = 0;
    for (size_t i = 0; i < d->count; i++) {
        struct diagnostic *item = &d->items[i];
        if (kept && item->severity == d->items[kept - 1].severity && !compare_places(item, &d->items[kept - 1])) {
            d->errors -= item->severity == SEVERITY_ERROR;
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
    qsort(d->items, d->count, sizeof *d->items, compare_places);
    drop_repeats(d);
    for (size_t i = 0; i < d->count; i++) {
        const struct diagnostic *item = &d->items[i];
        buffer_puts(out, item->at.file);
        if (item->at.position.line)
            buffer_printf(out, ":%zu:%zu", item->at.position.line, item->at.position.column);
        buffer_printf(out, ": %s: %s", item->severity == SEVERITY_ERROR ? "error" : "warning", item->message);
        if (item->at.pointer[0])
            buffer_printf(out, " (at %s)", item->at.pointer);
        buffer_putc(out, '\n');
    }
}

void diagnostics_close(struct diagnostics *d) {
    for (size_t i = 0; i < d->count; i++)
        free(d->items[i].message);
    free(d->items);
    *d = (struct diagnostics){0};
}
