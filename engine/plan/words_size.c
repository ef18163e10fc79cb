/* The size of a command line, which the system limits. */
#include <string.h>

#include "engine/plan/internal.h"

enum {
    MOST_WORD_BYTES = 131071, /* MAX_ARG_STRLEN of Linux, without the NUL */
    POINTER_BYTES = 8,        /* counted for each word */
    INDEX_BYTES = 8           /* "/" and the number of an item in a list */
};

static size_t item_size(const struct action_input *in, size_t item) {
    const struct action_item *i = &in->items[item];
    return i->place ? strlen(i->place) : strlen("in//") + strlen(in->name) + INDEX_BYTES + strlen(i->name);
}

static size_t part_size(const struct action *a, const struct word_part *part, size_t item) {
    const struct action_input *in;
    switch (part->symbol) {
    case WORD_TEXT:
        return strlen(part->text);
    case WORD_IN:
        in = action_input(a, part->text);
        return in && item < in->count ? item_size(in, item) : 0;
    case WORD_OUT:
        return strlen(action_out_path(a, part->text));
    case WORD_CHECKPOINT:
    case WORD_CPUS:
        break;
    }
    return 0;
}

static size_t word_size(const struct action *a, const struct word *w, size_t item) {
    size_t size = 0;
    for (size_t i = 0; i < w->count; i++)
        size += part_size(a, &w->parts[i], item);
    return size;
}

static int check_word(struct scope *s, size_t size, const char *what, const char *name) {
    if (size <= MOST_WORD_BYTES)
        return 0;
    return scope_fault(s, &s->node->pub.decl->cmd->at,
                       "%s \"%s\" has %zu bytes; the system takes at most %d: pass it in a file", what, name, size,
                       MOST_WORD_BYTES);
}

int build_check_words(const struct action *a, struct scope *s) {
    size_t total = 0, most = s->plan->facts.command_bytes;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->argc; i++)
        for (size_t item = 0, items = action_word_items(a, &a->argv[i]); rc == 0 && item < items; item++) {
            size_t size = word_size(a, &a->argv[i], item);
            total += size + 1 + POINTER_BYTES;
            rc = check_word(s, size, "a word of", "cmd");
        }
    for (size_t i = 0; rc == 0 && i < a->env_count; i++) {
        size_t size = strlen(a->env[i].name) + 1 + word_size(a, &a->env[i].value, 0);
        total += size + 1 + POINTER_BYTES;
        rc = check_word(s, size, "the variable", a->env[i].name);
    }
    if (rc == 0 && most > 0 && total > most)
        rc = scope_fault(s, &s->node->pub.decl->cmd->at,
                         "the command line with its variables has %zu bytes; this machine takes at most %zu: name a "
                         "folder, or pass the values in a file",
                         total, most);
    return rc;
}
