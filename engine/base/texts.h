/* A list of texts that owns them. `{0}` is an empty list. */
#ifndef RETORT_BASE_TEXTS_H
#define RETORT_BASE_TEXTS_H

#include <stddef.h>

struct texts {
    char **list;
    size_t count, capacity;
};

void texts_add(struct texts *t, char *text); /* takes the text over */
void texts_sort(struct texts *t);            /* by bytes */
void texts_close(struct texts *t);           /* the list is empty again */

#endif
