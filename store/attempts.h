/*
 * What attempts leave behind, also those whose engine was killed: who worked on a checkpoint, what became of a run.
 *
 *   attempts/<id>.json                       a record: of an attempt that failed, was interrupted, is not cached; of one that
 *                                            runs, and of one whose engine is gone, its keeper's account
 *   checkpoints/<key>.<platform>.attempts    the attempts that worked on a checkpoint, a line each; goes with it
 */
#ifndef RETORT_STORE_ATTEMPTS_H
#define RETORT_STORE_ATTEMPTS_H

#include "store/store.h"

char *store_attempt_path(const struct store *s, const char *attempt); /* the caller frees */

/* ERR_NOT_FOUND; ERR_CORRUPT. The caller deletes. */
int store_attempt_read(struct store *s, const char *attempt, cJSON **out, struct error *err);

/* One that is not there is fine. */
void store_attempt_remove(struct store *s, const char *attempt);

/* checkpoints/<key>.<platform>.attempts; the caller frees. store_checkpoint_remove removes it with the checkpoint. */
char *store_checkpoint_attempts_path(const struct store *s, const struct digest *key, const char *platform);

/* Notes, durably, that an attempt works on a checkpoint. */
int store_checkpoint_join(struct store *s, const struct digest *key, const char *platform, const char *attempt,
                          struct error *err);

/* The attempts that did, oldest first, each once. The caller frees each and the array. */
void store_checkpoint_attempts(struct store *s, const struct digest *key, const char *platform, char ***out,
                               size_t *count);

/* Every record of a run, also of one that was killed: those of finished stages in the order in which they were
   appended, then those among the attempts, by name, less what the former hold already. Damaged lines are left out;
   ERR_CORRUPT for a damaged file. */
int store_run_records(struct store *s, const char *id, void (*visit)(void *context, const cJSON *record), void *context,
                      struct error *err);

#endif
