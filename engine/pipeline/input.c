/* Reads "in": files of the project, outs of stages, lists of them, and labels. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/pipeline/reader.h"

static const char allowed[] = "a file of the project, a reference to an out, {\"path\": ...}, {\"from\": ...}, "
                              "{\"url\": ...}, or a list of those";

static void check_path(struct draft *d, const cJSON *node, const char *path) {
    if (path[0] == '/')
        warn_value(d->part, node,
                   "the absolute path \"%s\" works on this machine alone; write it relative to this file", path);
}

static const struct input_decl *list_items(struct draft *d, const struct value *list, const cJSON *node, size_t *count);

/* Stores a compiled value: a file, a reference, or a list of files that params give. */
static void set_value(struct draft *d, const cJSON *node, const struct value *v, struct input_decl *out) {
    struct reader *r = d->part->reader;
    out->value = v;
    out->type = v->type == VALUE_REFERENCE ? INPUT_REFERENCE : INPUT_FILE;
    if (value_is_broken(v) || v->type == VALUE_REFERENCE || v->type == VALUE_TEXT)
        return;
    const cJSON *json = v->as.literal;
    if (cJSON_IsString(json) && json->valuestring[0]) {
        if (!out->at_own_path || out->place)
            check_path(d, node, json->valuestring);
    } else if (cJSON_IsArray(json) && out->name) {
        out->type = INPUT_LIST;
        out->items = list_items(d, value_structured(r, v), node, &out->item_count);
    } else {
        report_value(d->part, node, "an input is %s; found %s", allowed,
                     cJSON_IsString(json) ? "the empty text" : describe(r, json));
        d->broken = true;
    }
}

static const struct input_decl *list_items(struct draft *d, const struct value *list, const cJSON *node,
                                           size_t *count) {
    struct input_decl *items = arena_array(d->part->reader->arena, list->as.list.count, sizeof *items);
    *count = list->as.list.count;
    for (size_t i = 0; i < *count; i++) {
        items[i].at = list->at;
        set_value(d, node, list->as.list.items[i], &items[i]);
    }
    return items;
}

static void read_label(struct draft *d, const cJSON *node, struct input_decl *out) {
    struct scope scope = {.part = d->part, .draft = d, .place = &place_label, .uses = &d->uses};
    const struct value *v = value_structured(d->part->reader, value_compile(&scope, node));
    if (v->type == VALUE_OBJECT || v->type == VALUE_EXTENDS)
        out->label = v;
    else if (!value_is_broken(v))
        report_value(d->part, node, "\"label\" is an object of names and values; found %s",
                     describe(d->part->reader, node));
}

/* Compiles a path in the stage's directory, or in a folder out. NULL after a reported fault. */
static const struct value *compile_path(struct draft *d, const cJSON *node) {
    struct scope scope = {.part = d->part, .draft = d, .place = &place_path, .uses = &d->uses};
    const struct value *v = value_compile(&scope, node);
    if (value_is_broken(v))
        return NULL;
    if (v->type == VALUE_REFERENCE || v->type == VALUE_TEXT)
        return v;
    const cJSON *json = v->type == VALUE_LITERAL ? v->as.literal : node;
    const char *fault = cJSON_IsString(json) ? input_place_fault(json->valuestring) : NULL;
    if (!cJSON_IsString(json))
        report_value(d->part, node, "\"%s\" is a path in %s; found %s", node->string,
                     strcmp(node->string, "as") == 0 ? "the stage's directory" : "the folder",
                     describe(d->part->reader, json));
    else if (fault)
        report_value(d->part, node, "the path \"%s\" of \"%s\" %s", json->valuestring, node->string, fault);
    return fault || !cJSON_IsString(json) ? NULL : v;
}

static void read_place(struct draft *d, const cJSON *node, struct input_decl *out) {
    if (d->decl.type == STAGE_KIND) {
        report_key(d->part, node, "\"as\" does not fit a stage with \"uses\": a kind reads its inputs where they are");
        return;
    }
    out->place = compile_path(d, node);
    d->broken |= !out->place;
    d->decl.places_vary = true;
}

/* The value of "path", "from" or "url". NULL after a reported fault. */
static const cJSON *item_source(struct draft *d, const cJSON *node) {
    static const char *const sources[] = {"path", "from", "url"};
    const cJSON *source = NULL, *found;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        found = cJSON_GetObjectItemCaseSensitive(node, sources[i]);
        if (found && source) {
            report_key(d->part, found, "the input has \"%s\" and \"%s\": keep one of them", source->string,
                       found->string);
            d->broken = true;
            return NULL;
        }
        source = source ? source : found;
    }
    if (cJSON_IsString(source))
        return source;
    if (!source)
        report_value(d->part, node,
                     "the input needs \"path\", a file of the project, \"from\", an out, or \"url\", a file to fetch");
    else
        report_value(d->part, source, "\"%s\" is %s; found %s", source->string,
                     strcmp(source->string, "from") == 0  ? "a file of the project or a reference to outs"
                     : strcmp(source->string, "url") == 0 ? "a URL"
                                                          : "a file of the project",
                     describe(d->part->reader, source));
    d->broken = true;
    return NULL;
}

