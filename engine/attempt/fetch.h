/* Inputs from a URL. */
#ifndef RETORT_ENGINE_ATTEMPT_FETCH_H
#define RETORT_ENGINE_ATTEMPT_FETCH_H

#include "engine/attempt/attempt.h"

/* The object of an item with a URL, which is fetched into the store unless it is there. Blocks. Errors of
   transfer_fetch, store_object_put and store_object_check. */
int fetch_object(struct object *out, struct attempt *a, const struct action_item *item, struct error *err);

#endif
