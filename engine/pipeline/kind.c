/* Checks a stage of a built-in kind against the kind's description. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/pipeline/reader.h"

/* The origin of a node of the checked tree. */
struct mirrored {
    const cJSON *node;
    const cJSON *shown; /* its node in the file; NULL: report at `at` */
    struct location at;
};

/*
 * The tree of a `with` as far as it is known. A raw node, which no parsed tree has, stands for a value that depends on
 * results or is faulty. Merging moves nodes and copies none, so each node keeps its origin.
 */
struct mirror {
    struct draft *draft;
    struct mirrored *items;
    size_t count, capacity;
    struct bytemap by_node; /* node -> origin; filled at the first fault */
};

static bool is_open(void *context, const cJSON *node) {
    (void)context;
    return cJSON_IsRaw(node);
}

static cJSON *note(struct mirror *m, cJSON *node, const cJSON *shown, const struct location *at) {
    mem_grow(m->items, &m->capacity, m->count + 1);
    m->items[m->count++] = (struct mirrored){node, shown, *at};
    return mem_checked(node);
}

/* A node inside a param is reported where the reference to the param stands. */
static void note_children(struct mirror *m, const cJSON *copy, const cJSON *node, const struct location *at) {
    cJSON *a = copy->child;
    for (const cJSON *b = node->child; a && b; a = a->next, b = b->next) {
        note(m, a, b, at);
        note_children(m, a, b, at);
    }
}

static cJSON *mirror_value(struct mirror *m, const struct value *v, const cJSON *shown);

static cJSON *mirror_list(struct mirror *m, const struct value *v, const cJSON *shown) {
    cJSON *out = note(m, cJSON_CreateArray(), shown, &v->at);
    const cJSON *child = shown ? shown->child : NULL;
    for (size_t i = 0; i < v->as.list.count; i++) {
        cJSON_AddItemToArray(out, mirror_value(m, v->as.list.items[i], child));
        child = child ? child->next : NULL;
    }
    return out;
}

static cJSON *mirror_object(struct mirror *m, const struct value *v, const cJSON *shown) {
    cJSON *out = note(m, cJSON_CreateObject(), shown, &v->at);
    struct json_index members;
    json_index_open(&members, shown);
    for (size_t i = 0; i < v->as.object.count; i++) {
        const char *name = v->as.object.names[i];
        cJSON_AddItemToObject(out, name, mirror_value(m, v->as.object.values[i], json_index_get(&members, name)));
    }
    json_index_close(&members);
    return out;
}

static void drop_nulls(cJSON *object) {
    cJSON *next = NULL;
    for (cJSON *child = object->child; child; child = next) {
        next = child->next;
        if (cJSON_IsNull(child))
            cJSON_Delete(cJSON_DetachItemViaPointer(object, child));
        else if (cJSON_IsObject(child))
            drop_nulls(child);
    }
}

/* Merges by RFC 7396. Moves the nodes of `patch`, which is freed. */
static void merge(cJSON *target, cJSON *patch) {
    struct json_index members;
    json_index_open(&members, target);
    while (patch->child) {
        cJSON *child = cJSON_DetachItemViaPointer(patch, patch->child);
        cJSON *old = json_index_get(&members, child->string);
        if (cJSON_IsNull(child)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(target, old));
            cJSON_Delete(child);
        } else if (cJSON_IsObject(child) && cJSON_IsObject(old)) {
            merge(old, child);
        } else {
            if (cJSON_IsObject(child))
                drop_nulls(child);
            if (old)
                cJSON_ReplaceItemViaPointer(target, old, child);
            else
                cJSON_AddItemToArray(target, child); /* keeps its name */
        }
    }
    json_index_close(&members);
    cJSON_Delete(patch);
}

static cJSON *mirror_extends(struct mirror *m, const struct value *v, const cJSON *shown) {
    const cJSON *extends = shown ? cJSON_GetObjectItemCaseSensitive(shown, "$extends") : NULL;
    cJSON *base = mirror_value(m, v->as.extends.base, extends);
    if (!cJSON_IsObject(base))
        return base; /* depends on results */
    merge(base, mirror_value(m, v->as.extends.patch, shown));
    return note(m, base, shown, &v->at);
}

