#include <stdarg.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "store/internal.h"

enum { MOST_NOTICES = 1000 };

void notice(struct store *s, const char *format, ...) {
    struct buffer b = {0};
    va_list args;
    va_start(args, format);
    buffer_vprintf(&b, format, args);
    va_end(args);
    pthread_mutex_lock(&s->lock);
    if (s->notice_count == MOST_NOTICES)
        free(s->notices[--s->notice_count]);
    mem_grow(s->notices, &s->notice_capacity, s->notice_count + 1);
    s->notices[s->notice_count++] = buffer_detach(&b);
    pthread_mutex_unlock(&s->lock);
}

void store_notices(struct store *s, void (*say)(void *context, const char *line), void *context) {
    pthread_mutex_lock(&s->lock);
    char **lines = s->notices;
    size_t count = s->notice_count;
    s->notices = NULL;
    s->notice_count = s->notice_capacity = 0;
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < count; i++) {
        say(context, lines[i]);
        free(lines[i]);
    }
    free(lines);
}
