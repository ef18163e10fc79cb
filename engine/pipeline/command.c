/* The fields cmd and outs of commands; the outs of built-in kinds. */
#include <stdlib.h>
#include <string.h>

#include "engine/pipeline/reader.h"

/* ---- argv ---- */

static void check_word(struct draft *d, const cJSON *node, const struct value *v, bool first) {
    struct reader *r = d->part->reader;
    if (v->type != VALUE_LITERAL || value_is_broken(v))
        return;
    const cJSON *json = v->as.literal;
    bool list = cJSON_IsArray(json);
    const cJSON *item;
    cJSON_ArrayForEach(item, json) {
        if (cJSON_IsArray(item) || cJSON_IsObject(item))
            list = false;
    }
    if (first && (!cJSON_IsString(json) || !json->valuestring[0]))
        report_value(d->part, node, "the first word of \"cmd\" is the program, as text; found %s",
                     cJSON_IsString(json) ? "the empty text" : describe(r, json));
    else if (cJSON_IsObject(json) || cJSON_IsNull(json) || (cJSON_IsArray(json) && !list))
        report_value(d->part, node,
                     "a word of \"cmd\" is text, or a reference to text, a number or a list of them; found %s",
                     describe(r, json));
}

/* `node`: the list in the file, or the reference that gives it ("${params.argv}"). */
static void check_words(struct draft *d, const cJSON *node, const struct value *words) {
    const cJSON *next = cJSON_IsArray(node) ? node->child : NULL;
    for (size_t i = 0; i < words->as.list.count; i++) {
        const cJSON *shown = next;
        next = next ? next->next : NULL;
        if (shown && !cJSON_IsString(shown)) {
            report_value(d->part, shown, "a word of \"cmd\" is text; found %s%s", describe(d->part->reader, shown),
                         cJSON_IsNumber(shown) ? " (write it in quotes)" : "");
            continue;
        }
        check_word(d, shown ? shown : node, words->as.list.items[i], i == 0);
    }
}

void read_cmd(struct draft *d, const cJSON *node) {
    struct scope scope = {.part = d->part, .draft = d, .place = &place_cmd, .uses = &d->uses};
    if (cJSON_IsString(node) && !strstr(node->valuestring, "${")) {
        report_value(d->part, node,
                     "\"cmd\" is a list of words, run without a shell; found %s; write [\"sh\", \"-c\", \"...\"] "
                     "for a shell",
                     describe(d->part->reader, node));
        return;
    }
    const struct value *v = value_structured(d->part->reader, value_compile(&scope, node));
    d->decl.cmd = v;
    if (value_is_broken(v) && v->type != VALUE_LIST)
        return;
    if (v->type != VALUE_LIST) {
        report_value(d->part, node, "\"cmd\" is a list of words; found %s", describe(d->part->reader, node));
        d->broken = true;
    } else if (v->as.list.count == 0) {
        report_value(d->part, node, "\"cmd\" is empty: its first word is the program");
    } else {
        check_words(d, node, v);
    }
}

/* ---- outs ---- */

static const char *const out_types[] = {"file", "directory", "metrics", "series"}; /* by enum out_type */
enum { OUT_TYPES = sizeof out_types / sizeof *out_types };

static bool out_type_of(enum out_type *out, const char *name) {
    for (int i = 0; i < OUT_TYPES; i++) {
        if (strcmp(out_types[i], name) != 0)
            continue;
        *out = (enum out_type)i;
        return true;
    }
    return false;
}

static void read_out_type(struct draft *d, const cJSON *node, struct out_decl *out) {
    if (!need_text(d->part, node, "\"type\""))
        return;
    if (!out_type_of(&out->type, node->valuestring))
        report_value(d->part, node, "\"%s\" is no type of an out%s", node->valuestring,
                     key_suggestion(d->part->reader, node->valuestring, out_types, OUT_TYPES));
}

/* The path as text, with `template` where it refers to the matrix. NULL after a reported fault. */
static const char *read_out_path(struct draft *d, const cJSON *node, const struct value **template) {
    struct scope scope = {.part = d->part, .draft = d, .place = &place_path, .uses = &d->uses};
    if (!cJSON_IsString(node) || !node->valuestring[0]) {
        report_value(d->part, node, "the path of an out is text; found %s",
                     cJSON_IsString(node) ? "the empty text" : describe(d->part->reader, node));
        return NULL;
    }
    const struct value *v = value_compile(&scope, node);
    if (value_is_broken(v))
        return NULL;
    *template = v->type == VALUE_LITERAL ? NULL : v;
    d->decl.places_vary |= *template != NULL;
    if (*template)
        return node->valuestring;
    if (cJSON_IsString(v->as.literal))
        return v->as.literal->valuestring;
    report_value(d->part, node, "the path of an out is text; found %s", describe(d->part->reader, v->as.literal));
    return NULL;
}

