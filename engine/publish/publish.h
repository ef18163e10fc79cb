/*
 * Publishing: results/<pipeline>/ holds one whole generation of the pipeline's results.
 *
 * A generation is published when every result is known, whatever the run was asked for. Otherwise what is known goes to
 * results/<pipeline>@partial/ in the same way, and the next whole generation removes that folder.
 *
 *   1 take the lock, results/.<name>.lock.
 *   2 write each file to results/.<name>.staging/, synced and verified.
 *   3 write the manifest: "coming" names the new files.
 *   4 remove files that the new generation does not name, unless a user changed them; rename the new ones into place.
 *   5 write the manifest without "coming".
 *   6 remove the staging folder.
 *
 * A kill before the end of step 3 leaves the generation before; the next publisher removes the staging folder. A kill
 * in step 4 leaves files of both generations, and the manifest says so; the next publisher goes on with step 4. A kill
 * after step 5 leaves the new generation.
 *
 * Retort replaces and removes only what has the digest that the manifest gives for it. Anything else is the user's:
 * then nothing is published, and the message names the file. Steps 4 to 6 do not ask for signals: they copy nothing.
 */
#ifndef RETORT_ENGINE_PUBLISH_PUBLISH_H
#define RETORT_ENGINE_PUBLISH_PUBLISH_H

#include "engine/plan/plan.h"
#include "store/store.h"

/* The input of a publishing. Nothing of it is kept. */
struct publishing {
    struct store *store;
    struct plan *plan; /* with all results that are known */
    const struct pipeline *pipeline;
    const char *directory; /* "/project/results": no link may lead to it */
    bool executed;         /* stages ran: their joules are new, whatever their bytes are */

    void *context;
    bool (*is_interrupted)(void *context);
    void (*note)(void *context, const char *text);
    /* The energy of an instance's record, as engine/meter writes it, or NULL; the state of git, as engine/provenance
       gives it. The publisher deletes both. */
    cJSON *(*energy)(void *context, const struct instance *i);
    cJSON *(*git)(void *context);
};

struct published {
    char *path;          /* the folder that holds what is known; NULL: nothing is. The caller frees. */
    size_t known, total; /* results; where not all are known, `path` is the folder of partial ones */
};

/* Brings the results folder up to date, and beside it <pipeline>.energy.md and .csv where it is whole; a fault of these
   two is only noted. ERR_IO: a file that Retort did not write, or whose user changed it, stands in the way, or the
   system refused. ERR_CORRUPT, ERR_NOT_FOUND: the stored bytes of a result are damaged (and set aside), or gone.
   ERR_INTERRUPTED: nothing was published. ERR_INVALID: the pipeline names no out. */
int publish_results(struct published *out, const struct publishing *how, struct error *err);

/* ERR_USAGE: the folder holds results of another team's study, or of a file of this project, under the pipeline's name.
   A run asks before it begins. Publishing tells of a damaged manifest. */
int publish_check_origin(const char *directory, const struct pipeline *p, struct error *err);

#endif
