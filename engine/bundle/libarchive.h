/* libarchive, loaded when a bundle is written or read: linked, it would be loaded by every start of the program. */
#ifndef RETORT_ENGINE_BUNDLE_LIBARCHIVE_H
#define RETORT_ENGINE_BUNDLE_LIBARCHIVE_H

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

#include "engine/base/error.h"

/* Its functions, by their names without "archive_". */
struct libarchive {
    const char *(*error_string)(struct archive *);

    struct archive *(*read_new)(void);
    int (*read_support_format_tar)(struct archive *);
    int (*read_support_filter_zstd)(struct archive *);
    int (*read_support_format_zip_seekable)(struct archive *);
    int (*read_open_filename)(struct archive *, const char *, size_t);
    int (*read_next_header)(struct archive *, struct archive_entry **);
    la_ssize_t (*read_data)(struct archive *, void *, size_t);
    int (*read_free)(struct archive *);

    struct archive *(*write_new)(void);
    int (*write_set_format_pax_restricted)(struct archive *);
    int (*write_add_filter_zstd)(struct archive *);
    int (*write_set_format_zip)(struct archive *);
    int (*write_open_fd)(struct archive *, int);
    int (*write_header)(struct archive *, struct archive_entry *);
    la_ssize_t (*write_data)(struct archive *, const void *, size_t);
    int (*write_close)(struct archive *);
    int (*write_free)(struct archive *);

    struct archive_entry *(*entry_new)(void);
    void (*entry_free)(struct archive_entry *);
    const char *(*entry_pathname)(struct archive_entry *);
    const char *(*entry_hardlink)(struct archive_entry *);
    const char *(*entry_symlink)(struct archive_entry *);
    __LA_MODE_T (*entry_filetype)(struct archive_entry *);
    void (*entry_set_pathname)(struct archive_entry *, const char *);
    void (*entry_set_size)(struct archive_entry *, la_int64_t);
    void (*entry_set_filetype)(struct archive_entry *, unsigned int);
    void (*entry_set_perm)(struct archive_entry *, __LA_MODE_T);
    void (*entry_set_mtime)(struct archive_entry *, time_t, long);
};

extern struct libarchive libarchive;

/* Loads it, once. ERR_NOT_FOUND: it is not installed. */
int libarchive_load(struct error *err);

/* libarchive takes the characters of names from the thread's locale; between these two it is C.UTF-8. */
locale_t libarchive_enter(void);
void libarchive_leave(locale_t before);

#endif
