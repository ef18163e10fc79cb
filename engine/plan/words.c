#include <stdlib.h>
#include <string.h>

#include "engine/plan/internal.h"

/* Words while they are made, in the scope's arena. Neighbouring texts of a word are one part, so that a word has one
   form in the key. */
struct draft {
    struct scope *scope;
    const struct action *action;
    struct buffer *text; /* the end of the word that grows */
    struct word_part *parts;
    size_t part_count;
    struct word *words;
    size_t count, capacity;
};

static struct draft begin(struct scope *s, const struct action *a) {
    return (struct draft){.scope = s, .action = a, .text = &s->plan->text};
}

/* `parts`: at most so many it will have. */
static void begin_word(struct draft *d, size_t parts) {
    buffer_clear(d->text);
    d->parts = arena_array(d->scope->arena, parts, sizeof *d->parts);
    d->part_count = 0;
}

static void add_part(struct draft *d, enum word_symbol symbol, const char *text) {
    d->parts[d->part_count++] = (struct word_part){symbol, text};
}

static void end_text(struct draft *d) {
    if (d->text->size == 0)
        return;
    add_part(d, WORD_TEXT, arena_strndup(d->scope->arena, d->text->data, d->text->size));
    buffer_clear(d->text);
}

static void add_symbol(struct draft *d, enum word_symbol symbol, const char *name) {
    end_text(d);
    add_part(d, symbol, name);
}

static void end_word(struct draft *d) {
    end_text(d);
    arena_grow(d->scope->arena, d->words, &d->capacity, d->count + 1);
    d->words[d->count++] = (struct word){d->parts, d->part_count};
}

