/* Contents of files and places of programs, one question at a time. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/environment/toolchain.h"
#include "engine/lookup/facts.h"

static int ask_store(struct facts *f, const char *path, uint64_t most, store_unhashed *defer, struct content *out,
                     struct error *err) {
    struct object o;
    int rc = store_file_recall(f->store, path, most, defer, f->defer_context, &o, err);
    if (rc == 0)
        *out = (struct content){o.digest, o.size, o.directory, o.executable};
    return rc;
}

int facts_file(struct facts *f, const char *path, struct content *out, struct error *err) {
    char *real = realpath(path, NULL); /* a venv's Python is a link out of the project: no warning tells that */
    int rc = ask_store(f, real ? real : path, UINT64_MAX, NULL, out, err);
    free(real);
    return rc;
}

int facts_recall(struct facts *f, const char *path, struct content *out, struct error *err) {
    return ask_store(f, path, FACTS_HASHED_AT_ONCE, NULL, out, err);
}

int facts_content(struct facts *f, const char *path, struct content *out, struct error *err) {
    return ask_store(f, path, f->defer ? FACTS_HASHED_AT_ONCE : UINT64_MAX, f->defer, out, err);
}

char *facts_find_program(const char *name, const char *search) {
    return *name == '/' ? mem_strdup(name) : path_find_program(name, search, NULL);
}

int facts_program(struct facts *f, const char *name, const char *search, struct digest *out, struct error *err) {
    struct content content;
    char *path = facts_find_program(name, search);
    if (!path)
        return error_set(err, ERR_NOT_FOUND, "%s: no such program on the PATH of the stage (%s)", name, search);
    int rc = facts_file(f, path, &content, err);
    if (rc == 0)
        *out = content.digest;
    free(path);
    return rc;
}

static const char *prefix_path(struct facts *f, const struct toolchain *t) {
    size_t length = strlen(t->prefix);
    char *path = bytemap_get(&f->paths, t->prefix, length);
    if (!path) {
        path = toolchain_path(t);
        bytemap_put(&f->paths, t->prefix, length, path);
    }
    return path;
}

const char *facts_stage_path(struct facts *f, const struct stage_decl *stage) {
    const char *callers = getenv("PATH");
    if (callers && (stage->toolchain.type == TOOLCHAIN_CALLER || stage_passes(stage, "PATH")))
        return callers;
    return stage->toolchain.type == TOOLCHAIN_PREFIX ? prefix_path(f, &stage->toolchain) : TOOLCHAIN_SYSTEM_PATH;
}
