/* The notes of a stage, at most one a second: the first at once, then the last of each second. */
#include <stdlib.h>

#include "engine/attempt/attempt.h"
#include "engine/base/memory.h"

enum { EVERY_MS = 1000 };

static uint64_t now_ms(void) {
    return clock_awake_ns() / 1000000;
}

static void pass(struct attempt *a, const char *text) {
    a->notes.due_ms = now_ms() + EVERY_MS;
    a->observer.note(a->observer.context, text);
}

static void pass_held(struct attempt *a) {
    char *text = a->notes.left_out == 0
                     ? mem_strdup(a->notes.held)
                     : mem_printf("%s (%zu notes before it are left out)", a->notes.held, a->notes.left_out);
    free(a->notes.held);
    a->notes.held = NULL;
    a->notes.left_out = 0;
    pass(a, text);
    free(text);
}

void attempt_note(struct attempt *a, const char *text) {
    if (a->notes.held) {
        a->notes.left_out++;
        free(a->notes.held);
    } else if (now_ms() >= a->notes.due_ms) {
        pass(a, text);
        return;
    } else {
        a->notes.next = a->all->noting;
        a->all->noting = a;
    }
    a->notes.held = mem_strdup(text);
}

void attempt_end_notes(struct attempt *a) {
    struct attempt **link = &a->all->noting;
    if (!a->notes.held)
        return;
    while (*link != a)
        link = &(*link)->notes.next;
    *link = a->notes.next;
    pass_held(a);
}

uint64_t attempts_pass_notes(struct attempts *all) {
    uint64_t now = now_ms(), due = UINT64_MAX;
    for (struct attempt **link = &all->noting; *link;) {
        struct attempt *a = *link;
        if (a->notes.due_ms <= now) {
            *link = a->notes.next;
            pass_held(a);
            continue;
        }
        due = a->notes.due_ms < due ? a->notes.due_ms : due;
        link = &a->notes.next;
    }
    return due;
}
