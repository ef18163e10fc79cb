/* retort-stage: the code of one built-in kind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/version.h"
#include "stages/platform.h"
#include "stages/stage.h"

static const char help[] =
    "retort-stage kind SPEC      run the built-in kind that SPEC names, in the working directory\n"
    "retort-stage platform       print what equal bytes depend on: code path, BLAS and its core type, C library\n"
    "retort-stage --version, --help\n"
    "\n"
    "kind and platform take --platform NAME before what else they take: not what is best on this processor, but "
    "portable\n"
    "(any x86-64), x86-64-avx2 or x86-64-avx512. For tests, and for comparing the results of platforms on one "
    "machine.\n";

static int fail(const struct error *err) {
    fprintf(stderr, "retort-stage: %s\n", err->message);
    return error_exit_status(err->code);
}

static int run_kind(const char *spec, struct error *err) {
    struct stage *s = NULL;
    int rc = stage_open(&s, spec, err);
    if (rc < 0)
        return rc;
    rc = stage_find(stage_kind(s))(s, err);
    if (rc == 0)
        rc = stage_finish(s, err);
    stage_close(s);
    return rc;
}

/* `kind` and `platform`: what follows the verb, less --platform NAME. */
static int run_settled(const char *verb, char **argv, struct error *err) {
    char **rest = argv + 2;
    const char *name = NULL;
    if (rest[0] && rest[1] && strcmp(rest[0], "--platform") == 0) {
        name = rest[1];
        rest += 2;
    }
    bool kind = strcmp(verb, "kind") == 0;
    if (kind ? !rest[0] || rest[1] : rest[0] != NULL)
        return error_set(err, ERR_USAGE, "%s [--platform NAME]%s; --help says more", verb, kind ? " SPEC" : "");
    int rc = platform_select(name, argv, err);
    if (rc == 0)
        rc = kind ? run_kind(rest[0], err) : platform_print(err);
    return rc;
}

int main(int argc, char **argv) {
    const char *verb = argc > 1 ? argv[1] : "--help";
    struct error err = {0};
    if (argc > 1 && (strcmp(verb, "kind") == 0 || strcmp(verb, "platform") == 0)) {
        int rc = run_settled(verb, argv, &err);
        return rc < 0 ? fail(&err) : rc;
    }
    if (argc == 2 && strcmp(verb, "--version") == 0) {
        puts("retort-stage " RETORT_VERSION);
        return 0;
    }
    bool asked = argc == 2 && strcmp(verb, "--help") == 0;
    fputs(help, asked ? stdout : stderr);
    return asked ? 0 : 2;
}
