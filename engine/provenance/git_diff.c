#include "engine/base/memory.h"
#include "engine/provenance/internal.h"

#include <stdlib.h>

static void append(struct patch *patch, const void *bytes, size_t size) {
    sha256_update(patch->hash, bytes, size);
    patch->size += size;
    if (patch->kept && patch->size > PROVENANCE_DIFF_BYTES) {
        buffer_close(patch->kept);
        patch->kept = NULL;
    }
    if (patch->kept)
        buffer_append(patch->kept, bytes, size);
}

/* A submodule is described by its commit and by its own patch. git cannot apply "Subproject commit" to a file. */
static bool is_submodule(const git_diff_delta *delta) {
    return delta->new_file.mode == GIT_FILEMODE_COMMIT ||
           (delta->old_file.mode == GIT_FILEMODE_COMMIT && delta->new_file.mode == GIT_FILEMODE_UNREADABLE);
}

static int append_line(const git_diff_delta *delta, const git_diff_hunk *hunk, const git_diff_line *line, void *patch) {
    (void)hunk;
    if (is_submodule(delta))
        return 0;
    if (line->origin == GIT_DIFF_LINE_CONTEXT || line->origin == GIT_DIFF_LINE_ADDITION ||
        line->origin == GIT_DIFF_LINE_DELETION)
        append(patch, &line->origin, 1);
    append(patch, line->content, line->content_len);
    return 0;
}

/* Untracked files are left out: libgit2 would walk a store beside the sources in vain. */
static int diff_open(git_diff **out, git_repository *repo, git_tree *tree, const char *old, const char *new) {
    git_diff_options options;
    libgit.diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
    options.flags = GIT_DIFF_SHOW_BINARY | GIT_DIFF_INCLUDE_TYPECHANGE;
    options.ignore_submodules = GIT_SUBMODULE_IGNORE_DIRTY;
    options.id_abbrev = GIT_OID_HEXSZ;
    options.old_prefix = old; /* independent of diff.noprefix */
    options.new_prefix = new;
    return libgit.diff_tree_to_workdir_with_index(out, repo, tree, &options);
}

int git_diff_append(struct patch *patch, git_repository *repo, git_tree *tree, const char *prefix) {
    git_diff *diff = NULL;
    char *old = mem_printf("a/%s", prefix), *new = mem_printf("b/%s", prefix);
    int rc = libgit.repository_is_bare(repo) ? 0 : diff_open(&diff, repo, tree, old, new);
    int dirty = rc == 0 && diff && libgit.diff_num_deltas(diff) > 0;
    if (dirty)
        rc = libgit.diff_print(diff, GIT_DIFF_FORMAT_PATCH, append_line, patch);
    libgit.diff_free(diff);
    free(old);
    free(new);
    return rc < 0 ? rc : dirty;
}
