/*
 * Other teams' commits: one bare repository for each URL, in the store.
 *
 *   URL --fetch--> <store>/git/<first 32 hex digits of SHA-256(URL)>.git --find, read, list--> bytes
 *
 * Nothing is ever checked out, no hook runs, and submodules are not followed. A commit that was fetched once is read
 * without the network from then on. `refs/retort/<commit>` says that the commit and its whole tree are there. A kill
 * in the middle of a fetch leaves no such reference, so the next fetch completes the repository. Several engines may
 * fetch into one repository at the same time.
 *
 * Such a repository is read without the user's configuration of git. A server that is silent for a minute ends a fetch;
 * RETORT_GIT_TIMEOUT gives another number of seconds. One thread uses a `struct repository` at a time. All messages
 * begin with the URL. `commit` is always 40 lower-case hex digits.
 */
#ifndef RETORT_GIT_REPOSITORY_H
#define RETORT_GIT_REPOSITORY_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/base/error.h"

enum { COMMIT_HEX_SIZE = 41 }; /* 40 digits and a NUL */

struct repository;

/* Why the URL may not be used; NULL: it may. Schemes are https, ssh and file. `foreign`: the URL stands in a file that
   came from elsewhere, which may name https and ssh only. */
const char *git_url_fault(const char *url, bool foreign);

/* Whether the text is a full commit id. */
bool git_is_commit(const char *text);

/* Opens the repository of a URL; the store's folder is absolute. Writes nothing, and a missing one is empty.
   ERR_INVALID: the URL's fault. ERR_IO: the repository cannot be read. ERR_NOT_FOUND: there is no libgit2. */
int repository_open(struct repository **out, const char *store_folder, const char *url, struct error *err);
void repository_close(struct repository *r); /* NULL is harmless */

/* Called about once a second while a fetch goes on, with one line of text. It may hold text of the server. */
typedef void git_progress(void *context, const char *line);
void repository_on_progress(struct repository *r, git_progress *progress, void *context);

/* Asks the remote for the commit of a branch or tag ("v1", "refs/heads/main", "HEAD"); tags are peeled. A full id is
   copied and not asked for. ERR_NOT_FOUND: there is none of that name, or the name is both a branch and a tag. */
int repository_resolve(struct repository *r, const char *rev, char commit[COMMIT_HEX_SIZE], struct error *err);

/* Fetches a commit, unless it is there. ERR_NOT_FOUND: the remote does not have it. ERR_FAILED: the remote cannot be
   reached, refuses, or sends something else. ERR_IO: the repository cannot be written. */
int repository_fetch(struct repository *r, const char *commit, struct error *err);

/* Whether a fetch of the commit would start a program: ssh does, and a commit that is there needs no fetch. */
bool repository_fetch_starts_program(const struct repository *r, const char *commit);

enum git_entry_type { GIT_FILE, GIT_EXECUTABLE, GIT_FOLDER };

struct git_entry {
    char oid[COMMIT_HEX_SIZE]; /* of the blob or tree */
    enum git_entry_type type;
    uint64_t size; /* bytes; 0 for a folder */
};

/* Finds a file or folder of a fetched commit; "" and "." are the commit's whole tree. Follows symbolic links that stay
   in the tree. ERR_NOT_FOUND: it does not exist, or the commit was not fetched. ERR_INVALID: a link leaves the tree, a
   submodule, or a name that could harm whoever writes it to a disk (".git", "..", a backslash). */
int repository_find(struct repository *r, const char *commit, const char *path, struct git_entry *out,
                    struct error *err);

/* Appends the bytes of a file. ERR_INVALID: they are more than `limit`. */
int repository_read(struct repository *r, const struct git_entry *file, size_t limit, struct buffer *out,
                    struct error *err);

/* Called for each file and folder; `path` is relative to the listed folder. A folder comes before what it holds. Above
   0: leaves out what this folder holds. Negative: ends the list with this code. */
typedef int git_visit(void *context, const char *path, const struct git_entry *entry, struct error *err);

/* Lists all that a folder of a fetched commit holds, also in the folders below. Errors as from repository_find.
   ERR_INVALID also: links without an end, two names that differ in case alone, too many entries. */
int repository_list(struct repository *r, const char *commit, const char *folder, git_visit *visit, void *context,
                    struct error *err);

#endif
