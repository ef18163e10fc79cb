#include "engine/plan/action.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

const char *action_out_type(enum out_type type) {
    static const char *const names[] = {"file", "directory", "metrics", "series", "any"};
    return names[type];
}

cJSON *action_labels(const struct label *labels, size_t count) {
    cJSON *out = cJSON_CreateObject();
    for (size_t i = 0; i < count; i++)
        cJSON_AddItemToObject(out, labels[i].name, cJSON_Parse(labels[i].value));
    return out;
}

const struct action_input *action_input(const struct action *a, const char *name) {
    for (size_t i = 0; i < a->input_count; i++)
        if (strcmp(a->inputs[i].name, name) == 0)
            return &a->inputs[i];
    return NULL;
}

const char *action_out_path(const struct action *a, const char *name) {
    for (size_t i = 0; i < a->out_count; i++)
        if (strcmp(a->outs[i].name, name) == 0)
            return a->outs[i].path;
    return "";
}

/* The items of a list side by side happen only in a word of its own, where the caller takes them one by one. */
static void put_part(struct buffer *b, const struct action *a, const struct action_given *given,
                     const struct word_part *part, size_t item) {
    const struct action_input *in;
    switch (part->symbol) {
    case WORD_TEXT:
        buffer_puts(b, part->text);
        return;
    case WORD_IN:
        in = action_input(a, part->text);
        if (in && item < in->count)
            given->item_path(given->context, in, item, b);
        return;
    case WORD_OUT:
        buffer_puts(b, action_out_path(a, part->text));
        return;
    case WORD_CHECKPOINT:
        buffer_puts(b, given->checkpoint ? given->checkpoint : "");
        return;
    case WORD_CPUS:
        buffer_printf(b, "%d", given->cpus);
        return;
    }
}

static char *word_text(const struct action *a, const struct action_given *given, const struct word *w, size_t item) {
    struct buffer b = {0};
    for (size_t i = 0; i < w->count; i++)
        put_part(&b, a, given, &w->parts[i], item);
    return buffer_detach(&b);
}

size_t action_word_items(const struct action *a, const struct word *w) {
    if (w->count != 1 || w->parts[0].symbol != WORD_IN)
        return 1;
    const struct action_input *in = action_input(a, w->parts[0].text);
    return in && in->list ? in->count : 1;
}

void action_argv(char ***out, size_t *count, const struct action *a, const struct action_given *given) {
    size_t total = *count;
    for (size_t i = 0; i < a->argc; i++)
        total += action_word_items(a, &a->argv[i]);
    *out = mem_resize(*out, total + 1, sizeof **out);
    for (size_t i = 0; i < a->argc; i++)
        for (size_t item = 0, items = action_word_items(a, &a->argv[i]); item < items; item++)
            (*out)[(*count)++] = word_text(a, given, &a->argv[i], item);
    (*out)[*count] = NULL;
}

char *action_env_text(const struct action *a, const struct action_env *env, const struct action_given *given) {
    return word_text(a, given, &env->value, 0);
}

static void put_visible_path(void *context, const struct action_input *input, size_t index, struct buffer *path) {
    const struct action_item *item = &input->items[index];
    (void)context;
    if (item->place)
        buffer_puts(path, item->place);
    else
        buffer_printf(path, "in/%s/%s", input->name, item->name);
}

const char *action_search(const struct action *a, struct arena *arena, const char *other) {
    const struct action_given given = {.cpus = 1, .item_path = put_visible_path};
    for (size_t i = 0; i < a->env_count; i++) {
        if (strcmp(a->env[i].name, "PATH") != 0)
            continue;
        char *text = action_env_text(a, &a->env[i], &given);
        const char *kept = arena_strdup(arena, text);
        free(text);
        return kept;
    }
    return other;
}
