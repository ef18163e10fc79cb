/*
 * Remembers the objects that files and folders of commits are, so that no plan reads them again. Each has a file in
 * <store>/git/contents/, named by the SHA-256 of URL, commit and path. It holds the object as a record holds an out.
 * Shared by the files committed*.c alone.
 */
#ifndef RETORT_ENGINE_LOOKUP_COMMITTED_MEMORY_H
#define RETORT_ENGINE_LOOKUP_COMMITTED_MEMORY_H

#include "engine/plan/action.h"
#include "store/store.h"

/* False: it is not known, the store does not have the object any more, or others can write to the store. They could name
   any object as what a commit holds. */
bool committed_recall(struct content *out, struct store *store, const struct origin *o, const char *path);

/* A fault is no error: the next plan reads the content again. */
void committed_remember(struct store *store, const struct origin *o, const char *path, const struct content *content);

#endif
