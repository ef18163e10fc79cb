/* Notes for the user, and paths. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "engine/base/file.h"
#include "engine/dvc/internal.h"

void paths_add_once(struct dvc *d, struct paths *p, const char *path) {
    char *normal = path_normal(path);
    bool there = false;
    for (size_t i = 0; i < p->count; i++)
        there |= strcmp(p->list[i], normal) == 0;
    if (!there) {
        arena_grow(d->arena, p->list, &p->capacity, p->count + 1);
        p->list[p->count++] = arena_strdup(d->arena, normal);
    }
    free(normal);
}

bool dvc_exists(const struct dvc *d, const char *path) {
    char *whole = path_join(d->root, path);
    bool there = file_exists(whole);
    free(whole);
    return there;
}

static void note(struct texts *notes, const char *format, va_list args) {
    struct buffer b = {0};
    buffer_vprintf(&b, format, args);
    for (size_t i = 0; i < notes->count; i++)
        if (strcmp(notes->list[i], buffer_text(&b)) == 0) {
            buffer_close(&b);
            return;
        }
    texts_add(notes, buffer_detach(&b));
}

void dvc_note_left(struct dvc *d, const char *format, ...) {
    va_list args;
    va_start(args, format);
    note(&d->result->left, format, args);
    va_end(args);
}

void dvc_note_added(struct dvc *d, const char *format, ...) {
    va_list args;
    va_start(args, format);
    note(&d->result->added, format, args);
    va_end(args);
}
