#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/pipeline/paths.h"
#include "engine/plan/internal.h"

/* The items of one input, while they are gathered. */
struct gathered {
    struct action_item *items;
    size_t count, capacity;
    bool list;
    bool at_own_path; /* each item stands at its own path */
    const char *const *only;
    size_t only_count;
    enum input_access access;
    const char *place;  /* of the input in the stage's directory */
    const char *absent; /* the path of one that is not there; NULL: there is none */
};

/* A file of the project or of a commit, as it was when the plan first asked. */
struct known_file {
    const char *path; /* NULL: of a commit, and an object of the store */
    const char *name;
    struct content content;
};

const struct label *node_labels(struct arena *arena, const struct node *n) {
    size_t count = instance_coordinate_count(&n->pub);
    struct label *labels = arena_array(arena, count, sizeof *labels);
    for (size_t i = 0; i < count; i++)
        labels[i] = (struct label){n->pub.decl->matrix.axes[i].name, n->values[i]->label};
    return labels;
}

static void add_item(struct gathered *g, struct arena *arena, const struct action_item *item) {
    arena_grow(arena, g->items, &g->capacity, g->count + 1);
    g->items[g->count] = *item;
    g->items[g->count++].access = g->access;
}

int facts_fault(struct scope *s, const struct location *at, const struct error *err) {
    if (err->code == ERR_NOT_FOUND || err->code == ERR_INVALID)
        return scope_fault(s, at, "%s", err->message);
    s->plan->error = *err;
    return err->code;
}

/* A file that a plan asks for. */
struct wanted_file {
    const struct origin *origin; /* NULL: of the project */
    const char *path;            /* absolute, or in the commit */
};

static int ask_content(struct plan *p, const struct gathered *g, const struct wanted_file *w, struct known_file *file,
                       struct error *err) {
    if (w->origin)
        return p->facts.committed(p->facts.context, w->origin, w->path, g->only, g->only_count, &file->content, err);
    if (g->only)
        return p->facts.file_members(p->facts.context, file->path, g->only, g->only_count, &file->content, err);
    return p->facts.file_content(p->facts.context, file->path, &file->content, err);
}

/* Why a path that users of other tools write names no file; "" for any other. */
static const char *missing_hint(const char *path) {
    if (strstr(path, ":/"))
        return "; a file to fetch is {\"url\": ..., \"sha256\": ..., \"as\": its place}";
    if (strpbrk(path, "*?["))
        return "; a path is no pattern: name the files in a list, or their folder";
    if (strstr(path, "/~/") || strncmp(path, "~/", 2) == 0)
        return "; \"~\" stands for no home folder: write the path in full";
    return "";
}

/* Stands for an optional file that is not there. */
static struct known_file absent_file;

/* A file whose content comes later is given without it: the other inputs are asked for too. */
static struct known_file *ask_file(const struct gathered *g, struct scope *s, const struct wanted_file *w,
                                   const struct location *at) {
    struct plan *p = s->plan;
    struct error err;
    struct known_file *file = arena_alloc(p->arena, sizeof *file);
    char *normal = path_normal(w->path);
    const char *path = arena_strdup(p->arena, normal);
    file->path = w->origin ? NULL : path;
    file->name = path_base(path);
    free(normal);
    int rc = ask_content(p, g, w, file, &err);
    s->waits |= rc == ERR_BUSY;
    if (rc == 0 || rc == ERR_BUSY)
        return file;
    if (rc == ERR_NOT_FOUND && s->optional)
        return &absent_file;
    if (rc == ERR_NOT_FOUND)
        scope_fault(s, at, "%s%s", err.message, missing_hint(path));
    else
        facts_fault(s, at, &err);
    return NULL;
}