static cJSON *mirror_value(struct mirror *m, const struct value *v, const cJSON *shown) {
    switch (v->type) {
    case VALUE_LIST:
        return mirror_list(m, v, shown);
    case VALUE_OBJECT:
        return mirror_object(m, v, shown);
    case VALUE_EXTENDS:
        return mirror_extends(m, v, shown);
    case VALUE_LITERAL:
        if (!value_is_broken(v)) {
            cJSON *copy = note(m, cJSON_Duplicate(v->as.literal, true), shown, &v->at);
            note_children(m, copy, v->as.literal, &v->at);
            return copy;
        }
        break;
    case VALUE_REFERENCE:
    case VALUE_TEXT:
        break;
    }
    return note(m, cJSON_CreateRaw(""), shown, &v->at);
}

/* A node may be recorded twice: the last origin counts. */
static const struct mirrored *find_mirrored(struct mirror *m, const cJSON *node) {
    for (size_t i = m->by_node.count ? 0 : m->count; i-- > 0;)
        if (!bytemap_get(&m->by_node, &m->items[i].node, sizeof(const cJSON *)))
            bytemap_put(&m->by_node, &m->items[i].node, sizeof(const cJSON *), &m->items[i]);
    return bytemap_get(&m->by_node, &node, sizeof(const cJSON *));
}

static void on_fault(void *context, const cJSON *at, bool on_key, const char *message) {
    struct mirror *m = context;
    const struct mirrored *origin = find_mirrored(m, at);
    struct location place = origin ? origin->at : m->draft->decl.at;
    if (origin && origin->shown) {
        struct location shown = locate_value(m->draft->part, origin->shown);
        if (location_position(&shown).line)
            place = on_key ? locate_key(m->draft->part, origin->shown) : shown;
    }
    report(m->draft->part->reader, &place, "%s", message);
}

static void check_with(struct draft *d) {
    struct mirror m = {.draft = d};
    const cJSON *shown = cJSON_GetObjectItemCaseSensitive(d->node, "with");
    cJSON *tree = d->decl.with ? mirror_value(&m, d->decl.with, shown) : cJSON_CreateObject();
    if (cJSON_IsObject(tree))
        kind_check_with(d->decl.kind, tree, is_open, on_fault, &m);
    cJSON_Delete(tree);
    bytemap_close(&m.by_node);
    free(m.items);
}

static bool comes_to_list(const struct input_decl *input) {
    return input->type == INPUT_LIST || (input->type == INPUT_REFERENCE && use_is_list(input->value->as.reference));
}

static void check_input(struct draft *d, const struct input_decl *input) {
    struct reader *r = d->part->reader;
    const struct kind *kind = d->decl.kind;
    const struct kind_input *known = kind_input(kind, input->name);
    if (!known && !is_silent(r)) {
        const char **names = arena_array(r->arena, kind->input_count, sizeof *names);
        for (size_t i = 0; i < kind->input_count; i++)
            names[i] = kind->inputs[i].name;
        report(r, &input->at, "the kind %s@%d has no input \"%s\"%s", kind->name, kind->version, input->name,
               suggestion(r, input->name, names, kind->input_count, "it takes none"));
    } else if (known && !known->list && comes_to_list(input)) {
        report(r, &input->at, "the input \"%s\" of %s@%d takes one file; found a list", input->name, kind->name,
               kind->version);
    }
}

static void check_required(struct draft *d) {
    const struct kind *kind = d->decl.kind;
    for (size_t i = 0; i < kind->input_count; i++) {
        bool given = !kind->inputs[i].required;
        for (size_t k = 0; k < d->decl.in_count && !given; k++)
            given = strcmp(d->decl.in[k].name, kind->inputs[i].name) == 0;
        if (!given)
            report(d->part->reader, &d->decl.at, "%s@%d needs the input \"%s\": %s", kind->name, kind->version,
                   kind->inputs[i].name, kind->inputs[i].doc);
    }
}

void check_kind(struct draft *d) {
    if (!d->decl.kind)
        return;
    check_with(d);
    for (size_t i = 0; i < d->decl.in_count; i++)
        check_input(d, &d->decl.in[i]);
    check_required(d);
}
