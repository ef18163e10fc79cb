#include "engine/lookup/interpreter.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/environment/toolchain.h"
#include "engine/lookup/words.h"
#include "store/record_format.h"

/* The facts remember it under the path of the program. */
struct remembered {
    char *path;
    struct interpreter interpreter;
};

static cJSON *describe(struct facts *f, const struct python *p, const char *path) {
    char *inner = path_join(p->prefix, "bin/python3");
    struct content content;
    cJSON *out = cJSON_CreateObject();
    if (facts_file(f, file_exists(inner) ? inner : path, &content, NULL) == 0)
        json_add_digest(out, "program", &content.digest);
    cJSON_AddStringToObject(out, "version", p->version);
    cJSON_AddItemReferenceToObject(out, "packages", p->packages);
    free(inner);
    return out;
}

static void read_interpreter(struct interpreter *out, struct facts *f, const char *path) {
    python_free(out->python);
    out->python = python_read(path);
    if (!out->python)
        return;
    cJSON *description = describe(f, out->python, path);
    char *text = json_canonical_text(description);
    sha256_bytes(&out->digest, text, strlen(text));
    free(text);
    cJSON_Delete(description);
}

static const struct interpreter *interpreter_at(struct facts *f, const char *path) {
    struct remembered *r = bytemap_get(&f->interpreters, path, strlen(path));
    if (!r) {
        r = mem_alloc(sizeof *r);
        r->path = mem_strdup(path);
        bytemap_put(&f->interpreters, r->path, strlen(r->path), r);
        read_interpreter(&r->interpreter, f, path);
    } else if (r->interpreter.python && !python_is_current(r->interpreter.python)) {
        read_interpreter(&r->interpreter, f, path);
    }
    return r->interpreter.python ? &r->interpreter : NULL;
}

/* Of the program that a script of pyenv would start. */
static const struct interpreter *interpreter_behind(struct facts *f, const char *path, const struct toolchain *t) {
    char *real = toolchain_real_program(t, path);
    const struct interpreter *found = interpreter_at(f, real);
    free(real);
    return found;
}

const struct interpreter *interpreter_of_command(struct facts *f, const char *path, const char *search,
                                                 const struct toolchain *t) {
    const struct interpreter *found = path ? interpreter_behind(f, path, t) : NULL;
    if (found || t->type == TOOLCHAIN_SYSTEM)
        return found;
    char *python = facts_find_program("python3", search);
    found = python ? interpreter_behind(f, python, t) : NULL;
    free(python);
    return found;
}

/* The PATH of a stage; NULL: it depends on the instance. */
static const char *search_path(struct facts *f, const struct stage_decl *stage) {
    const struct value *own = stage_env(stage, "PATH");
    return own ? value_text(own) : facts_stage_path(f, stage);
}

const struct interpreter *interpreter_of_stage(struct facts *f, const struct stage_decl *stage) {
    const char *name = words_program(stage), *search = name ? search_path(f, stage) : NULL;
    if (!search)
        return NULL;
    bool own = *name != '/' && strchr(name, '/'); /* an input */
    char *path = own ? NULL : facts_find_program(name, search);
    const struct interpreter *found = interpreter_of_command(f, path, search, &stage->toolchain);
    free(path);
    return found;
}

const cJSON *interpreter_packages(struct facts *f, const char *name, const char *search) {
    char *path = facts_find_program(name, search);
    const struct interpreter *found = path ? interpreter_at(f, path) : NULL;
    free(path);
    return found ? found->python->packages : NULL;
}

/* The project that a stage is of; NULL: it is of another team's commit. The caller frees. */
static char *project_of(const struct stage_decl *stage) {
    return stage->scope->origin ? NULL : path_repository(stage->scope->directory);
}

/* Not the project's top folder: with its store and results it is no input. Not a part of a package, as "a.b". */
static bool is_covered(const struct python_path *p, const struct stage_decl *stage, const char *root) {
    bool dotted = p->module && strchr(p->module, '.');
    const char *below = root ? path_below(p->path, root) : NULL;
    return stage->toolchain.type != TOOLCHAIN_SYSTEM && !dotted && below && *below;
}

struct module_list {
    struct arena *arena;
    struct module_place *places;
    size_t count, capacity;
};

static void add_module(struct module_list *list, const char *module, const char *path) {
    arena_grow(list->arena, list->places, &list->capacity, list->count + 1);
    list->places[list->count++] =
        (struct module_place){module ? arena_strdup(list->arena, module) : NULL, arena_strdup(list->arena, path)};
}

static void add_packages(struct module_list *list, const char *folder) {
    struct folder f;
    const char *name;
    int rc = folder_open_if_there(&f, folder, NULL);
    while (rc >= 0 && (rc = folder_next(&f, &name, NULL)) > 0) {
        char *package = path_join(folder, name), *init = path_join(package, "__init__.py");
        if (file_exists(init))
            add_module(list, name, package);
        free(package);
        free(init);
    }
    folder_close(&f);
}

static int by_module(const void *a, const void *b) {
    const struct module_place *x = a, *y = b;
    return strcmp(x->path, y->path);
}

size_t interpreter_modules(struct facts *f, const struct stage_decl *stage, struct arena *arena,
                           struct module_place **out) {
    const struct interpreter *i = interpreter_of_stage(f, stage);
    struct module_list list = {.arena = arena};
    char *root = i && i->python->path_count > 0 ? project_of(stage) : NULL;
    for (size_t k = 0; root && k < i->python->path_count; k++) {
        const struct python_path *p = &i->python->paths[k];
        if (is_covered(p, stage, root))
            add_module(&list, p->module, p->path);
        else if (stage->toolchain.type != TOOLCHAIN_SYSTEM && strcmp(p->path, root) == 0)
            add_packages(&list, root);
    }
    if (list.count > 1)
        qsort(list.places, list.count, sizeof *list.places, by_module);
    free(root);
    *out = list.places;
    return list.count;
}

cJSON *interpreter_record(const struct interpreter *i, const struct stage_decl *stage) {
    char hex[DIGEST_HEX_SIZE], *root = i->python->path_count > 0 ? project_of(stage) : NULL;
    cJSON *uncovered = cJSON_CreateArray();
    digest_hex(hex, &i->digest);
    for (size_t k = 0; k < i->python->path_count; k++)
        if (!is_covered(&i->python->paths[k], stage, root))
            cJSON_AddItemToArray(uncovered, cJSON_CreateString(i->python->paths[k].path));
    cJSON *out = record_python_json(
        &(struct record_python){i->python->prefix, i->python->version, hex, i->python->packages, uncovered});
    cJSON_Delete(uncovered);
    free(root);
    return out;
}

void interpreters_free(struct bytemap *interpreters) {
    for (size_t i = 0; i < interpreters->count; i++) {
        struct remembered *r = interpreters->entries[i].value;
        python_free(r->interpreter.python);
        free(r->path);
        free(r);
    }
    bytemap_close(interpreters);
}
