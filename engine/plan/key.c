#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/plan/action.h"

/* A component of the key in the text of the list. It is framed as by sha256_field: the length of the name in eight
   bytes, the name, the length of the value, the value. So components in order are hashed without a copy. */
struct component {
    size_t at;
    size_t name_size, value_size;
};

enum { FRAME = 8 };

struct components {
    struct component *items;
    size_t count, capacity;
    struct buffer text;
};

static void put_length(struct buffer *b, size_t at, size_t size) {
    const uint64_t length = htole64(size);
    memcpy(b->data + at, &length, FRAME);
}

static void put_frame(struct buffer *b) {
    static const char room[FRAME];
    buffer_append(b, room, FRAME);
}

static void begin(struct components *c, const char *prefix, const char *name) {
    mem_grow(c->items, &c->capacity, c->count + 1);
    struct component *item = &c->items[c->count++];
    item->at = c->text.size;
    put_frame(&c->text);
    buffer_puts(&c->text, prefix);
    buffer_puts(&c->text, name);
    item->name_size = c->text.size - item->at - FRAME;
    put_length(&c->text, item->at, item->name_size);
    put_frame(&c->text);
}

static void end(struct components *c) {
    struct component *item = &c->items[c->count - 1];
    size_t value = item->at + FRAME + item->name_size;
    item->value_size = c->text.size - value - FRAME;
    put_length(&c->text, value, item->value_size);
}

static const char *name_of(const struct components *c, const struct component *item) {
    return c->text.data + item->at + FRAME;
}

static const char *value_of(const struct components *c, const struct component *item) {
    return name_of(c, item) + item->name_size + FRAME;
}