/* Adds the path to `paths` unless it is faulty or varies. */
static void set_out_path(struct draft *d, const cJSON *node, struct out_decl *out, struct path_list *paths) {
    out->path = read_out_path(d, node, &out->template);
    if (!out->path || out->template)
        return;
    const char *fault = out_path_fault(out->path);
    if (fault)
        report_value(d->part, node, "the path \"%s\" of the out \"%s\" %s", out->path, out->name, fault);
    else
        paths_add(paths, out->path, out->name, node);
}

/* `listed`: it is an item of a list, whose name is its path as written. */
static void read_out(struct draft *d, const cJSON *node, bool listed, struct out_decl *out, struct path_list *paths) {
    static const char *const keys[] = {"path", "type", "optional"};
    *out = (struct out_decl){.name = listed ? "" : node->string,
                             .type = listed ? OUT_ANY : OUT_FILE,
                             .at = listed ? locate_value(d->part, node) : locate_key(d->part, node)};
    const cJSON *path = node;
    if (cJSON_IsObject(node)) {
        CHECK_KEYS(d->part, node, keys);
        path = cJSON_GetObjectItemCaseSensitive(node, "path");
        const cJSON *type = cJSON_GetObjectItemCaseSensitive(node, "type");
        const cJSON *optional = cJSON_GetObjectItemCaseSensitive(node, "optional");
        if (type)
            read_out_type(d, type, out);
        if (optional)
            read_bool(d->part, optional, &out->optional);
        if (!path)
            report_value(d->part, node, "%s needs \"path\"",
                         listed ? "an out" : arena_printf(d->part->reader->arena, "the out \"%s\"", out->name));
    } else if (!cJSON_IsString(node)) {
        report_value(d->part, node, "an out is a path or {\"path\": ..., \"type\": ...}; found %s",
                     describe(d->part->reader, node));
        return;
    }
    if (path && listed && cJSON_IsString(path))
        out->name = path->valuestring;
    if (path)
        set_out_path(d, path, out, paths);
}

struct placed_outs {
    const struct draft *draft;
    const struct out_decl *outs;
    size_t count;
};

static enum out_type type_of(const struct placed_outs *placed, const char *name) {
    size_t i = 0;
    while (strcmp(placed->outs[i].name, name) != 0)
        i++;
    return placed->outs[i].type;
}

/* Reports at the second out in file order. A metrics out may lie inside a directory out. */
static void report_overlap(void *context, const struct placed_path *folder, const struct placed_path *inside) {
    const struct placed_outs *placed = context;
    const struct placed_path *first = folder->index < inside->index ? folder : inside;
    const struct placed_path *second = first == folder ? inside : folder;
    bool in_directory = folder->length < inside->length && type_of(placed, folder->name) == OUT_DIRECTORY;
    if (in_directory && type_of(placed, inside->name) == OUT_METRICS)
        return;
    report_value(placed->draft->part, second->node,
                 "the paths of the outs \"%s\" and \"%s\" are equal, or one lies in the other%s", first->name,
                 second->name, in_directory ? "; only an out of type \"metrics\" may lie in a directory" : "");
}

static int by_name(const void *a, const void *b) {
    const struct out_decl *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* Sorts the outs by name: equal work written in another order has the same key, so its outs need the same order. */
void read_outs(struct draft *d, const cJSON *node) {
    bool listed = cJSON_IsArray(node);
    if (!listed && !cJSON_IsObject(node)) {
        report_value(d->part, node, "\"outs\" is an object of outs by name, or a list of paths; found %s",
                     describe(d->part->reader, node));
        return;
    }
    struct out_decl *outs = arena_array(d->part->reader->arena, (size_t)cJSON_GetArraySize(node), sizeof *outs);
    struct path_list paths = {0};
    size_t count = 0;
    const cJSON *member;
    cJSON_ArrayForEach(member, node) {
        if (!listed)
            need_name(d->part, member, "an out");
        read_out(d, member, listed, &outs[count], &paths);
        d->measures |= outs[count++].type == OUT_METRICS;
    }
    struct placed_outs placed = {d, outs, count};
    paths_check(&paths, report_overlap, &placed);
    if (count > 1)
        qsort(outs, count, sizeof *outs, by_name);
    d->decl.outs = outs;
    d->decl.out_count = count;
}

void kind_outs(struct draft *d) {
    const struct kind *kind = d->decl.kind;
    struct out_decl *outs = arena_array(d->part->reader->arena, kind->out_count, sizeof *outs);
    for (size_t i = 0; i < kind->out_count; i++) {
        outs[i] = (struct out_decl){.name = kind->outs[i].name, .path = kind->outs[i].path, .at = d->decl.at};
        out_type_of(&outs[i].type, kind->outs[i].type);
    }
    d->decl.outs = outs;
    d->decl.out_count = kind->out_count;
    d->decl.checkpoint = kind->checkpoints;
}
