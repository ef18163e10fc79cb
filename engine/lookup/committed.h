/*
 * Files of other teams' commits, for whoever reads a pipeline and for plans.
 *
 *   repository in the store --find, read, list--> bytes --> object of the store
 *
 * A repository is opened once, and a commit is fetched when it is first needed. Of a folder, entries of
 * folder_skips_name and of the commit's own .retortignore are no part. One thread uses it at a time.
 */
#ifndef RETORT_ENGINE_LOOKUP_COMMITTED_H
#define RETORT_ENGINE_LOOKUP_COMMITTED_H

#include "engine/git/repository.h"
#include "engine/pipeline/origin.h"
#include "engine/plan/action.h"
#include "store/store.h"

struct committed;

/* Gives the store that holds the repositories; asked for with the first commit. */
typedef int committed_store(void *context, struct store **out, struct error *err);

/* `starts_programs`: commits that a foreign file names are fetched by ssh too. `progress` is called about once a second while a commit is fetched, with a line of text. */
struct committed *committed_create(committed_store *store, bool starts_programs, git_progress *progress, void *context);
void committed_free(struct committed *c); /* NULL is fine */

/* The callbacks for pipeline_read, as long as `c`. Messages name the URL. */
struct commits committed_reader(struct committed *c);

/* Asks the remote for the commit that a branch or tag is now; a full id is copied. Errors of repository_resolve. */
int committed_resolve(struct committed *c, const char *url, const char *rev, char commit[COMMIT_DIGITS + 1],
                      struct error *err);

/* The content of a file or folder of an open commit; `only`, unless NULL: of these members of a data file. The store
   then has it as an object. ERR_NOT_FOUND, ERR_INVALID, ERR_IO. */
int committed_content(struct committed *c, const struct origin *o, const char *path, const char *const *only,
                      size_t only_count, struct content *out, struct error *err);

/* The id of the tree of an open commit: it stands for the content of all its files. */
int committed_tree(struct committed *c, const struct origin *o, char tree[COMMIT_DIGITS + 1], struct error *err);

/* Finds the faults that committed_content would find, without hashing: `*out` has no digest. */
int committed_examine(struct committed *c, const struct origin *o, const char *path, const char *const *only,
                      size_t only_count, struct content *out, struct error *err);

#endif
