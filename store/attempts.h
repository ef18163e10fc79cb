/*
 * Files that attempts leave behind, also when their engine was killed.
 *
 *   attempts/<id>.json                     a record of an attempt that failed, was interrupted or is not cached; the
 *                                          keeper's account of one that runs, or whose engine is gone
 *   attempts/failed-<key>.json             a failure that a quorum left out
 *   checkpoints/<key>.<platform>.attempts  the attempts that worked on a checkpoint, a line each; removed with it
 */
#ifndef RETORT_STORE_ATTEMPTS_H
#define RETORT_STORE_ATTEMPTS_H

#include "store/store.h"

char *store_attempt_path(const struct store *s, const char *attempt); /* the caller frees */

/* ERR_NOT_FOUND; ERR_CORRUPT. The caller deletes. */
int store_attempt_read(struct store *s, const char *attempt, cJSON **out, struct error *err);

/* Removes an attempt's record; a missing one is no error. */
void store_attempt_remove(struct store *s, const char *attempt);

/* The name under which a failure that a quorum left out is remembered: "failed-<key>". The caller frees. */
char *store_failure_id(const struct digest *key);

/* Visits the records of attempts at keys that `wanted` accepts, the newest first. Skips records that cannot be read,
   and remembered failures. ERR_IO. */
int store_attempt_search(struct store *s, bool (*wanted)(void *context, const struct digest *key),
                         void (*visit)(void *context, const struct digest *key, const cJSON *record), void *context,
                         struct error *err);

/* checkpoints/<key>.<platform>.attempts; the caller frees. store_checkpoint_remove removes it with the checkpoint. */
char *store_checkpoint_attempts_path(const struct store *s, const struct digest *key, const char *platform);

/* Notes that an attempt works on a checkpoint; durable on return. */
int store_checkpoint_join(struct store *s, const struct digest *key, const char *platform, const char *attempt,
                          struct error *err);

/* The attempts that worked on a checkpoint, oldest first, each once. The caller closes the list. */
void store_checkpoint_attempts(struct texts *out, struct store *s, const struct digest *key, const char *platform);

/* Visits every record of a run, also of a killed one. First come the records of finished stages in the order of
   appending, then those of its other attempts by name. Damaged lines are skipped; ERR_CORRUPT for a damaged file. */
int store_run_records(struct store *s, const char *id, void (*visit)(void *context, const cJSON *record), void *context,
                      struct error *err);

#endif
