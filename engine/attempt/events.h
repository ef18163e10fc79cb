/* The events of a running stage: JSON lines on its pipe (stages/README.md). Pure. */
#ifndef RETORT_ENGINE_ATTEMPT_EVENTS_H
#define RETORT_ENGINE_ATTEMPT_EVENTS_H

#include <stddef.h>

#include "engine/base/buffer.h"

enum { EVENTS_LINE_LIMIT = 64 * 1024 }; /* a longer line is dropped whole */

/* Any member may be NULL. `name`, `unit` and `text` live until the call returns. */
struct event_reader {
    void *context;
    void (*progress)(void *context, double done, double total, const char *unit);
    void (*metric)(void *context, const char *name, double step, double value);
    void (*note)(void *context, const char *text);

    struct buffer line; /* of the last piece: what has no newline yet */
    int dropping;       /* inside a line that is too long */
    size_t refused;     /* lines that were no event */
};

/* Takes the next bytes of the pipe, in pieces of any size. */
void events_feed(struct event_reader *r, const char *bytes, size_t size);
void events_close(struct event_reader *r);

#endif
