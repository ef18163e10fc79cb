/*
 * Whether a file system's locks hold. Engines that share a store keep out of each other's way by flock (lease, claims)
 * and SQLite's byte-range locks: where a file system has none, grants everything, or keeps locks from the other machines
 * that have it mounted, a store would be damaged without a word.
 */
#ifndef RETORT_STORE_LOCK_H
#define RETORT_STORE_LOCK_H

#include <sys/types.h>

#include "engine/base/error.h"

/* Tries the locks of the file system of `path`, a file that is there and that nobody else locks exclusively: of two
   descriptors one takes it shared, and the other must be refused it exclusively. Writes nothing, keeps nobody waiting.
   ERR_IO with the reason, and the mend. */
int lock_check(const char *path, struct error *err);

/* What `mountinfo`, the text of /proc/self/mountinfo, says of the file system on `device`: NULL, or how it is mounted so
   that other machines share its files and not its locks ("nfs with local_lock=all"). The caller frees. */
char *lock_unshared(const char *mountinfo, dev_t device);

#endif