/* The names and the text of a file as the plan remembers it: "/project/a.csv", "https://host/x.git\0<commit>\0a.csv". */
static void put_file_key(struct buffer *key, const struct gathered *g, const struct scope *s,
                         const struct pipeline *beside, const char *path) {
    const struct origin *o = beside ? beside->origin : NULL;
    buffer_clear(key);
    if (o) {
        buffer_append(key, o->url, strlen(o->url) + 1);
        buffer_append(key, o->commit, strlen(o->commit) + 1);
    } else if (beside && *path != '/') {
        buffer_puts(key, beside->directory);
        buffer_putc(key, '/');
    }
    buffer_puts(key, path);
    for (size_t i = 0; i < g->only_count; i++) {
        buffer_putc(key, '\0');
        buffer_puts(key, g->only[i]);
    }
    if (s->optional)
        buffer_append(key, "\0", 2); /* of the others an absent one is a fault */
}

/* By the path as it is written, so that a file that a thousand instances take is asked for once. `beside` NULL: the path
   is absolute. */
static struct known_file *known_file(const struct gathered *g, struct scope *s, const struct pipeline *beside,
                                     const char *path, const struct location *at) {
    struct plan *p = s->plan;
    struct buffer *key = &p->text;
    const struct origin *o = beside ? beside->origin : NULL;
    const char *place = o ? origin_beside(s->arena, o, path) : path;
    bool is_top = o && place && strcmp(place, ".") == 0;
    if (is_top)
        scope_fault(s, at, "a whole repository is no input: name files and folders in it");
    else if (!place)
        scope_fault(s, at, "the path \"%s\" " ORIGIN_LEAVES, path);
    if (is_top || !place)
        return NULL;
    put_file_key(key, g, s, beside, place);
    struct known_file *file = bytemap_get(&p->files, key->data, key->size);
    if (file)
        return file;
    char *kept = arena_alloc(p->arena, key->size + 1);
    memcpy(kept, key->data, key->size); /* without an origin it ends at the first NUL: the path */
    size_t size = key->size;
    file = ask_file(g, s, &(struct wanted_file){o, o ? place : kept}, at);
    if (file && !s->waits)
        bytemap_put(&p->files, kept, size, file);
    return file;
}

/* It makes the input a list, which may be empty. */
static int add_absent(struct gathered *g, struct scope *s, const char *path) {
    char *normal = path_normal(path);
    g->list = true;
    g->absent = arena_strdup(s->arena, normal);
    free(normal);
    return 0;
}

static int add_file(struct gathered *g, struct scope *s, const struct pipeline *beside, const cJSON *path,
                    const struct location *at) {
    if (!cJSON_IsString(path) || !*path->valuestring)
        return scope_fault(s, at, "an input is a file, an out of a stage, or a list of them");
    const struct known_file *file = known_file(g, s, beside, path->valuestring, at);
    if (!file)
        return ERR_INVALID;
    if (file == &absent_file)
        return add_absent(g, s, path->valuestring);
    struct action_item item = {.name = file->name, .content = file->content, .path = file->path};
    if (file->path) {
        item.only = g->only;
        item.only_count = g->only_count;
    }
    if (g->at_own_path) {
        char *normal = path_normal(path->valuestring);
        item.place = arena_strdup(s->arena, normal);
        free(normal);
    }
    add_item(g, s->arena, &item);
    return 0;
}

static int add_json(struct gathered *g, struct scope *s, const struct pipeline *beside, const cJSON *json,
                    const struct location *at) {
    int rc = 0;
    if (!cJSON_IsArray(json))
        return add_file(g, s, beside, json, at);
    g->list = true;
    const cJSON *item;
    cJSON_ArrayForEach(item, json) {
        if (rc == 0)
            rc = add_json(g, s, beside, item, at);
    }
    return rc;
}

