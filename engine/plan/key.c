#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/plan/action.h"

/* One field of the key; both strings stand in the text of the list. */
struct component {
    size_t name, name_size;
    size_t value, value_size;
};

struct components {
    struct component *items;
    size_t count, capacity;
    struct buffer text;
};

static void begin(struct components *c, const char *prefix, const char *name) {
    mem_grow(c->items, &c->capacity, c->count + 1);
    struct component *item = &c->items[c->count++];
    item->name = c->text.size;
    buffer_puts(&c->text, prefix);
    buffer_puts(&c->text, name);
    item->name_size = c->text.size - item->name;
    buffer_putc(&c->text, '\0');
    item->value = c->text.size;
}

static void end(struct components *c) {
    struct component *item = &c->items[c->count - 1];
    item->value_size = c->text.size - item->value;
    buffer_putc(&c->text, '\0');
}

static void put_string(struct buffer *b, const char *name, const char *text) {
    json_string(b, name);
    buffer_putc(b, ':');
    json_string(b, text);
}

static void put_part(struct buffer *b, const struct word_part *part) {
    switch (part->symbol) {
    case WORD_TEXT:
        json_string(b, part->text);
        return;
    case WORD_CHECKPOINT:
        buffer_puts(b, "{\"checkpoint\":true}");
        return;
    case WORD_IN:
    case WORD_OUT:
        buffer_putc(b, '{');
        put_string(b, part->symbol == WORD_IN ? "in" : "out", part->text);
        buffer_putc(b, '}');
        return;
    }
}

/* A word without symbols is a string; {"in": name} a word that is one symbol; else an array of such parts. */
static void put_word(struct buffer *b, const struct word *w) {
    if (w->count == 0)
        json_string(b, "");
    if (w->count > 1)
        buffer_putc(b, '[');
    for (size_t i = 0; i < w->count; i++) {
        if (i > 0)
            buffer_putc(b, ',');
        put_part(b, &w->parts[i]);
    }
    if (w->count > 1)
        buffer_putc(b, ']');
}

/* The label that follows `last` in the order of RFC 8785; the first for NULL. */
static const struct label *next_label(const struct action_item *item, const struct label *last) {
    const struct label *next = NULL;
    for (size_t i = 0; i < item->label_count; i++) {
        const struct label *l = &item->labels[i];
        if ((!last || json_compare_names(l->name, last->name) > 0) &&
            (!next || json_compare_names(l->name, next->name) < 0))
            next = l;
    }
    return next;
}

static void put_labels(struct buffer *b, const struct action_item *item) {
    buffer_putc(b, '{');
    for (const struct label *l = next_label(item, NULL); l; l = next_label(item, l)) {
        if (b->data[b->size - 1] != '{')
            buffer_putc(b, ',');
        json_string(b, l->name);
        buffer_putc(b, ':');
        buffer_puts(b, l->value);
    }
    buffer_putc(b, '}');
}

/* Members in the order of RFC 8785. */
static void put_item(struct buffer *b, const struct action_item *item) {
    char hex[DIGEST_HEX_SIZE];
    digest_hex(hex, &item->content.digest);
    buffer_putc(b, '{');
    if (item->content.directory)
        buffer_puts(b, "\"directory\":true,");
    buffer_puts(b, item->content.executable ? "\"executable\":true,\"labels\":" : "\"executable\":false,\"labels\":");
    put_labels(b, item);
    buffer_putc(b, ',');
    put_string(b, "name", item->name);
    buffer_putc(b, ',');
    put_string(b, "sha256", hex);
    buffer_putc(b, '}');
}

static void add_input(struct components *c, const struct action_input *in) {
    begin(c, "in.", in->name);
    if (in->list)
        buffer_putc(&c->text, '[');
    for (size_t i = 0; i < in->count; i++) {
        if (i > 0)
            buffer_putc(&c->text, ',');
        put_item(&c->text, &in->items[i]);
    }
    if (in->list)
        buffer_putc(&c->text, ']');
    end(c);
}

static void add_kind(struct components *c, const struct action *a) {
    begin(c, "kind", "");
    buffer_printf(&c->text, "\"%s@%d\"", a->kind->name, a->kind->version);
    end(c);
    const cJSON *member;
    cJSON_ArrayForEach(member, a->reduced) {
        begin(c, "with.", member->string);
        json_canonical(&c->text, member);
        end(c);
    }
}

