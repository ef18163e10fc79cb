/* Shared by the files of engine/git alone. */
#ifndef RETORT_GIT_INTERNAL_H
#define RETORT_GIT_INTERNAL_H

#include "engine/base/texts.h"
#include "engine/git/libgit.h"
#include "engine/git/repository.h"

enum url_scheme { URL_FILE, URL_HTTPS, URL_SSH, URL_UNKNOWN };

enum url_scheme url_scheme(const char *url);

struct repository {
    char *url;
    char *folder;         /* <store>/git/<digits>.git */
    git_repository *bare; /* NULL: nothing was fetched yet */
    git_odb *objects;
    git_progress *progress; /* NULL: nobody wants to know */
    void *progress_context;
    uint64_t told_ns; /* when it was called last, or the fetch began */
};

/* Gives a repository an empty configuration, in place of its own and the user's. libgit2's code. */
int repository_isolate(git_repository *repo);

/* Makes an empty bare repository beside that of `r`. The caller frees the path, and removes it, also after an error. */
int repository_make_temporary(char **out, const struct repository *r, struct error *err);

/* Calls the progress function, at most once in a second. */
void repository_tell(struct repository *r, const char *line);

/* Whether the reference says that the commit is there. */
bool repository_has(const struct repository *r, const char *commit);

/* ---- remotes ---- */

/* Seconds that a server may be silent. */
int silence_s(void);

/* A reference of the remote. "refs/tags/v1^{}" is the commit that the tag object of "refs/tags/v1" leads to. */
typedef void ref_visit(void *context, const char *name, const char *oid);

/* By libgit2, for https and file. The commit is there afterwards, unless the remote lacks it. ERR_FAILED. */
int remote_list(struct repository *r, ref_visit *visit, void *context, struct error *err);
int remote_download(struct repository *r, const char *commit, struct error *err);

/* The same by the program git, for ssh. ERR_IO: there is no such program. */
int ssh_list(struct repository *r, ref_visit *visit, void *context, struct error *err);
int ssh_download(struct repository *r, const char *commit, struct error *err);

/* Runs the program git, isolated but for ssh, and appends its standard output. The list keeps the arguments. `objects`:
   the folder that objects go to, or NULL. `refused`: git ended with a failure, so the server may answer another request.
   ERR_IO: there is no such program. ERR_FAILED: it failed, or the server was silent. */
int git_run(struct buffer *out, struct repository *r, struct texts *arguments, const char *objects, bool *refused,
            struct error *err);

/* Makes libgit2 use connections whose silence has an end. libgit2's code. */
int stream_register(void);

/* Why the last connection of this thread broke; NULL: it did not. Valid until stream_register. */
const char *stream_fault(void);

/* ---- commits ---- */

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