static int add_outs(struct gathered *g, struct scope *s, const struct reference *r, const struct location *at) {
    struct match m;
    size_t index;
    if (r->step_count != 2 || !r->steps[0].name || strcmp(r->steps[0].name, "outs") != 0 || !r->steps[1].name)
        return scope_fault(s, at, "%s is no file: an input names an out, as in ${stages.%s.outs.NAME}", r->text,
                           r->stage->name);
    int rc = match_reference(&m, s, r, at);
    if (rc)
        return rc;
    g->list |= m.list;
    if (m.count == 0)
        add_absent(g, s, stage_out(r->stage->source, r->steps[1].name, NULL)->path);
    for (size_t i = 0; i < m.count; i++) {
        struct node *n = m.rows[i];
        if (!stage_out(n->pub.decl, r->steps[1].name, &index))
            return scope_fault(s, at, "%s: %s has no out \"%s\"", r->text, instance_name(&n->pub), r->steps[1].name);
        const struct out_decl *out = node_out(s, n, index);
        if (!out)
            return ERR_INVALID;
        if (digest_is_zero(&n->pub.outs[index].digest)) {
            add_absent(g, s, out->path);
            continue;
        }
        add_item(g, s->arena,
                 &(struct action_item){.name = path_base(out->path),
                                       .place = g->at_own_path ? out->path : NULL,
                                       .content = n->pub.outs[index],
                                       .labels = node_labels(s->arena, n),
                                       .label_count = instance_coordinate_count(&n->pub)});
    }
    return 0;
}

static int add_value(struct gathered *g, struct scope *s, const struct pipeline *beside, const struct value *v);

static int add_reference(struct gathered *g, struct scope *s, const struct pipeline *beside, const struct value *v) {
    const struct reference *r = v->as.reference;
    struct matrix_member member;
    if (r->root == REFERENCE_STAGE)
        return add_outs(g, s, r, &v->at);
    if (r->root != REFERENCE_MATRIX)
        return scope_fault(s, &v->at, "%s is no file", r->text);
    int rc = resolve_matrix(&member, s, r, &v->at);
    if (rc)
        return rc;
    if (member.beside)
        beside = member.beside;
    return member.value ? add_value(g, s, beside, member.value) : add_json(g, s, beside, member.json, &v->at);
}

static int add_value(struct gathered *g, struct scope *s, const struct pipeline *beside, const struct value *v) {
    cJSON *json = NULL;
    int rc = 0;
    if (v->type == VALUE_REFERENCE)
        return add_reference(g, s, beside, v);
    if (v->type == VALUE_LIST) {
        g->list = true;
        for (size_t i = 0; rc == 0 && i < v->as.list.count; i++)
            rc = add_value(g, s, beside, v->as.list.items[i]);
        return rc;
    }
    if (v->type == VALUE_LITERAL)
        return add_json(g, s, beside, v->as.literal, &v->at);
    rc = resolve_json(&json, s, v);
    if (rc == 0)
        rc = add_json(g, s, beside, json, &v->at);
    cJSON_Delete(json);
    return rc;
}

/* A file that is fetched when a stage needs it: the key has its digest beforehand. */
static int add_url(struct gathered *g, struct scope *s, const struct input_decl *in) {
    const char *url = resolve_path(s, in->value), *sha256 = resolve_path(s, in->sha256);
    if (!url || !sha256)
        return ERR_INVALID;
    const char *fault = url_fault(url), *wrong = digest_fault(sha256);
    if (fault || wrong)
        return scope_fault(s, fault ? &in->value->at : &in->sha256->at, "the %s \"%s\" %s", fault ? "URL" : "digest",
                           fault ? url : sha256, fault ? fault : wrong);
    struct action_item item = {.name = url_file_name(s->arena, url), .url = url};
    if (!*item.name && !in->place)
        return scope_fault(s, &in->at, "the URL \"%s\" names no file: say where it stands, \"as\": \"data/x.csv\"",
                           url);
    digest_parse(&item.content.digest, sha256);
    add_item(g, s->arena, &item);
    return 0;
}

static bool has_label(const struct label *labels, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(labels[i].name, name) == 0)
            return true;
    return false;
}

