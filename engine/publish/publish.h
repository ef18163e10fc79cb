/*
 * Publishing: results/<pipeline>/<name>, each by rename, so that a reader sees the old file or the new one.
 *
 * .retort-results.json beside the files holds the digest of each one that Retort wrote. A file that is not in it, or no
 * longer has that digest, is the user's: it is refused, never overwritten, also where it came while the result was copied.
 * One that is right already is left alone.
 *
 * Engines publish into a folder one after the other (run_lock_results, internal.h): the manifest is read, the files are
 * looked at and written and the manifest is written in one step, on top of what the last one left.
 */
#ifndef RETORT_ENGINE_PUBLISH_PUBLISH_H
#define RETORT_ENGINE_PUBLISH_PUBLISH_H

#include "engine/lookup/facts.h"

/* Where results are published, and until when. */
struct publishing {
    const char *directory;                 /* results */
    bool alone;                            /* no other engine publishes there: what killed ones left may be removed */
    bool (*is_interrupted)(void *context); /* asked before each file */
    void *context;
};

/* Publishes every result of the pipeline whose stages are done. `*path` (the caller frees) is the folder, NULL when the
   pipeline names no results or none is done; `*changed`: the page of joules is not of what is there now. ERR_IO: a file of
   the user's, or one that cannot be looked at, stands in the way (the message names the first; the others are published), or
   two items of a list have one name; the system refused. ERR_IO too where the manifest is none; nothing is published then.
   ERR_CORRUPT, ERR_NOT_FOUND: what is stored of a result is damaged (and set aside) or gone. ERR_INTERRUPTED: some are not
   published yet. */
int results_publish(char **path, bool *changed, struct plan *plan, const struct pipeline *pipeline, struct facts *facts,
                    const struct publishing *how, struct error *err);

/* Each result whose stage is done, by the name of its file below results/<pipeline>/, until one visit fails. */
typedef int result_visit(void *context, const char *name, const struct result_item *item, struct error *err);
int results_each(struct plan *plan, const struct pipeline *pipeline, result_visit *visit, void *context,
                 struct error *err);

/* What stands in results/<pipeline>/ beside the files: see above. */
#define RESULTS_MANIFEST ".retort-results.json"

/* Before the number of an engine: what has come out of a name, which a copy has now. */
#define RESULTS_OUT "out-"

/* Removes what killed engines left in the results of one pipeline beside the files that the members of `named` name, and
   beside the manifest; what has come out of a name, only where `is_ours` says so of the name and of the path where it stands
   now. Nobody publishes there now. What cannot be removed stays. ERR_IO: a folder cannot be read. */
int results_clear(const char *directory, const cJSON *const named[], size_t count,
                  bool (*is_ours)(void *context, const char *name, const char *at), void *context, struct error *err);

#endif
