#include "engine/environment/toolchain.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"

enum { VERSION_LIMIT = 4096 };

/* Besides PATH and PYENV_VERSION: a venv's, conda's, pyenv's, and those of modules. PYTHONPATH is none of them: it
   changes what a program imports, so "pass_env" has to name it. */
static const char *const caller_names[] = {
    "VIRTUAL_ENV",      "CONDA_PREFIX",       "CONDA_DEFAULT_ENV", "CONDA_EXE",
    "CONDA_PYTHON_EXE", "PYENV_ROOT",         "PYENV_VIRTUAL_ENV", "LOADEDMODULES",
    "_LMFILES_",        "LD_LIBRARY_PATH",    "LIBRARY_PATH",      "CPATH",
    "C_INCLUDE_PATH",   "CPLUS_INCLUDE_PATH", "PKG_CONFIG_PATH",   "CMAKE_PREFIX_PATH",
    "CUDA_HOME",
};

/* ---- pyenv ---- */

/* The first line of a file; NULL: there is none. The caller frees. */
static char *first_line(const char *path) {
    struct buffer text = {0};
    char *line = NULL;
    if (file_read(&text, path, VERSION_LIMIT, NULL) == 0)
        line = mem_strndup(buffer_text(&text), strcspn(buffer_text(&text), "\r\n"));
    buffer_close(&text);
    return line;
}

/* The version that pyenv finds from a folder upwards; NULL: none is named there. The caller frees. */
static char *local_version(const char *directory) {
    char *here = mem_strdup(directory), *version = NULL;
    for (;;) {
        char *file = path_join(here, ".python-version"), *above = path_directory(here);
        version = first_line(file);
        free(file);
        bool top = strcmp(above, here) == 0;
        free(here);
        here = above;
        if (version || top)
            break;
    }
    free(here);
    return version;
}

/* The PYENV_VERSION of a stage; NULL: none. A stage's directory has no .python-version above it, or another one. */
static char *pyenv_version(const char *directory) {
    const char *set = getenv("PYENV_VERSION"), *path = getenv("PATH");
    if (set)
        return mem_strdup(set);
    return directory && path && strstr(path, "/shims") ? local_version(directory) : NULL;
}

/* The folder above shims/ in which pyenv keeps its versions; NULL: the program is none of its scripts. */
static char *pyenv_root(const char *program) {
    char *shims = path_directory(program), *root = NULL;
    if (strcmp(path_base(shims), "shims") == 0) {
        root = path_directory(shims);
        char *versions = path_join(root, "versions");
        if (!file_is_directory(versions)) {
            free(root);
            root = NULL;
        }
        free(versions);
    }
    free(shims);
    return root;
}

char *toolchain_real_program(const struct toolchain *t, const char *program) {
    char *root = t->type == TOOLCHAIN_CALLER ? pyenv_root(program) : NULL, *real = NULL;
    if (root) {
        char *file = path_join(root, "version"), *version = pyenv_version(t->directory);
        if (!version)
            version = first_line(file);
        if (version)
            real = mem_printf("%s/versions/%.*s/bin/%s", root, (int)strcspn(version, ":"), version, path_base(program));
        free(file);
        free(version);
    }
    free(root);
    if (real && file_exists(real))
        return real;
    free(real);
    return mem_strdup(program);
}

/* ---- variables ---- */

static void visit_caller(const char *directory, toolchain_visit *visit, void *context) {
    const char *path = getenv("PATH");
    visit(context, "PATH", path ? path : TOOLCHAIN_SYSTEM_PATH);
    for (size_t i = 0; i < sizeof caller_names / sizeof *caller_names; i++) {
        const char *value = getenv(caller_names[i]);
        if (value)
            visit(context, caller_names[i], value);
    }
    char *version = pyenv_version(directory);
    if (version)
        visit(context, "PYENV_VERSION", version);
    free(version);
}

static void visit_prefix(const char *prefix, toolchain_visit *visit, void *context) {
    char *path = mem_printf("%s/bin:" TOOLCHAIN_SYSTEM_PATH, prefix);
    char *venv = path_join(prefix, "pyvenv.cfg"), *conda = path_join(prefix, "conda-meta");
    visit(context, "PATH", path);
    if (file_exists(venv))
        visit(context, "VIRTUAL_ENV", prefix);
    if (file_is_directory(conda))
        visit(context, "CONDA_PREFIX", prefix);
    free(path);
    free(venv);
    free(conda);
}

void toolchain_variables(const struct toolchain *t, toolchain_visit *visit, void *context) {
    switch (t->type) {
    case TOOLCHAIN_SYSTEM:
        visit(context, "PATH", TOOLCHAIN_SYSTEM_PATH);
        return;
    case TOOLCHAIN_CALLER:
        visit_caller(t->directory, visit, context);
        return;
    case TOOLCHAIN_PREFIX:
        visit_prefix(t->prefix, visit, context);
        return;
    }
}

static void keep_path(void *context, const char *name, const char *value) {
    char **path = context;
    (void)name;
    if (!*path)
        *path = mem_strdup(value);
}

char *toolchain_path(const struct toolchain *t) {
    char *path = NULL;
    toolchain_variables(t, keep_path, &path);
    return path;
}

int toolchain_check(const struct toolchain *t, struct error *err) {
    if (t->type != TOOLCHAIN_PREFIX || file_is_directory(t->prefix))
        return 0;
    return error_set(err, ERR_NOT_FOUND,
                     "toolchain: there is no folder %s; make the environment first (python3 -m venv %s)", t->prefix,
                     t->prefix);
}
