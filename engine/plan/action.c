#include "engine/plan/action.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

const char *action_out_type(enum out_type type) {
    static const char *const names[] = {"file", "directory", "metrics", "series"};
    return names[type];
}

cJSON *action_labels(const struct label *labels, size_t count) {
    cJSON *out = cJSON_CreateObject();
    for (size_t i = 0; i < count; i++)
        cJSON_AddItemToObject(out, labels[i].name, cJSON_Parse(labels[i].value));
    return out;
}

struct resolver {
    const struct action *action;
    const char *checkpoint;
    action_item_path *item_path;
    void *context;
};

static const struct action_input *find_input(const struct action *a, const char *name) {
    for (size_t i = 0; i < a->input_count; i++)
        if (strcmp(a->inputs[i].name, name) == 0)
            return &a->inputs[i];
    return NULL;
}

static const char *out_path(const struct action *a, const char *name) {
    for (size_t i = 0; i < a->out_count; i++)
        if (strcmp(a->outs[i].name, name) == 0)
            return a->outs[i].path;
    return "";
}

/* The items of a list side by side happen only in a word of its own, where the caller takes them one by one. */
static void put_part(struct buffer *b, const struct resolver *r, const struct word_part *part, size_t item) {
    const struct action_input *in;
    switch (part->symbol) {
    case WORD_TEXT:
        buffer_puts(b, part->text);
        return;
    case WORD_IN:
        in = find_input(r->action, part->text);
        if (in && item < in->count)
            r->item_path(r->context, in, item, b);
        return;
    case WORD_OUT:
        buffer_puts(b, out_path(r->action, part->text));
        return;
    case WORD_CHECKPOINT:
        buffer_puts(b, r->checkpoint ? r->checkpoint : "");
        return;
    }
}

static char *word_text(const struct resolver *r, const struct word *w, size_t item) {
    struct buffer b = {0};
    for (size_t i = 0; i < w->count; i++)
        put_part(&b, r, &w->parts[i], item);
    return buffer_detach(&b);
}

/* How many words of the command line a word becomes. */
static size_t word_items(const struct action *a, const struct word *w) {
    if (w->count != 1 || w->parts[0].symbol != WORD_IN)
        return 1;
    const struct action_input *in = find_input(a, w->parts[0].text);
    return in && in->list ? in->count : 1;
}

void action_argv(char ***out, size_t *count, const struct action *a, const char *checkpoint,
                 action_item_path *item_path, void *context) {
    struct resolver r = {a, checkpoint, item_path, context};
    size_t total = *count;
    for (size_t i = 0; i < a->argc; i++)
        total += word_items(a, &a->argv[i]);
    *out = mem_resize(*out, total + 1, sizeof **out);
    for (size_t i = 0; i < a->argc; i++)
        for (size_t item = 0, items = word_items(a, &a->argv[i]); item < items; item++)
            (*out)[(*count)++] = word_text(&r, &a->argv[i], item);
    (*out)[*count] = NULL;
}

char *action_env_text(const struct action *a, const struct action_env *env, const char *checkpoint,
                      action_item_path *item_path, void *context) {
    struct resolver r = {a, checkpoint, item_path, context};
    return word_text(&r, &env->value, 0);
}

static void put_visible_path(void *context, const struct action_input *input, size_t index, struct buffer *path) {
    (void)context;
    buffer_printf(path, "in/%s/%s", input->name, input->items[index].name);
}

const char *action_search(const struct action *a, struct arena *arena, const char *other) {
    for (size_t i = 0; i < a->env_count; i++) {
        if (strcmp(a->env[i].name, "PATH") != 0)
            continue;
        char *text = action_env_text(a, &a->env[i], NULL, put_visible_path, NULL);
        const char *kept = arena_strdup(arena, text);
        free(text);
        return kept;
    }
    return other;
}
