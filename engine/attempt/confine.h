/*
 * The sandbox of a command (stages/protocol/sandbox.h), as its attempt gets it. Beside its directory, inputs and
 * checkpoint it may read
 *
 *   its program    with the prefix that it is installed in: of PREFIX/bin/x all of PREFIX, of its real file too
 *   its toolchain  the declared prefix; folders of its PATH; of a Python the base that a venv stands on, and folders of
 *                  editable packages
 *   declared paths
 *
 * Nothing of that holds the user's home, and no hidden folder is a prefix unless it is an environment's own.
 */
#ifndef RETORT_ENGINE_ATTEMPT_CONFINE_H
#define RETORT_ENGINE_ATTEMPT_CONFINE_H

#include <cJSON.h>
#include <stdbool.h>

#include "engine/base/error.h"

struct attempt;

/* Decides whether the attempt has a sandbox. The machine is asked once for all attempts. */
void confine_choose(struct attempt *a);

/* ERR_FAILED: it needs a sandbox, and this machine allows none. */
int confine_check(const struct attempt *a, struct error *err);

/* Completes the sandbox, if there is one, once argv, environment and inputs are known. Main thread. ERR_NOT_FOUND: a declared path is missing. */
int confine_prepare(struct attempt *a, struct error *err);

/* Whether a file of this machine is in sight, once the sandbox is complete. */
bool confine_shows(const struct attempt *a, const char *path);

/* The member "sandbox" of a record's provenance (store/RECORD.md); NULL: it has none. The caller deletes. */
cJSON *confine_record(const struct attempt *a);

void confine_close(struct attempt *a);

#endif