static void add_command(struct components *c, const struct action *a) {
    char index[32];
    for (size_t i = 0; i < a->argc; i++) {
        snprintf(index, sizeof index, "%zu", i);
        begin(c, "argv.", index);
        put_word(&c->text, &a->argv[i]);
        end(c);
    }
    for (size_t i = 0; i < a->out_count; i++) {
        begin(c, "outs.", a->outs[i].name);
        buffer_putc(&c->text, '{');
        put_string(&c->text, "path", a->outs[i].path);
        buffer_putc(&c->text, ',');
        put_string(&c->text, "type", action_out_type(a->outs[i].type));
        buffer_putc(&c->text, '}');
        end(c);
    }
}

static void add_pin(struct components *c, const struct action_pin *pin) {
    char hex[DIGEST_HEX_SIZE];
    digest_hex(hex, &pin->digest);
    begin(c, "pin.", pin->program);
    json_string(&c->text, hex);
    end(c);
}

static void collect(struct components *c, const struct action *a) {
    if (a->kind)
        add_kind(c, a);
    else
        add_command(c, a);
    for (size_t i = 0; i < a->input_count; i++)
        add_input(c, &a->inputs[i]);
    for (size_t i = 0; i < a->env_count; i++) {
        begin(c, "env.", a->env[i].name);
        put_word(&c->text, &a->env[i].value);
        end(c);
    }
    for (size_t i = 0; i < a->pin_count; i++)
        add_pin(c, &a->pins[i]);
    if (a->machine) {
        begin(c, "machine", "");
        json_canonical(&c->text, a->machine);
        end(c);
    }
}

enum { FEW = 32 };

static int compare_components(const void *left, const void *right, void *text) {
    const struct component *a = left, *b = right;
    return strcmp((const char *)text + a->name, (const char *)text + b->name);
}

/* A key has some ten fields, mostly in order already: insertion sort. One of 100,000 words has a field for each. */
static void sort(struct components *c) {
    const char *text = buffer_text(&c->text);
    if (c->count > FEW) {
        qsort_r(c->items, c->count, sizeof *c->items, compare_components, c->text.data);
        return;
    }
    for (size_t i = 1; i < c->count; i++) {
        struct component item = c->items[i];
        size_t k = i;
        for (; k > 0 && strcmp(text + c->items[k - 1].name, text + item.name) > 0; k--)
            c->items[k] = c->items[k - 1];
        c->items[k] = item;
    }
}

static void components_close(struct components *c) {
    free(c->items);
    buffer_close(&c->text);
}

cJSON *action_components(const struct action *a) {
    struct components c = {0};
    collect(&c, a);
    sort(&c);
    cJSON *out = cJSON_CreateObject();
    for (size_t i = 0; i < c.count; i++) {
        const char *text = buffer_text(&c.text);
        cJSON_AddItemToObject(out, text + c.items[i].name, cJSON_Parse(text + c.items[i].value));
    }
    components_close(&c);
    return out;
}

struct key_maker {
    struct components components;
    struct buffer framed;
    struct sha256 *hash;
};

struct key_maker *key_maker_create(void) {
    struct key_maker *m = mem_alloc(sizeof *m);
    m->hash = sha256_create();
    return m;
}

void key_maker_free(struct key_maker *m) {
    if (!m)
        return;
    components_close(&m->components);
    buffer_close(&m->framed);
    sha256_free(m->hash);
    free(m);
}

/* As sha256_field frames it: all fields of a key are hashed at once. */
static void put_field(struct buffer *b, const char *bytes, size_t size) {
    char length[8];
    for (size_t i = 0; i < sizeof length; i++)
        length[i] = (char)((uint64_t)size >> (8 * i));
    buffer_append(b, length, sizeof length);
    buffer_append(b, bytes, size);
}

void action_key(struct digest *out, struct key_maker *m, const struct action *a) {
    static const char tag[] = "retort-key-1";
    struct components *c = &m->components;
    c->count = 0;
    buffer_clear(&c->text);
    buffer_clear(&m->framed);
    collect(c, a);
    sort(c);
    put_field(&m->framed, tag, sizeof tag - 1);
    for (size_t i = 0; i < c->count; i++) {
        const char *text = buffer_text(&c->text);
        put_field(&m->framed, text + c->items[i].name, c->items[i].name_size);
        put_field(&m->framed, text + c->items[i].value, c->items[i].value_size);
    }
    sha256_update(m->hash, m->framed.data, m->framed.size);
    sha256_restart(m->hash, out);
}
