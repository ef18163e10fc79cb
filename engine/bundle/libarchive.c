#include "engine/bundle/libarchive.h"

#include <pthread.h>
#include <stddef.h>

#include "engine/base/library.h"

struct libarchive libarchive;

#define FUNCTION(name)                                                                                                 \
    { "archive_" #name, offsetof(struct libarchive, name) }

static const struct library_function functions[] = {
    FUNCTION(error_string),
    FUNCTION(read_new),
    FUNCTION(read_support_format_tar),
    FUNCTION(read_support_filter_zstd),
    FUNCTION(read_support_format_zip_seekable),
    FUNCTION(read_open_filename),
    FUNCTION(read_next_header),
    FUNCTION(read_data),
    FUNCTION(read_free),
    FUNCTION(write_new),
    FUNCTION(write_set_format_pax_restricted),
    FUNCTION(write_add_filter_zstd),
    FUNCTION(write_set_format_zip),
    FUNCTION(write_open_fd),
    FUNCTION(write_header),
    FUNCTION(write_data),
    FUNCTION(write_close),
    FUNCTION(write_free),
    FUNCTION(entry_new),
    FUNCTION(entry_free),
    FUNCTION(entry_pathname),
    FUNCTION(entry_hardlink),
    FUNCTION(entry_symlink),
    FUNCTION(entry_filetype),
    FUNCTION(entry_set_pathname),
    FUNCTION(entry_set_size),
    FUNCTION(entry_set_filetype),
    FUNCTION(entry_set_perm),
    FUNCTION(entry_set_mtime),
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct error failure; /* of the only attempt */

static void load(void) {
    if (!library_load("libarchive.so.13", functions, sizeof functions / sizeof *functions, &libarchive, &failure))
        error_prefix(&failure, "libarchive cannot be loaded; install the package libarchive13");
}

int libarchive_load(struct error *err) {
    pthread_once(&once, load);
    return failure.code ? error_set(err, failure.code, "%s", failure.message) : 0;
}

locale_t libarchive_enter(void) {
    static locale_t utf8;
    if (!utf8)
        utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    return uselocale(utf8);
}

void libarchive_leave(locale_t before) {
    uselocale(before);
}
