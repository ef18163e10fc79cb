#include "engine/base/texts.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

void texts_add(struct texts *t, char *text) {
    mem_grow(t->list, &t->capacity, t->count + 1);
    t->list[t->count++] = text;
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void texts_sort(struct texts *t) {
    if (t->count > 0)
        qsort(t->list, t->count, sizeof *t->list, compare);
}

void texts_close(struct texts *t) {
    for (size_t i = 0; i < t->count; i++)
        free(t->list[i]);
    free(t->list);
    *t = (struct texts){0};
}
