/* Makes objects of the store from what a commit holds. Shared by committed.c and its own file alone. */
#ifndef RETORT_ENGINE_LOOKUP_COMMITTED_OBJECT_H
#define RETORT_ENGINE_LOOKUP_COMMITTED_OBJECT_H

#include "engine/git/repository.h"
#include "engine/lookup/ignore.h"
#include "engine/plan/action.h"
#include "store/store.h"

/* A folder of a commit that was fetched. */
struct committed_folder {
    const char *commit, *path;
    const struct folder_filter *filter; /* its paths are absolute in the commit: "/data/raw.csv" */
};

/* Each puts content into the store, unless it is there, and says what it is. ERR_INVALID: it is too large. ERR_IO. */
int committed_put_bytes(struct content *out, struct store *store, const struct buffer *bytes, bool executable,
                        struct error *err);
int committed_put_file(struct content *out, struct store *store, struct repository *r, const struct git_entry *entry,
                       struct error *err);
int committed_put_folder(struct content *out, struct store *store, struct repository *r,
                         const struct committed_folder *folder, struct error *err);

#endif
