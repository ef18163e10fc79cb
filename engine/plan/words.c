#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/plan/internal.h"

/* A word while it grows; neighbouring texts are one part, so that a word has one form in the key. */
struct draft_word {
    struct word_part *parts;
    size_t count, capacity;
    struct buffer text;
};

struct draft_words {
    struct word *words;
    size_t count, capacity;
};

static void end_text(struct arena *arena, struct draft_word *w) {
    if (w->text.size == 0)
        return;
    mem_grow(w->parts, &w->capacity, w->count + 1);
    w->parts[w->count++] = (struct word_part){WORD_TEXT, arena_strdup(arena, buffer_text(&w->text))};
    buffer_clear(&w->text);
}

static void add_symbol(struct arena *arena, struct draft_word *w, enum word_symbol symbol, const char *name) {
    end_text(arena, w);
    mem_grow(w->parts, &w->capacity, w->count + 1);
    w->parts[w->count++] = (struct word_part){symbol, name};
}

static struct word finish(struct arena *arena, struct draft_word *w) {
    end_text(arena, w);
    struct word_part *parts = arena_array(arena, w->count, sizeof *parts);
    if (w->count)
        memcpy(parts, w->parts, w->count * sizeof *parts);
    struct word word = {parts, w->count};
    free(w->parts);
    buffer_close(&w->text);
    *w = (struct draft_word){0};
    return word;
}

static int compare_name(const void *name, const void *input) {
    return strcmp(name, ((const struct action_input *)input)->name);
}

static const struct action_input *find_input(const struct action *a, const char *name) {
    if (a->input_count == 0)
        return NULL;
    return bsearch(name, a->inputs, a->input_count, sizeof *a->inputs, compare_name);
}

/* `alone`: the reference is the whole argv element, where a list may stand. */
static int add_path(struct draft_word *w, struct scope *s, const struct action *a, const struct reference *r,
                    const struct location *at, bool alone) {
    const char *name = r->step_count == 1 ? r->steps[0].name : NULL;
    if (r->root == REFERENCE_CHECKPOINT) {
        add_symbol(s->arena, w, WORD_CHECKPOINT, NULL);
        return 0;
    }
    if (r->root == REFERENCE_IN) {
        const struct action_input *in = name ? find_input(a, name) : NULL;
        if (!in)
            return scope_fault(s, at, "%s: there is no such input", r->text);
        if (in->list && !alone)
            return scope_fault(s, at, "%s is a list of %zu files, which cannot stand inside a text", r->text,
                               in->count);
        add_symbol(s->arena, w, WORD_IN, in->name);
        return 0;
    }
    if (!name || !stage_out(s->node->pub.decl, name, NULL))
        return scope_fault(s, at, "%s: there is no such out", r->text);
    add_symbol(s->arena, w, WORD_OUT, name);
    return 0;
}

static bool is_path(const struct reference *r) {
    return r->root == REFERENCE_IN || r->root == REFERENCE_OUTS || r->root == REFERENCE_CHECKPOINT;
}

/* A reference in the middle of a text. */
static int add_part(struct draft_word *w, struct scope *s, const struct action *a, const struct reference *r,
                    const struct location *at) {
    cJSON *json = NULL;
    if (is_path(r))
        return add_path(w, s, a, r, at, false);
    int rc = resolve_reference(&json, s, r, at);
    if (rc == 0)
        rc = put_scalar(&w->text, s, json, at);
    cJSON_Delete(json);
    return rc;
}

static int add_text(struct draft_word *w, struct scope *s, const struct action *a, const struct value *v) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < v->as.text.count; i++) {
        const struct text_part *part = &v->as.text.parts[i];
        if (part->text)
            buffer_puts(&w->text, part->text);
        else
            rc = add_part(w, s, a, part->reference, &v->at);
    }
    return rc;
}

static void push(struct draft_words *out, struct word word) {
    mem_grow(out->words, &out->capacity, out->count + 1);
    out->words[out->count++] = word;
}

/* A value as one word, or a list as one word an item. */
static int push_json(struct draft_words *out, struct scope *s, const cJSON *json, const struct location *at,
                     bool list) {
    struct draft_word w = {0};
    int rc = 0;
    if (!list || !cJSON_IsArray(json)) {
        rc = put_scalar(&w.text, s, json, at);
        push(out, finish(s->arena, &w));
        return rc;
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, json) {
        if (rc == 0)
            rc = push_json(out, s, item, at, false);
    }
    return rc;
}

/* One element of argv, or (not `list`) the value of a variable. */
static int push_value(struct draft_words *out, struct scope *s, const struct action *a, const struct value *v,
                      bool list) {
    struct draft_word w = {0};
    cJSON *json = NULL;
    int rc;
    if (v->type == VALUE_LITERAL)
        return push_json(out, s, v->as.literal, &v->at, list);
    if (v->type == VALUE_TEXT || (v->type == VALUE_REFERENCE && is_path(v->as.reference))) {
        rc = v->type == VALUE_TEXT ? add_text(&w, s, a, v) : add_path(&w, s, a, v->as.reference, &v->at, list);
        push(out, finish(s->arena, &w));
        return rc;
    }
    rc = resolve_json(&json, s, v);
    if (rc == 0)
        rc = push_json(out, s, json, &v->at, list);
    cJSON_Delete(json);
    return rc;
}

int build_command(struct action *a, struct scope *s) {
    const struct value *cmd = s->node->pub.decl->cmd;
    struct draft_words words = {0};
    int rc = 0;
    if (cmd->type == VALUE_LIST)
        for (size_t i = 0; rc == 0 && i < cmd->as.list.count; i++)
            rc = push_value(&words, s, a, cmd->as.list.items[i], true);
    else
        rc = push_value(&words, s, a, cmd, true);
    struct word *argv = arena_array(s->arena, words.count, sizeof *argv);
    if (words.count)
        memcpy(argv, words.words, words.count * sizeof *argv);
    a->argv = argv;
    a->argc = words.count;
    free(words.words);
    return rc;
}

int build_env(struct action *a, struct scope *s) {
    const struct stage_decl *decl = s->node->pub.decl;
    struct action_env *env = arena_array(s->arena, decl->env_count, sizeof *env);
    struct draft_words words = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < decl->env_count; i++) {
        words.count = 0;
        rc = push_value(&words, s, a, decl->env[i].value, false);
        if (rc == 0)
            env[i] = (struct action_env){decl->env[i].name, words.words[0]};
    }
    a->env = env;
    a->env_count = decl->env_count;
    free(words.words);
    return rc;
}
