#include "engine/git/libgit.h"

#include <git2/sys/alloc.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/library.h"
#include "engine/base/memory.h"

struct libgit libgit;

/* ---- memory ---- */

/* libgit2 1.5 dereferences a NULL of a failed small allocation, also when it reports an error. So a failed small
   allocation ends the program, with a message and status 3, as elsewhere. Larger failures are left to libgit2: a
   damaged repository may hold any size, and that must not end the program. */
enum { SMALL_BYTES = 1 << 20 };

static void *checked_if_small(void *memory, size_t size) {
    if (!memory && size > SMALL_BYTES)
        libgit.error_set_oom();
    return size > SMALL_BYTES ? memory : mem_checked(memory);
}

/* The product, or SIZE_MAX, which no allocation satisfies, after an overflow. */
static size_t product(size_t count, size_t size) {
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes;
}

static void *resize(void *memory, size_t size, const char *file, int line) {
    (void)file;
    (void)line;
    return checked_if_small(size > PTRDIFF_MAX ? NULL : realloc(memory, size ? size : 1), size);
}

static void *allocate(size_t size, const char *file, int line) {
    return resize(NULL, size, file, line);
}

static void *resize_array(void *memory, size_t count, size_t size, const char *file, int line) {
    return resize(memory, product(count, size), file, line);
}

static void *allocate_array(size_t count, size_t size, const char *file, int line) {
    return resize(NULL, product(count, size), file, line);
}

static void *allocate_zeroed(size_t count, size_t size, const char *file, int line) {
    (void)file;
    (void)line;
    return checked_if_small(calloc(count ? count : 1, size ? size : 1), product(count, size));
}

static char *copy_part(const char *text, size_t size, const char *file, int line) {
    char *copy = allocate(size + 1, file, line); /* a copy of an existing string: smaller than memory */
    if (copy) {
        memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}

static char *copy_most(const char *text, size_t most, const char *file, int line) {
    return copy_part(text, strnlen(text, most), file, line);
}

static char *copy_text(const char *text, const char *file, int line) {
    return copy_part(text, strlen(text), file, line);
}

static void check_allocations(void) {
    git_allocator a = {
        .gmalloc = allocate,
        .gcalloc = allocate_zeroed,
        .gstrdup = copy_text,
        .gstrndup = copy_most,
        .gsubstrdup = copy_part,
        .grealloc = resize,
        .greallocarray = resize_array,
        .gmallocarray = allocate_array,
        .gfree = free,
    };
    libgit.libgit2_opts(GIT_OPT_SET_ALLOCATOR, &a);
}

/* ---- loading ---- */

#define FUNCTION(name) {"git_" #name, offsetof(struct libgit, name)},
static const struct library_function functions[] = {LIBGIT_FUNCTIONS(FUNCTION)};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct error failure; /* of the only attempt */

/* The version is that of the headers: others have other structures. */
static void load(void) {
    if (library_load("libgit2.so." LIBGIT2_SOVERSION, functions, sizeof functions / sizeof *functions, &libgit,
                     &failure))
        check_allocations();
    else
        error_prefix(&failure, "libgit2 cannot be loaded");
}

int libgit_load(struct error *err) {
    pthread_once(&once, load);
    return failure.code ? error_set(err, failure.code, "%s", failure.message) : 0;
}

const char *libgit_reason(void) {
    const git_error *e = libgit.error_last();
    return e && e->message ? e->message : "git gives no reason";
}