static void put_part(struct buffer *b, const struct word_part *part) {
    switch (part->symbol) {
    case WORD_TEXT:
        json_string(b, part->text);
        return;
    case WORD_CHECKPOINT:
        buffer_puts(b, "{\"checkpoint\":true}");
        return;
    case WORD_CPUS:
        buffer_puts(b, "{\"cpus\":true}");
        return;
    case WORD_IN:
    case WORD_OUT:
        buffer_puts(b, part->symbol == WORD_IN ? "{\"in\":" : "{\"out\":");
        json_string(b, part->text);
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
    for (const struct label *l = next_label(item, NULL), *last = NULL; l; last = l, l = next_label(item, l)) {
        if (last)
            buffer_putc(b, ',');
        json_string(b, l->name);
        buffer_putc(b, ':');
        buffer_puts(b, l->value);
    }
}

/* Members in the order of RFC 8785. */
static void put_item(struct buffer *b, const struct action_item *item) {
    char hex[DIGEST_HEX_SIZE];
    digest_hex(hex, &item->content.digest);
    buffer_putc(b, '{');
    if (item->place) {
        buffer_puts(b, "\"as\":");
        json_string(b, item->place);
        buffer_putc(b, ',');
    }
    buffer_puts(b, item->content.directory ? "\"directory\":true,\"executable\":" : "\"executable\":");
    buffer_puts(b, item->content.executable ? "true,\"labels\":{" : "false,\"labels\":{");
    put_labels(b, item);
    buffer_puts(b, "},\"name\":");
    json_string(b, item->name);
    buffer_puts(b, ",\"sha256\":\"");
    buffer_append(b, hex, DIGEST_HEX_SIZE - 1);
    buffer_puts(b, "\"}");
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

enum { DIGITS_SIZE = 21 };

static const char *decimal(char digits[DIGITS_SIZE], size_t number) {
    char *first = digits + DIGITS_SIZE - 1;
    *first = '\0';
    do
        *--first = (char)('0' + number % 10);
    while (number /= 10);
    return first;
}

static void add_argv(struct components *c, const struct action *a) {
    char digits[DIGITS_SIZE];
    for (size_t i = 0; i < a->argc; i++) {
        begin(c, "argv.", decimal(digits, i));
        put_word(&c->text, &a->argv[i]);
        end(c);
    }
}

static void add_env(struct components *c, const struct action_env *env) {
    begin(c, "env.", env->name);
    put_word(&c->text, &env->value);
    end(c);
}

static void add_kind(struct components *c, const struct kind *kind) {
    begin(c, "kind", "");
    buffer_printf(&c->text, "\"%s@%d\"", kind->name, kind->version);
    end(c);
}

static void add_out(struct components *c, const struct out_decl *out) {
    begin(c, "outs.", out->name);
    buffer_puts(&c->text, out->optional ? "{\"optional\":true,\"path\":" : "{\"path\":");
    json_string(&c->text, out->path);
    buffer_puts(&c->text, ",\"type\":");
    json_string(&c->text, action_out_type(out->type));
    buffer_putc(&c->text, '}');
    end(c);
}

static void add_digest(struct components *c, const char *prefix, const char *name, const struct digest *digest) {
    char hex[DIGEST_HEX_SIZE];
    digest_hex(hex, digest);
    begin(c, prefix, name);
    json_string(&c->text, hex);
    end(c);
}

static void add_packages(struct components *c, const struct action_pin *pin) {
    struct buffer prefix = {0};
    buffer_printf(&prefix, "pin.%s/", pin->program);
    const cJSON *package;
    cJSON_ArrayForEach(package, pin->packages) {
        begin(c, buffer_text(&prefix), package->string);
        json_string(&c->text, package->valuestring);
        end(c);
    }
    buffer_close(&prefix);
}

static void add_pin(struct components *c, const struct action_pin *pin) {
    add_digest(c, "pin.", pin->program, &pin->digest);
    if (pin->packages)
        add_packages(c, pin);
}

static void add_json(struct components *c, const char *prefix, const char *name, const cJSON *json) {
    begin(c, prefix, name);
    json_canonical(&c->text, json);
    end(c);
}

/* Nearly in the order of the names already. */
static void collect(struct components *c, const struct action *a) {
    add_argv(c, a);
    for (size_t i = 0; i < a->env_count; i++)
        add_env(c, &a->env[i]);
    for (size_t i = 0; i < a->input_count; i++)
        add_input(c, &a->inputs[i]);
    if (a->kind)
        add_kind(c, a->kind);
    if (a->machine)
        add_json(c, "machine", "", a->machine);
    for (size_t i = 0; !a->kind && i < a->out_count; i++)
        add_out(c, &a->outs[i]);
    for (size_t i = 0; i < a->pass_count; i++)
        add_digest(c, "pass_env.", a->passes[i].name, &a->passes[i].digest);
    for (size_t i = 0; i < a->pin_count; i++)
        add_pin(c, &a->pins[i]);
    if (a->prefix) {
        begin(c, "toolchain", "");
        json_string(&c->text, a->prefix);
        end(c);
    }
    const cJSON *member;
    cJSON_ArrayForEach(member, a->reduced) {
        add_json(c, "with.", member->string, member);
    }
}

static int compare(const struct components *c, const struct component *a, const struct component *b) {
    size_t shorter = a->name_size < b->name_size ? a->name_size : b->name_size;
    int order = memcmp(name_of(c, a), name_of(c, b), shorter);
    return order ? order : (a->name_size > b->name_size) - (a->name_size < b->name_size);
}

static int compare_items(const void *left, const void *right, void *components) {
    return compare(components, left, right);
}

/* False when they are in order already. */
static bool sort(struct components *c) {
    bool sorted = true;
    for (size_t i = 1; sorted && i < c->count; i++)
        sorted = compare(c, &c->items[i - 1], &c->items[i]) < 0;
    if (!sorted)
        qsort_r(c->items, c->count, sizeof *c->items, compare_items, c);
    return !sorted;
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
        const struct component *item = &c.items[i];
        char *name = mem_strndup(name_of(&c, item), item->name_size);
        cJSON_AddItemToObject(out, name, cJSON_ParseWithLength(value_of(&c, item), item->value_size));
        free(name);
    }
    components_close(&c);
    return out;
}

static const char tag[] = "retort-key-1";

struct key_maker {
    struct components components;
    struct buffer ordered;
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
    buffer_close(&m->ordered);
    sha256_free(m->hash);
    free(m);
}

/* The text of the list with its components in order. */
static const struct buffer *order_text(struct key_maker *m) {
    const struct components *c = &m->components;
    buffer_clear(&m->ordered);
    for (size_t i = 0; i < c->count; i++) {
        const struct component *item = &c->items[i];
        buffer_append(&m->ordered, c->text.data + item->at, (size_t)2 * FRAME + item->name_size + item->value_size);
    }
    return &m->ordered;
}

void action_key(struct digest *out, struct key_maker *m, const struct action *a) {
    struct components *c = &m->components;
    c->count = 0;
    buffer_clear(&c->text);
    collect(c, a);
    const struct buffer *text = sort(c) ? order_text(m) : &c->text;
    sha256_field(m->hash, tag, sizeof tag - 1);
    sha256_update(m->hash, text->data, text->size);
    sha256_restart(m->hash, out);
}

void components_key(struct digest *out, const cJSON *components) {
    struct components c = {0};
    struct key_maker *m = key_maker_create();
    const cJSON *item;
    cJSON_ArrayForEach(item, components) {
        add_json(&c, "", item->string ? item->string : "", item);
    }
    m->components = c;
    sort(&m->components);
    const struct buffer *text = order_text(m);
    sha256_field(m->hash, tag, sizeof tag - 1);
    sha256_update(m->hash, text->data, text->size);
    sha256_restart(m->hash, out);
    key_maker_free(m);
}
