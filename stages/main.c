/* retort-stage: one attempt of one stage (the keeper), or the code of one built-in kind. */
#include <ctype.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/version.h"
#include "kernels/blas_coretype.h"
#include "kernels/platform.h"
#include "stages/attempt.h"
#include "stages/stage.h"

static const char help[] =
    "retort-stage attempt FILE   run one attempt and leave nothing of it behind (started by retort)\n"
    "retort-stage kind SPEC      run the built-in kind that SPEC names, in the working directory\n"
    "retort-stage platform       print what equal bytes depend on: code path, BLAS and its core type, C library\n"
    "retort-stage --version, --help\n";

static int fail(const struct error *err) {
    fprintf(stderr, "retort-stage: %s\n", err->message);
    return error_exit_status(err->code);
}

/* OpenBLAS chooses its kernels and its threads when the program is loaded, so both must stand in the environment before:
   where they do not, this program starts itself once more. Returns when there is nothing to change. */
static void load_blas_rightly(char **argv) {
    const char *core = kernels_blas_coretype();
    if (getenv("OPENBLAS_CORETYPE"))
        core = NULL;
    if (!core && getenv("OPENBLAS_NUM_THREADS"))
        return;
    if (core)
        setenv("OPENBLAS_CORETYPE", core, 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 0);
    execv("/proc/self/exe", argv);
}

static int run_kind(const char *spec) {
    struct error err = {0};
    struct stage *s = NULL;
    int rc = stage_open(&s, spec, &err);
    if (rc < 0)
        return fail(&err);
    stage_run *run = stage_find(stage_kind(s));
    if (run)
        rc = run(s, &err);
    else
        rc = error_set(&err, ERR_NOT_FOUND, "%s: this program has no code for the kind %s", spec, stage_kind(s));
    if (rc == 0)
        rc = stage_finish(s, &err);
    stage_close(s);
    if (rc < 0)
        return fail(&err);
    return rc;
}

/* OpenBLAS names its version in a line of its own: "OpenBLAS 0.3.21 NO_LAPACKE ...". */
static int print_platform(void) {
    const char *version = kernels_blas_version();
    if (strncmp(version, "OpenBLAS ", 9) == 0)
        version += 9;
    printf("%s openblas-%.*s-", kernels_platform(), (int)strcspn(version, " "), version);
    for (const char *core = kernels_blas_core(); *core; core++)
        putchar(tolower((unsigned char)*core));
    printf(" glibc-%s\n", gnu_get_libc_version());
    return fflush(stdout) == 0 ? 0 : 3;
}

int main(int argc, char **argv) {
    const char *verb = argc > 1 ? argv[1] : "--help";
    struct error err = {0};
    if (argc == 3 && strcmp(verb, "attempt") == 0)
        return attempt_run(argv[2], &err) < 0 ? fail(&err) : 0;
    if (argc == 3 && strcmp(verb, "kind") == 0) {
        load_blas_rightly(argv);
        return run_kind(argv[2]);
    }
    if (argc == 2 && strcmp(verb, "platform") == 0) {
        load_blas_rightly(argv);
        return print_platform();
    }
    if (argc == 2 && strcmp(verb, "--version") == 0) {
        puts("retort-stage " RETORT_VERSION);
        return 0;
    }
    bool asked = argc == 2 && strcmp(verb, "--help") == 0;
    fputs(help, asked ? stdout : stderr);
    return asked ? 0 : 2;
}
