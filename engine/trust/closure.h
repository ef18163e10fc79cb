/*
 * The closure of the foreign content of a pipeline: all that a user allows with one yes.
 *
 *   files      of commits, as they were read: pipeline files, params, rows, names that globs found
 *   inputs     content of each project file or folder of a commit that a stage gets
 *
 * Argv, env and requests (sandbox, pass_env, toolchain, URLs with their digests) stand in the files' bytes. Values that
 * the user types are the user's own. They enter only where they choose another file of the commit. A path that
 * refers to the matrix may name any file of its commit, since some values come from results. For such an input the
 * closure holds the id of the commit's tree. The closure is that of all stages, whichever are asked for.
 *
 * The digest (notes.h) holds no URL and no commit id: equal content that came another way was allowed already.
 */
#ifndef RETORT_ENGINE_TRUST_CLOSURE_H
#define RETORT_ENGINE_TRUST_CLOSURE_H

#include <cJSON.h>

#include "engine/lookup/committed.h"
#include "engine/pipeline/pipeline.h"
#include "engine/trust/reads.h"

/* Whether a stage of the pipeline runs foreign content. Its file came from git, or it takes the axes of such a stage, or
   its values may be params of such a file. */
bool closure_concerns(const struct pipeline *p, const struct stage_decl *stage);

/* Works out the digest. Adds the files that it covers to the array `files` (notes_files), unless NULL. ERR_IO, ERR_CORRUPT: a commit cannot be read. */
int closure_digest(struct digest *out, cJSON *files, const struct pipeline *p, const struct reads *reads,
                   struct committed *committed, struct error *err);

#endif
