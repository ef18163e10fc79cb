/* Shared by the files of engine/git alone. */
#ifndef RETORT_GIT_INTERNAL_H
#define RETORT_GIT_INTERNAL_H

#include "engine/git/libgit.h"
#include "engine/git/repository.h"

enum url_scheme { URL_FILE, URL_HTTPS, URL_SSH, URL_UNKNOWN };

enum url_scheme url_scheme(const char *url);

struct repository {
    char *url;
    char *folder;         /* <store>/git/<digits>.git */
    git_repository *bare; /* NULL: nothing was fetched yet */
    git_odb *objects;
};

/* Whether the reference says that the commit is there. */
bool repository_has(const struct repository *r, const char *commit);

/* The tree of a commit. ERR_NOT_FOUND. */
int commit_tree(git_oid *out, struct repository *r, const char *commit, struct error *err);

/* Requires every object of a commit's tree. ERR_NOT_FOUND: the commit is not there. ERR_CORRUPT: an object is not. */
int commit_require(struct repository *r, const char *commit, struct error *err);

/* ERR_CORRUPT. Freed with libgit.tree_free. */
int tree_open(git_tree **out, struct repository *r, const git_oid *id, struct error *err);

/* The subject of a message. */
struct place {
    struct repository *r;
    const char *commit, *path;
};

/* "<url>#<7 digits>:<path>: ...". Returns the code. */
int place_error(struct error *err, int code, const struct place *p, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ERR_INVALID: the name could harm whoever writes it to a disk. */
int name_check(const struct place *p, const char *name, struct error *err);
int submodule_error(const struct place *p, const char *name, struct error *err);

void folder_entry(struct git_entry *out, const git_oid *tree);
int file_entry(struct git_entry *out, const struct place *p, const git_tree_entry *entry, struct error *err);

#endif
