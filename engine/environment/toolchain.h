/*
 * The variables that a toolchain gives a command, before its own "env" and "pass_env".
 *
 *   system   PATH: the fixed one
 *   caller   PATH, and what an active venv, conda, pyenv or module set, as the caller has them
 *   prefix   PREFIX/bin before the fixed PATH; VIRTUAL_ENV of a venv, CONDA_PREFIX of a conda environment. The caller's
 *            environment changes nothing
 */
#ifndef RETORT_ENGINE_ENVIRONMENT_TOOLCHAIN_H
#define RETORT_ENGINE_ENVIRONMENT_TOOLCHAIN_H

#include "engine/pipeline/pipeline.h"

#define TOOLCHAIN_SYSTEM_PATH "/usr/local/bin:/usr/bin:/bin"

/* Calls `visit` for each variable; PATH comes first. The texts live during the call. */
typedef void toolchain_visit(void *context, const char *name, const char *value);
void toolchain_variables(const struct toolchain *t, toolchain_visit *visit, void *context);

/* The program that a script in pyenv's shims would start for a stage; a copy of any other path. The caller frees. */
char *toolchain_real_program(const struct toolchain *t, const char *program);

/* Its PATH. The caller frees. */
char *toolchain_path(const struct toolchain *t);

/* Whether its folder is there. ERR_NOT_FOUND: the message says how to make it. */
int toolchain_check(const struct toolchain *t, struct error *err);

#endif