static void read_only(struct draft *d, const cJSON *node, const cJSON *source, struct input_decl *out) {
    out->only = read_texts(d->part, node, &out->only_count, NULL);
    d->broken |= !out->only;
    if (source && strcmp(source->string, "path") != 0)
        report_key(d->part, node, "\"only\" stands beside \"path\", a JSON or YAML file of the project");
    else if (out->only && out->only_count == 0)
        report_value(d->part, node, "\"only\" is empty: it names members, as in [\"train.lr\"]");
}

static void read_access(struct draft *d, const cJSON *node, struct input_decl *out) {
    const char *text = cJSON_GetStringValue(node);
    bool in_place = text && strcmp(text, "in-place") == 0;
    if (d->decl.type == STAGE_KIND)
        report_key(d->part, node,
                   "\"access\" does not fit a stage with \"uses\": a kind reads its inputs where they are");
    else if (!in_place && (!text || strcmp(text, "copy") != 0))
        report_value(d->part, node, "\"access\" is \"in-place\" or \"copy\"; found %s",
                     describe(d->part->reader, node));
    else if (in_place && out->only)
        report_value(d->part, node, "\"only\" makes a file of its own: it cannot be \"in-place\"");
    out->access = in_place ? ACCESS_IN_PLACE : ACCESS_COPY;
}

static void read_optional(struct draft *d, const cJSON *node, const cJSON *source, struct input_decl *out) {
    if (d->decl.type == STAGE_KIND)
        report_key(d->part, node, "\"optional\" does not fit a stage with \"uses\": a kind says itself what it needs");
    else if (source && strcmp(source->string, "url") == 0)
        report_key(d->part, node,
                   "\"optional\" stands beside \"path\" or \"from\": a URL with its digest is always there");
    else
        read_bool(d->part, node, &out->optional);
}

static void read_object(struct draft *d, const cJSON *node, struct input_decl *out) {
    static const char *const keys[] = {"path",   "from", "url",  "sha256", "as",
                                       "access", "only", "part", "label",  "optional"};
    CHECK_KEYS(d->part, node, keys);
    const cJSON *label = cJSON_GetObjectItemCaseSensitive(node, "label");
    const cJSON *place = cJSON_GetObjectItemCaseSensitive(node, "as");
    const cJSON *only = cJSON_GetObjectItemCaseSensitive(node, "only");
    const cJSON *part = cJSON_GetObjectItemCaseSensitive(node, "part");
    const cJSON *access = cJSON_GetObjectItemCaseSensitive(node, "access");
    const cJSON *optional = cJSON_GetObjectItemCaseSensitive(node, "optional");
    const cJSON *source = item_source(d, node);
    if (optional)
        read_optional(d, optional, source, out);
    if (label)
        read_label(d, label, out);
    if (place)
        read_place(d, place, out);
    if (only)
        read_only(d, only, source, out);
    if (access)
        read_access(d, access, out);
    if (part)
        out->part = compile_path(d, part);
    d->broken |= part && !out->part;
    const cJSON *sha256 = cJSON_GetObjectItemCaseSensitive(node, "sha256");
    bool fetched = source && strcmp(source->string, "url") == 0;
    if (sha256 && source && !fetched)
        report_key(d->part, sha256, "\"sha256\" stands beside \"url\", a file to fetch");
    if (fetched)
        read_url(d, source, sha256, out);
    if (!source || fetched)
        return;
    struct scope scope = {.part = d->part, .draft = d, .place = &place_in, .uses = &d->uses};
    set_value(d, source, value_compile(&scope, source), out);
    if (out->type == INPUT_REFERENCE && strcmp(source->string, "path") == 0 &&
        out->value->as.reference->root == REFERENCE_STAGE)
        report_value(d->part, source, "\"path\" is a file of the project: give an out as \"from\"");
    if (part && out->type != INPUT_REFERENCE)
        report_key(d->part, part, "\"part\" stands beside \"from\", a folder out of a stage");
}

static void read_item(struct draft *d, const cJSON *node, struct input_decl *out) {
    struct scope scope = {.part = d->part, .draft = d, .place = &place_in, .uses = &d->uses};
    out->at = locate_value(d->part, node);
    if (cJSON_IsObject(node)) {
        read_object(d, node, out);
    } else if (cJSON_IsString(node)) {
        set_value(d, node, value_compile(&scope, node), out);
    } else {
        report_value(d->part, node, "an input is %s; found %s", allowed, describe(d->part->reader, node));
        d->broken = true;
    }
}

static void read_list(struct draft *d, const cJSON *node, struct input_decl *out) {
    struct input_decl *items = arena_array(d->part->reader->arena, (size_t)cJSON_GetArraySize(node), sizeof *items);
    size_t count = 0;
    out->at = locate_value(d->part, node);
    const cJSON *item;
    cJSON_ArrayForEach(item, node) {
        if (cJSON_IsArray(item))
            report_value(d->part, item, "a list of inputs holds no further list: write the items one after the other");
        else
            read_item(d, item, &items[count++]);
    }
    out->type = INPUT_LIST;
    out->items = items;
    out->item_count = count;
    if (!node->child)
        report_value(d->part, node, "the input \"%s\" is an empty list", node->string);
}

