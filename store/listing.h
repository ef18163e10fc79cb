/*
 * The listing of a directory: its files, links and empty folders, sorted by path. listing.c converts it from and to the
 * text that is stored. listing_links.c checks its links. tree.c reads a directory into one.
 */
#ifndef RETORT_STORE_LISTING_H
#define RETORT_STORE_LISTING_H

#include <stdbool.h>
#include <sys/stat.h>

#include "engine/base/buffer.h"
#include "store/store.h"

struct listing_entry {
    char *path; /* below the directory, with "/" */
    char *link; /* the text of a link; NULL: it is none */
    struct digest digest;
    uint64_t size;
    bool directory; /* an empty one: others follow from the paths */
    bool executable;
};

/* Whether the entry is a file, which has an object. */
static inline bool listing_is_file(const struct listing_entry *e) {
    return !e->directory && !e->link;
}

struct listing {
    struct listing_entry *entries;
    size_t count, capacity;
    uint64_t size; /* sum of the files */
};

/* Frees the entries. */
void listing_close(struct listing *l);

/* Sorts by path. */
void listing_sort(struct listing *l);

/* Sorts and appends the text that is stored. */
void listing_write(struct buffer *out, struct listing *l);

/* Parses a stored listing. ERR_CORRUPT for text that listing_write would not write, and for a path or a link that leaves
   the directory. */
int listing_parse(struct listing *out, const char *text, size_t size, struct error *err);

/* A new entry, all zero. The listing owns it; it is valid until the next is added. */
struct listing_entry *listing_add(struct listing *l);

/* Whether a listing can hold the name: it is UTF-8. */
bool listing_takes(const char *name);

bool listing_has_links(const struct listing *l);

/* Sorts by path, and checks the links. Each leads to an entry or a folder of the directory, by a relative path that stays
   in it all the way. ERR_INVALID names the first that does not, below `directory`. */
int listing_check_links(struct listing *l, const char *directory, struct error *err);

/* The path in a sorted listing that a path over links leads to; "": the directory itself. The caller frees. NULL: it
   leaves the directory, leads nowhere or in a circle. */
char *listing_follow(const struct listing *l, const char *path);

/* The digest of a stored listing, under a tag of its own. */
void listing_digest(struct digest *out, const void *text, size_t size);

/* Whether stored bytes begin like a listing. */
bool listing_begins(const char *text, size_t size);

/* Lists a directory. `file` gives the object of each regular file, whose stat it gets. Devices, sockets, names that are
   not UTF-8, and links unless they are followed or kept, are refused. */
typedef int tree_file(void *context, const char *path, const struct stat *st, struct object *out, struct error *err);
typedef int tree_link(void *context, const char *path, bool directory, struct error *err);
struct tree_options {
    const struct folder_filter *filter; /* a folder input: without the entries that are no part of it; NULL: all */
    tree_link *follow; /* called for each link, which is then followed; NULL: none is. `at` is the working directory. */
    void *follow_context;
    bool keep; /* links are entries of their own */
};

/* The object that such a directory is. */
int tree_object(struct object *out, const char *directory, const struct tree_options *options, tree_file *file,
                void *context, struct error *err);

/* The error for a path of the project that cannot be opened, or whose link leads nowhere. */
int tree_fault(int errnum, const char *path, struct error *err);
int tree_walk(struct listing *out, int at, const char *directory, const struct tree_options *options, tree_file *file,
              void *context, struct error *err);

#endif