static void merge_labels(struct action_item *item, struct arena *arena, const struct label *added, size_t count) {
    struct label *labels = arena_array(arena, item->label_count + count, sizeof *labels);
    size_t kept = 0;
    for (size_t i = 0; i < item->label_count; i++)
        if (!has_label(added, count, item->labels[i].name))
            labels[kept++] = item->labels[i];
    for (size_t i = 0; i < count; i++)
        labels[kept++] = added[i];
    item->labels = labels;
    item->label_count = kept;
}

/* Labels that the input adds; they win over coordinates of the same name. */
static int add_labels(struct gathered *g, struct scope *s, const struct value *label, size_t first) {
    cJSON *json = NULL;
    int rc = resolve_json(&json, s, label);
    if (rc)
        return rc;
    size_t count = (size_t)cJSON_GetArraySize(json), k = 0;
    struct label *added = arena_array(s->arena, count, sizeof *added);
    const cJSON *member;
    cJSON_ArrayForEach(member, json) {
        char *text = json_canonical_text(axis_label(member));
        added[k++] = (struct label){arena_strdup(s->arena, member->string), arena_strdup(s->arena, text)};
        free(text);
    }
    for (size_t i = first; i < g->count; i++)
        merge_labels(&g->items[i], s->arena, added, count);
    cJSON_Delete(json);
    return 0;
}

/* ---- parts of folders ---- */

/* NULL after a fault. */
static const struct content *find_part(struct scope *s, const struct input_decl *in, const struct content *whole,
                                       const char *part) {
    struct plan *p = s->plan;
    struct error err = {0};
    size_t length = strlen(part), size = sizeof whole->digest + length;
    char *key = arena_alloc(s->arena, size + 1);
    memcpy(key, &whole->digest, sizeof whole->digest);
    memcpy(key + sizeof whole->digest, part, length);
    const struct content *known = bytemap_get(&p->parts, key, size);
    if (known)
        return known;
    struct content *content = arena_alloc(p->arena, sizeof *content);
    if (p->facts.object_part(p->facts.context, whole, part, content, &err)) {
        facts_fault(s, &in->at, &err);
        return NULL;
    }
    char *kept = arena_alloc(p->arena, size + 1);
    memcpy(kept, key, size);
    bytemap_put(&p->parts, kept, size, content);
    return content;
}

static int take_parts(struct gathered *g, struct scope *s, const struct input_decl *in, size_t first) {
    const char *part = resolve_path(s, in->part);
    const char *fault = part ? path_fault(part) : NULL;
    if (fault)
        return scope_fault(s, &in->part->at, "the path \"%s\" of \"part\" %s", part, fault);
    for (size_t i = first; part && i < g->count; i++) {
        struct action_item *item = &g->items[i];
        if (item->path || !item->content.directory)
            return scope_fault(s, &in->part->at, "\"part\" takes a part of a folder out; %s is none", item->name);
        const struct content *content = find_part(s, in, &item->content, part);
        if (!content)
            return ERR_INVALID;
        item->whole = item->content;
        item->content = *content;
        item->part = part;
        item->name = path_base(part);
        item->place = item->place ? arena_printf(s->arena, "%s/%s", item->place, part) : NULL;
    }
    return part ? 0 : ERR_INVALID;
}

/* ---- places ---- */

int input_check_place(struct scope *s, const struct input_decl *in, const char *place) {
    const char *fault = input_place_fault(place);
    return fault ? scope_fault(s, &in->at, "the place \"%s\" %s; choose one with \"as\"", place, fault) : 0;
}

/* The items of a list stand side by side, each in a folder of its own. */
static int set_places(struct gathered *g, struct scope *s, const struct input_decl *in, size_t first, bool list) {
    const char *place = resolve_path(s, in->place);
    if (!place || input_check_place(s, in, place))
        return ERR_INVALID;
    g->place = place;
    for (size_t i = first; i < g->count; i++) {
        struct action_item *item = &g->items[i];
        item->place = list ? arena_printf(s->arena, "%s/%zu/%s", place, i - first, item->name) : place;
        item->name = path_base(item->place);
    }
    return 0;
}

