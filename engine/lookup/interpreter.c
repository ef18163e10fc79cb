#include "engine/lookup/interpreter.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/lookup/words.h"

/* The facts remember it under the path of the program. */
struct remembered {
    char *path;
    struct interpreter interpreter;
};

static cJSON *describe(struct facts *f, const struct python *p, const char *path) {
    char *inner = path_join(p->prefix, "bin/python3"), hex[DIGEST_HEX_SIZE];
    struct content content;
    cJSON *out = cJSON_CreateObject();
    if (facts_file(f, file_exists(inner) ? inner : path, &content, NULL) == 0) {
        digest_hex(hex, &content.digest);
        cJSON_AddStringToObject(out, "program", hex);
    }
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

const struct interpreter *interpreter_of_command(struct facts *f, const char *path, const char *search,
                                                 const struct toolchain *t) {
    const struct interpreter *found = path ? interpreter_at(f, path) : NULL;
    if (found || t->type == TOOLCHAIN_SYSTEM)
        return found;
    char *python = facts_find_program("python3", search);
    found = python ? interpreter_at(f, python) : NULL;
    free(python);
    return found;
}

/* A text of the file; NULL: it is no literal text. */
static const char *literal_text(const struct value *v) {
    return v->type == VALUE_LITERAL ? cJSON_GetStringValue(v->as.literal) : NULL;
}

/* The PATH of a stage; NULL: it depends on the instance. */
static const char *search_path(struct facts *f, const struct stage_decl *stage) {
    for (size_t i = 0; i < stage->env_count; i++)
        if (strcmp(stage->env[i].name, "PATH") == 0)
            return literal_text(stage->env[i].value);
    return facts_stage_path(f, stage);
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

/* Not the project's own folder: with its store and results it is no input. Not a part of a package, as "a.b". */
static bool is_covered(const struct python_path *p, const struct stage_decl *stage, const char *root) {
    bool dotted = p->module && strchr(p->module, '.');
    return stage->toolchain.type != TOOLCHAIN_SYSTEM && !dotted && python_path_lies_in(p, root) &&
           strcmp(p->path, root) != 0;
}

size_t interpreter_modules(struct facts *f, const struct stage_decl *stage, struct module_place **out) {
    const struct interpreter *i = interpreter_of_stage(f, stage);
    size_t count = 0;
    *out = NULL;
    if (!i || i->python->path_count == 0)
        return 0;
    char *root = path_repository(stage->scope->directory);
    *out = mem_array(i->python->path_count, sizeof **out);
    for (size_t k = 0; k < i->python->path_count; k++) {
        const struct python_path *p = &i->python->paths[k];
        if (is_covered(p, stage, root))
            (*out)[count++] = (struct module_place){p->module, p->path};
    }
    free(root);
    return count;
}

cJSON *interpreter_record(const struct interpreter *i, const struct stage_decl *stage) {
    char hex[DIGEST_HEX_SIZE], *root = path_repository(stage->scope->directory);
    cJSON *out = cJSON_CreateObject();
    digest_hex(hex, &i->digest);
    cJSON_AddStringToObject(out, "prefix", i->python->prefix);
    cJSON_AddStringToObject(out, "version", i->python->version);
    cJSON_AddStringToObject(out, "sha256", hex);
    cJSON_AddItemToObject(out, "packages", cJSON_Duplicate(i->python->packages, true));
    cJSON *uncovered = cJSON_AddArrayToObject(out, "uncovered");
    for (size_t k = 0; k < i->python->path_count; k++)
        if (!is_covered(&i->python->paths[k], stage, root))
            cJSON_AddItemToArray(uncovered, cJSON_CreateString(i->python->paths[k].path));
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
