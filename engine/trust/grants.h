/*
 * The user's grants: which foreign content he allowed to run. A grant is a file, named after the digest of what it
 * allows:
 *
 *   $XDG_STATE_HOME/retort/trust/<64 hex digits>     ({"retort_trust": 1, "allowed": when, ...} for people)
 *
 * Without that variable, or with a relative one, the folder is ~/.local/state. Grants are never read from a store or a
 * repository: those may be others'. So a folder that another user owns or can write to is refused.
 */
#ifndef RETORT_ENGINE_TRUST_GRANTS_H
#define RETORT_ENGINE_TRUST_GRANTS_H

#include <cJSON.h>
#include <stdbool.h>

#include "engine/base/error.h"
#include "engine/base/sha256.h"

/* All: ERR_IO, also for a folder that others can write to; the message says how to mend that. */

int grant_find(bool *out, const struct digest *closure, struct error *err);

/* Writes a grant with the members of `about` and the time. `about` is not changed. */
int grant_add(const struct digest *closure, const cJSON *about, struct error *err);

/* The grants, newest first, as an array of objects with "closure" and the members of their files. The caller deletes. */
int grant_list(cJSON **out, struct error *err);

/* Removes the grant whose digest begins with `digits`, at least eight. ERR_NOT_FOUND; ERR_USAGE: too few digits, or
   several begin so. */
int grant_remove(const char *digits, struct error *err);

#endif