/* A word of a text that outlives the action. */
static void push_text(struct draft *d, const char *text) {
    begin_word(d, 1);
    if (*text)
        add_part(d, WORD_TEXT, text);
    end_word(d);
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
static int add_reference(struct draft *d, const struct reference *r, const struct location *at, bool alone) {
    struct scope *s = d->scope;
    const char *name = r->step_count == 1 ? r->steps[0].name : NULL;
    if (r->root == REFERENCE_CHECKPOINT || r->root == REFERENCE_CPUS) {
        add_symbol(d, r->root == REFERENCE_CPUS ? WORD_CPUS : WORD_CHECKPOINT, NULL);
        return 0;
    }
    if (r->root == REFERENCE_IN) {
        const struct action_input *in = name ? find_input(d->action, name) : NULL;
        if (!in)
            return scope_fault(s, at, "%s: there is no such input", r->text);
        if (in->list && in->count == 0 && !alone)
            return scope_fault(s, at, "%s is absent: only a word that it is alone can vanish", r->text);
        if (in->list && !alone)
            return scope_fault(s, at, "%s is a list of %zu files, which cannot stand inside a text", r->text,
                               in->count);
        add_symbol(d, WORD_IN, in->name);
        return 0;
    }
    if (!name || !stage_out(s->node->pub.decl, name, NULL))
        return scope_fault(s, at, "%s: there is no such out", r->text);
    add_symbol(d, WORD_OUT, name);
    return 0;
}

/* Whether it stays symbolic in the key. */
static bool is_symbol(const struct reference *r) {
    return r->root == REFERENCE_IN || r->root == REFERENCE_OUTS || r->root == REFERENCE_CHECKPOINT ||
           r->root == REFERENCE_CPUS;
}

static int push_template(struct draft *d, const struct value *v) {
    int rc = 0;
    begin_word(d, v->as.text.count);
    for (size_t i = 0; rc == 0 && i < v->as.text.count; i++) {
        const struct text_part *part = &v->as.text.parts[i];
        if (part->text)
            buffer_puts(d->text, part->text);
        else if (is_symbol(part->reference))
            rc = add_reference(d, part->reference, &v->at, false);
        else
            rc = put_reference(d->text, d->scope, part->reference, &v->at);
    }
    end_word(d);
    return rc;
}

static int push_symbol(struct draft *d, const struct value *v, bool list) {
    begin_word(d, 1);
    int rc = add_reference(d, v->as.reference, &v->at, list);
    end_word(d);
    return rc;
}

static int push_scalar(struct draft *d, const cJSON *json, const struct location *at) {
    begin_word(d, 1);
    int rc = put_scalar(d->text, d->scope, json, at);
    end_word(d);
    return rc;
}

/* A value as one word, or a list as one word an item. */
static int push_json(struct draft *d, const cJSON *json, const struct location *at, bool list) {
    int rc = 0;
    if (!list || !cJSON_IsArray(json))
        return push_scalar(d, json, at);
    const cJSON *item;
    cJSON_ArrayForEach(item, json) {
        if (rc == 0)
            rc = push_scalar(d, item, at);
    }
    return rc;
}

static int push_resolved(struct draft *d, const struct value *v, bool list) {
    cJSON *json = NULL;
    int rc = resolve_json(&json, d->scope, v);
    if (rc == 0)
        rc = push_json(d, json, &v->at, list);
    cJSON_Delete(json);
    return rc;
}

/* One element of argv, or (not `list`) the value of a variable. */
static int push_value(struct draft *d, const struct value *v, bool list) {
    const char *text = v->type == VALUE_REFERENCE ? coordinate_text(d->scope, v->as.reference) : value_text(v);
    if (text) {
        push_text(d, text);
        return 0;
    }
    if (v->type == VALUE_LITERAL)
        return push_json(d, v->as.literal, &v->at, list);
    if (v->type == VALUE_TEXT)
        return push_template(d, v);
    if (v->type == VALUE_REFERENCE && is_symbol(v->as.reference))
        return push_symbol(d, v, list);
    return push_resolved(d, v, list);
}

int build_command(struct action *a, struct scope *s) {
    const struct value *cmd = s->node->pub.decl->cmd;
    struct draft d = begin(s, a);
    int rc = 0;
    if (cmd->type == VALUE_LIST)
        for (size_t i = 0; rc == 0 && i < cmd->as.list.count; i++)
            rc = push_value(&d, cmd->as.list.items[i], true);
    else
        rc = push_value(&d, cmd, true);
    a->argv = d.words;
    a->argc = d.count;
    return rc;
}

int build_env(struct action *a, struct scope *s) {
    const struct stage_decl *decl = s->node->pub.decl;
    struct action_env *env = arena_array(s->arena, decl->env_count, sizeof *env);
    struct draft d = begin(s, a);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < decl->env_count; i++) {
        rc = push_value(&d, decl->env[i].value, false);
        if (rc == 0)
            env[i] = (struct action_env){decl->env[i].name, d.words[i]};
    }
    a->env = env;
    a->env_count = decl->env_count;
    return rc;
}

/* ---- before its needs are done ---- */

static void foresee_command(struct action *known, struct draft *d, const struct value *cmd) {
    for (size_t i = 0; cmd && cmd->type == VALUE_LIST && i < cmd->as.list.count; i++)
        if (value_is_known(d->scope, cmd->as.list.items[i]))
            push_value(d, cmd->as.list.items[i], true);
    known->argv = d->words;
    known->argc = d->count;
}

void words_foresee(struct scope *s) {
    const struct stage_decl *decl = s->node->pub.decl;
    const struct action none = {0};
    struct action known = {0};
    struct draft words = begin(s, &none), values = begin(s, &none);
    struct action_env *env = arena_array(s->arena, decl->env_count, sizeof *env);
    foresee_command(&known, &words, decl->cmd);
    for (size_t i = 0; i < decl->env_count; i++)
        if (value_is_known(s, decl->env[i].value) && push_value(&values, decl->env[i].value, false) == 0)
            env[known.env_count++] = (struct action_env){decl->env[i].name, values.words[values.count - 1]};
    known.env = env;
    build_check_words(&known, s);
}
