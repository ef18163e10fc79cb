/*
 * The parts of reading a git repository, which only this folder includes.
 *
 *   git.c         opens the repository, or says why not
 *   git_state.c   commit, branch, description, remote, submodules
 *   git_diff.c    the patch from the commit to the working tree
 *   tracked.c     the names of tracked files
 */
#ifndef RETORT_ENGINE_PROVENANCE_INTERNAL_H
#define RETORT_ENGINE_PROVENANCE_INTERNAL_H

#include "engine/base/sha256.h"
#include "engine/git/libgit.h"
#include "engine/provenance/provenance.h"

/* Adds the members of provenance_git for an open repository. `files` may be NULL. */
void git_describe_all(cJSON *out, git_repository *repo, struct git_files *files);

/* ---- git_diff.c ---- */

/* A patch of a repository and its submodules, one after another. */
struct patch {
    struct sha256 *hash;
    uint64_t size;
    struct buffer *kept; /* its text; NULL: nobody wants it, or it is longer than PROVENANCE_DIFF_BYTES */
};

/* Appends the patch from a tree (NULL before the first commit) to the working tree. `prefix` is "" or the place of a
   submodule, "lib/fft/". 1: the tree is dirty; 0: it is clean; else libgit2's code. */
int git_diff_append(struct patch *patch, git_repository *repo, git_tree *tree, const char *prefix);

/* ---- tracked.c ---- */

/* A submodule of the index. */
typedef void git_submodule_visit(void *context, git_repository *repo, const char *path);

/* Adds the files of the index to `names`, which may be NULL, and shows each submodule. libgit2's code. */
int git_index_walk(git_repository *repo, const char *prefix, struct texts *names, git_submodule_visit *visit,
                   void *context);

#endif