static void read_named(struct draft *d, const cJSON *member, struct input_decl *out) {
    need_name(d->part, member, "an input");
    out->name = member->string;
    if (cJSON_IsArray(member))
        read_list(d, member, out);
    else
        read_item(d, member, out);
    out->at = locate_key(d->part, member);
}

/* ---- inputs at their own paths ---- */

/* The place of the input as far as the file shows it; NULL: only the plan knows it. */
static const char *own_place(struct draft *d, const struct input_decl *in) {
    const char *text = value_text(in->place ? in->place : in->value);
    if (!text || in->place || in->type == INPUT_URL)
        return text;
    char *normal = path_normal(text);
    const char *place = arena_strdup(d->part->reader->arena, normal);
    free(normal);
    return place;
}

/* An item of a list of "in". */
static void read_placed(struct draft *d, const cJSON *node, struct input_decl *out) {
    out->name = "";
    out->at_own_path = true;
    d->decl.places_vary = true;
    read_item(d, node, out);
    if (d->broken)
        return;
    const char *place = own_place(d, out);
    const char *fault = place ? input_place_fault(place) : NULL;
    if (out->type == INPUT_URL && !out->place)
        report_value(d->part, node,
                     "a file to fetch has no path of its own: say where it stands, \"as\": \"data/x.csv\"");
    else if (out->type == INPUT_LIST)
        report_value(d->part, node, "an item of a list of \"in\" is one file or folder, or outs; found a list");
    else if (fault)
        report_value(d->part, node, "the path \"%s\" %s; or say where it stands: {\"path\": ..., \"as\": ...}", place,
                     fault);
    else if (place)
        out->name = place;
}

static bool need_members(struct draft *d, const cJSON *node) {
    if (d->decl.type == STAGE_KIND)
        return need_object(d->part, node, "\"in\"");
    if (!cJSON_IsObject(node))
        report_value(d->part, node, "\"in\" is an object of inputs by name, or a list of paths; found %s",
                     describe(d->part->reader, node));
    return cJSON_IsObject(node);
}

void read_inputs(struct draft *d, const cJSON *node) {
    const cJSON *defaults = d->decl.type == STAGE_COMMAND ? d->part->default_in : NULL;
    bool list = cJSON_IsArray(node) && d->decl.type == STAGE_COMMAND;
    if (node && !list && !need_members(d, node))
        return;
    size_t capacity = (size_t)cJSON_GetArraySize(defaults) + (size_t)cJSON_GetArraySize(node);
    struct input_decl *inputs = arena_array(d->part->reader->arena, capacity, sizeof *inputs);
    size_t count = 0;
    const cJSON *member;
    cJSON_ArrayForEach(member, defaults) {
        read_placed(d, member, &inputs[count++]);
    }
    cJSON_ArrayForEach(member, node) {
        struct input_decl *in = &inputs[count];
        if (list)
            read_placed(d, member, in);
        else
            read_named(d, member, in);
        if (list && repeats_default(d, member, in, inputs))
            *in = (struct input_decl){0};
        else
            count++;
    }
    d->decl.in = inputs;
    d->decl.in_count = count;
}

/* ---- places ---- */

/* Two outs are reported where outs are read. Reports at the second of the two. */
static void report_overlap(void *context, const struct placed_path *folder, const struct placed_path *inside) {
    const struct draft *d = context;
    const struct placed_path *first = folder->index < inside->index ? folder : inside;
    const struct placed_path *second = first == folder ? inside : folder;
    if (strncmp(first->name, "out", 3) != 0)
        report_value(d->part, second->node,
                     "the places of the %s and the %s are equal, or one lies in the other (%s, %s)", first->name,
                     second->name, first->path, second->path);
}

static void add_input_place(struct draft *d, struct path_list *paths, const struct input_decl *in) {
    struct arena *arena = d->part->reader->arena;
    bool placed = in->place || in->at_own_path;
    const char *place = placed ? own_place(d, in) : arena_printf(arena, "in/%s", in->name);
    if (place)
        paths_add(paths, place, arena_printf(arena, "input \"%s\"", in->name), in->at.node);
}

void check_places(struct draft *d) {
    struct path_list paths = {0};
    if (!d->decl.places_vary || d->broken)
        return;
    for (size_t i = 0; i < d->decl.in_count; i++)
        add_input_place(d, &paths, &d->decl.in[i]);
    for (size_t i = 0; i < d->decl.out_count; i++) {
        const struct out_decl *out = &d->decl.outs[i];
        if (out->path && !out->template)
            paths_add(&paths, out->path, arena_printf(d->part->reader->arena, "out \"%s\"", out->name), out->at.node);
    }
    paths_check(&paths, report_overlap, d);
}
