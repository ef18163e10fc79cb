/*
 * Tests whether a file system's locks work. Engines that share a store rely on flock (lease, claims) and SQLite's
 * byte-range locks. Some file systems have no locks, grant every lock, or keep locks from other machines that mount
 * them. A store there would be damaged without a message.
 */
#ifndef RETORT_STORE_LOCK_H
#define RETORT_STORE_LOCK_H

#include <sys/types.h>

#include "engine/base/error.h"

/* Tries the locks on `path`, an existing file that no other process locks exclusively. One descriptor takes a shared
   lock, and the other must be refused an exclusive one. Writes nothing and does not wait. ERR_IO with the reason and
   the mend. */
int lock_check(const char *path, struct error *err);

/* Reads `mountinfo` (the text of /proc/self/mountinfo) for the file system on `device`. Returns NULL, or how it is
   mounted when other machines share its files and not its locks: "nfs with local_lock=all". The caller frees. */
char *lock_unshared(const char *mountinfo, dev_t device);

#endif
