#include <stdlib.h>

#include "engine/base/bytemap.h"
#include "engine/base/memory.h"
#include "engine/git/internal.h"

int commit_tree(git_oid *out, struct repository *r, const char *commit, struct error *err) {
    git_oid id;
    git_commit *object = NULL;
    bool found = r->bare && libgit.oid_fromstr(&id, commit) == 0 && libgit.commit_lookup(&object, r->bare, &id) == 0;
    if (found)
        *out = *libgit.commit_tree_id(object);
    libgit.commit_free(object);
    return found ? 0 : error_set(err, ERR_NOT_FOUND, "%s: has no commit %s", r->url, commit);
}

int tree_open(git_tree **out, struct repository *r, const git_oid *id, struct error *err) {
    if (libgit.tree_lookup(out, r->bare, id) == 0)
        return 0;
    return error_set(err, ERR_CORRUPT, "%s: a folder cannot be read: %s; remove %s and try again", r->url,
                     libgit_reason(), r->folder);
}

/* ---- the whole of a commit ---- */

struct requirement {
    struct repository *r;
    struct bytemap seen; /* by id */
    git_oid **trees;     /* still to be read */
    size_t count, capacity;
};

/* A list in place of a recursion: a hostile tree may be as deep as it likes. */
static int require_entry(struct requirement *q, const git_tree_entry *entry, struct error *err) {
    const git_oid *id = libgit.tree_entry_id(entry);
    git_filemode_t mode = libgit.tree_entry_filemode(entry);
    if (mode == GIT_FILEMODE_COMMIT || bytemap_get(&q->seen, id->id, sizeof id->id))
        return 0;
    if (!libgit.odb_exists(q->r->objects, id))
        return error_set(err, ERR_CORRUPT, "%s: the remote did not send the whole commit; remove %s and try again",
                         q->r->url, q->r->folder);
    git_oid *kept = mem_alloc(sizeof *kept);
    *kept = *id;
    bytemap_put(&q->seen, kept->id, sizeof kept->id, kept);
    if (mode == GIT_FILEMODE_TREE) {
        mem_grow(q->trees, &q->capacity, q->count + 1);
        q->trees[q->count++] = kept;
    }
    return 0;
}

static int require_tree(struct requirement *q, const git_oid *id, struct error *err) {
    git_tree *tree = NULL;
    int rc = tree_open(&tree, q->r, id, err);
    size_t count = rc == 0 ? libgit.tree_entrycount(tree) : 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = require_entry(q, libgit.tree_entry_byindex(tree, i), err);
    libgit.tree_free(tree);
    return rc;
}

int commit_require(struct repository *r, const char *commit, struct error *err) {
    struct requirement q = {.r = r};
    git_oid root;
    int rc = commit_tree(&root, r, commit, err);
    if (rc == 0)
        rc = require_tree(&q, &root, err);
    while (rc == 0 && q.count)
        rc = require_tree(&q, q.trees[--q.count], err);
    for (size_t i = 0; i < q.seen.count; i++)
        free(q.seen.entries[i].value);
    bytemap_close(&q.seen);
    free(q.trees);
    return rc;
}
