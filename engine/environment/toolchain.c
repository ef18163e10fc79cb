#include "engine/environment/toolchain.h"

#include <stdlib.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"

/* Besides PATH. PYTHONPATH is none of them: it changes what a program imports, so "pass_env" has to name it. */
static const char *const caller_names[] = {
    "VIRTUAL_ENV", /* venv, uv, poetry */
    "CONDA_PREFIX",   "CONDA_DEFAULT_ENV",  "CONDA_EXE",         "CONDA_PYTHON_EXE",
    "PYENV_ROOT",     "PYENV_VERSION",      "PYENV_VIRTUAL_ENV", "LOADEDMODULES", /* from here on: modules */
    "_LMFILES_",      "LD_LIBRARY_PATH",    "LIBRARY_PATH",      "CPATH",
    "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "PKG_CONFIG_PATH",   "CMAKE_PREFIX_PATH",
    "CUDA_HOME",
};

static void visit_caller(toolchain_visit *visit, void *context) {
    const char *path = getenv("PATH");
    visit(context, "PATH", path ? path : TOOLCHAIN_SYSTEM_PATH);
    for (size_t i = 0; i < sizeof caller_names / sizeof *caller_names; i++) {
        const char *value = getenv(caller_names[i]);
        if (value)
            visit(context, caller_names[i], value);
    }
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
        visit_caller(visit, context);
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
