/* Describes to the user the foreign stages that would run on this machine. */
#ifndef RETORT_ENGINE_TRUST_DESCRIPTION_H
#define RETORT_ENGINE_TRUST_DESCRIPTION_H

#include <cJSON.h>

#include "engine/base/buffer.h"
#include "engine/pipeline/pipeline.h"

/*
 * The foreign stages, the user's own stages that run foreign content, and their requests:
 *
 *   {"pipeline": as the user named it, "from": ["<url>#<commit>:<path>", or a file of this machine],
 *    "stages": [{"stage", "from", "env": {name: text as written}, "command": [words as written]}
 *               or {"stage", "from", "kind"}],            with "own": true in a file of this machine
 *    "requests": [{"request", "value", "stages": [names]}],
 *    "files": those that the digest covers, [{"path", "sha256", "change"}],
 *    "since": time of the last yes to another content of the same pipeline, if there is one}
 *
 *   request    value
 *   network    null
 *   read       a path that is readable in the sandbox
 *   unconfined null: it wants no sandbox
 *   variable   name of an environment variable that is passed
 *   toolchain  "caller", or the folder of an environment
 *   fetch      a URL, as written
 *
 *   change     "new" or "changed" since then; else it is absent
 *
 * Takes `files` over, which lack their changes. `grants` are those of grant_list. The caller deletes.
 */
cJSON *description_of(const struct pipeline *p, cJSON *files, const cJSON *grants);

/* Appends it in words, without control characters. */
void description_words(struct buffer *out, const cJSON *description);

#endif
