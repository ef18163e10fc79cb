/*
 * Inputs from URLs. They are fetched on the loop before a stage is given to the scheduler, so a slow server holds no worker
 * and no cpu:
 *
 *   attempts_fetch -> true ... transfer --file below work/--> worker: into the store -> attempts_fetch -> false
 *
 * A fetch that failed is not repeated; the attempt of each stage that needs the file fails with its message.
 */
#ifndef RETORT_ENGINE_ATTEMPT_FETCH_H
#define RETORT_ENGINE_ATTEMPT_FETCH_H

#include "engine/attempt/attempt.h"

/* Begins to fetch what the instance needs and the store lacks, once for all instances. True while some of it is under
   way: ask again after the loop has run. */
bool attempts_fetch(struct attempts *all, struct instance *i);

bool attempts_are_fetching(const struct attempts *all);

/* Gives up what is under way. */
void attempts_end_fetches(struct attempts *all);

/* For attempt.c. The failure of a fetch that the attempt needs; 0: none. Errors of transfers_open, of a transfer, and of
   store_object_put. */
int fetch_check(const struct attempt *a, struct error *err);

/* For attempt.c, when all is closed. */
void fetches_free(struct attempts *all);

#endif
