/* Asks a repository's index without libgit2, which takes longer to load than a short command takes. */
#ifndef RETORT_ENGINE_GIT_INDEX_H
#define RETORT_ENGINE_GIT_INDEX_H

#include <stdbool.h>
#include <stddef.h>

/* Whether git tracks a file below a folder ("results/") of the repository whose top folder is `root`, or a link or
   submodule in its place. False also where the index cannot be read. Names are sorted, so that little is read. */
bool index_tracks_below(const char *root, const char *folder);

/* The same for the text of an index. */
bool index_text_tracks_below(const void *index, size_t size, const char *folder);

#endif
