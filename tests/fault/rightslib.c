/*
 * Makes Landlock look older: a library that is loaded before all others.
 *
 *   LD_PRELOAD=.../rightslib.so RETORT_RIGHTS=2 retort run ...
 *
 *   RETORT_RIGHTS  the version that the kernel has at most; 0: it has none
 *
 * Programs of stages do not get it: their environment starts empty.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/landlock.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef long function(long number, ...);

long syscall(long number, ...) {
    static function *real;
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    long result = real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    const char *most = getenv("RETORT_RIGHTS");
    if (number != SYS_landlock_create_ruleset || a[2] != LANDLOCK_CREATE_RULESET_VERSION || !most || result < 0)
        return result;
    long version = strtol(most, NULL, 10);
    errno = EOPNOTSUPP;
    return version == 0 ? -1 : result < version ? result : version;
}
