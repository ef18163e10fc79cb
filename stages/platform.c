#include "stages/platform.h"

#include <ctype.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "kernels/blas_coretype.h"
#include "kernels/code_path.h"

struct platform {
    const char *name, *core, *tunables;
};

/* glibc's FMA variants of libm want FMA and AVX2, or FMA4. */
static const struct platform platforms[] = {
    {"portable", "PRESCOTT", "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4"},
    {"x86-64-avx2", "HASWELL", ""},
    {"x86-64-avx512", "SKYLAKEX", ""},
};

static const struct platform *platform_find(const char *name) {
    for (size_t i = 0; i < sizeof platforms / sizeof *platforms; i++)
        if (strcmp(platforms[i].name, name) == 0)
            return &platforms[i];
    return NULL;
}

static bool is_set(const char *variable, const char *wanted) {
    const char *value = getenv(variable);
    return value && strcmp(value, wanted) == 0;
}

static int start_again(char **argv, struct error *err) {
    execv("/proc/self/exe", argv);
    return error_errno(err, errno, "start %s again", argv[0]);
}

static int pin(const char *name, char **argv, struct error *err) {
    const struct platform *p = platform_find(name);
    if (!p)
        return error_set(err, ERR_USAGE, "no platform \"%s\"; there are portable, x86-64-avx2 and x86-64-avx512", name);
    if (kernels_platform_pin(name) < 0)
        return error_set(err, ERR_USAGE, "this processor has not the instructions of %s; it has %s", name,
                         kernels_platform());
    if (!is_set("OPENBLAS_CORETYPE", p->core) || !is_set("OPENBLAS_NUM_THREADS", "1") ||
        !is_set("GLIBC_TUNABLES", p->tunables)) {
        setenv("OPENBLAS_CORETYPE", p->core, 1);
        setenv("OPENBLAS_NUM_THREADS", "1", 1);
        setenv("GLIBC_TUNABLES", p->tunables, 1);
        return start_again(argv, err);
    }
    if (strcasecmp(kernels_blas_core(), p->core) != 0)
        return error_set(err, ERR_IO, "OpenBLAS was told to be %s and is %s", p->core, kernels_blas_core());
    return 0;
}

/* Keeps variables that are set already. Several OpenBLAS threads would make bytes depend on their number. */
static int load_blas_rightly(char **argv, struct error *err) {
    const char *core = getenv("OPENBLAS_CORETYPE") ? NULL : kernels_blas_coretype();
    if (!core && getenv("OPENBLAS_NUM_THREADS"))
        return 0;
    if (core)
        setenv("OPENBLAS_CORETYPE", core, 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 0);
    return start_again(argv, err);
}

int platform_select(const char *name, char **argv, struct error *err) {
    return name ? pin(name, argv, err) : load_blas_rightly(argv, err);
}

/* OpenBLAS names its version in a line of its own: "OpenBLAS 0.3.21 NO_LAPACKE ...". */
int platform_print(struct error *err) {
    const char *version = kernels_blas_version();
    if (strncmp(version, "OpenBLAS ", 9) == 0)
        version += 9;
    printf("%s openblas-%.*s-", kernels_platform(), (int)strcspn(version, " "), version);
    for (const char *core = kernels_blas_core(); *core; core++)
        putchar(tolower((unsigned char)*core));
    printf(" glibc-%s\n", gnu_get_libc_version());
    return fflush(stdout) == 0 ? 0 : error_errno(err, errno, "standard output");
}