/* Outs of several instances have paths of their own only if these hold a value of the matrix. */
static int check_own_paths(struct gathered *g, struct scope *s, const struct input_decl *in, size_t first) {
    if (g->count - first > 1 && strcmp(g->items[first].place, g->items[first + 1].place) == 0)
        return scope_fault(s, &in->at,
                           "a list of %zu files cannot stand at one path: write {\"from\": ..., \"as\": a folder}",
                           g->count - first);
    int rc = 0;
    for (size_t i = first; rc == 0 && i < g->count; i++)
        rc = input_check_place(s, in, g->items[i].place);
    g->place = g->count > first ? g->items[first].place : g->absent ? g->absent : "";
    return rc;
}

static int gather(struct gathered *g, struct scope *s, const struct input_decl *in) {
    const struct pipeline *beside = s->node->pub.decl->scope;
    size_t first = g->count;
    bool outer = g->list, optional = s->optional;
    s->optional |= in->optional;
    g->list = in->type == INPUT_LIST;
    g->at_own_path = in->at_own_path && !in->place;
    g->only = in->only;
    g->only_count = in->only_count;
    g->access = in->access;
    int rc = 0;
    if (in->type == INPUT_URL)
        rc = add_url(g, s, in);
    else if (in->type != INPUT_LIST && in->value)
        rc = add_value(g, s, beside, in->value);
    for (size_t i = 0; rc == 0 && i < in->item_count; i++)
        rc = gather(g, s, &in->items[i]);
    bool list = g->list;
    g->list |= outer;
    if (rc == 0 && in->part)
        rc = take_parts(g, s, in, first);
    if (rc == 0 && in->label)
        rc = add_labels(g, s, in->label, first);
    if (rc == 0 && in->place)
        rc = set_places(g, s, in, first, list);
    else if (rc == 0 && in->at_own_path)
        rc = check_own_paths(g, s, in, first);
    s->optional = optional;
    return rc;
}

int input_check(struct scope *s, const struct input_decl *in) {
    struct gathered g = {0};
    return gather(&g, s, in);
}

static int check_list(struct scope *s, const struct input_decl *in, const struct gathered *g) {
    const struct kind *kind = s->node->pub.decl->kind;
    const struct kind_input *declared = kind ? kind_input(kind, in->name) : NULL;
    if (!declared || declared->list || !g->list)
        return 0;
    if (g->absent)
        return scope_fault(s, &in->at, "the input \"%s\" of %s is absent: %s was not written", in->name, kind->name,
                           g->absent);
    return scope_fault(s, &in->at, "the input \"%s\" of %s takes one file; found a list of %zu", in->name, kind->name,
                       g->count);
}

static int build_input(struct action_input *out, struct scope *s, const struct input_decl *in) {
    struct gathered g = {0};
    int rc = gather(&g, s, in);
    if (rc == 0)
        rc = check_list(s, in, &g);
    *out = (struct action_input){in->at_own_path ? g.place : in->name, g.list, g.items, g.count};
    return rc;
}

int file_item(struct action_item *out, struct scope *s, const char *path, const struct location *at) {
    const struct gathered whole = {0};
    const struct known_file *file = known_file(&whole, s, NULL, path, at);
    if (!file)
        return ERR_INVALID;
    *out = (struct action_item){.name = file->name, .content = file->content, .path = file->path};
    return 0;
}

static int by_name(const void *a, const void *b) {
    const struct action_input *x = a, *y = b;
    return strcmp(x->name, y->name);
}

int build_inputs(struct action *a, struct scope *s) {
    const struct stage_decl *decl = s->node->pub.decl;
    struct action_input *inputs = arena_array(s->arena, decl->in_count, sizeof *inputs);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < decl->in_count; i++)
        rc = build_input(&inputs[i], s, &decl->in[i]);
    if (rc == 0 && decl->in_count > 1)
        qsort(inputs, decl->in_count, sizeof *inputs, by_name);
    a->inputs = inputs;
    a->input_count = decl->in_count;
    return rc == 0 && s->waits ? ERR_BUSY : rc;
}
