/*
 * The parts of publishing, which only this folder includes.
 *
 *   publish.c       the protocol.
 *   items.c         the files to publish, and their names.
 *   manifest.c      the manifest's format.
 *   target.c        one result, from a temporary to its place.
 *   lock.c          one publisher at a time.
 *   energy_page.c   the page of joules.
 */
#ifndef RETORT_ENGINE_PUBLISH_INTERNAL_H
#define RETORT_ENGINE_PUBLISH_INTERNAL_H

#include "engine/base/buffer.h"
#include "engine/base/bytemap.h"
#include "engine/base/texts.h"
#include "engine/publish/publish.h"

/* ---- items.c ---- */

struct item {
    char *name; /* below the results folder */
    const struct content *content;
    const struct instance *instance; /* that made it */
    bool is_twin;                    /* its labels make the name of another one */
    bool current;                    /* it stands in its place */
};

struct items {
    struct item *items; /* in the order of the pipeline file; a list in matrix order */
    size_t count, capacity;
    size_t known, total; /* results of the pipeline; a list is one */
    struct texts absent; /* known results without a file: their outs were not written, or "when" leaves them out */
};

/* Lists the results that the plan knows. An item of a list is named by its labels. It gets a short digest where its
   name would be too long, or is that of another item. ERR_INVALID: a result names no out. The caller closes `out` in
   every case. */
int items_collect(struct items *out, struct plan *plan, const struct pipeline *pipeline, struct error *err);
void items_close(struct items *items);

/* ---- manifest.c ----
 *
 * The manifest of a results folder, .retort-results.json: the files that Retort wrote there, and their run.
 *
 *   retort_results   2, the format.
 *   run              the id of the run that published these files.
 *   overrides        {"steps": 500}, of that run.
 *   commit           of the project; null if git knows none.
 *   dirty            true, if tracked files differed from the commit; else left out.
 *   origin           {"url", "commit", "path"} of another team's study; else left out.
 *   files            {"figure.svg": "<sha256>"}; a folder has the digest of its listing.
 *   coming           {"run", "overrides", "commit", "dirty", "origin", "files"} of the next generation.
 *
 * "coming" is there while a generation is being published: the manifest is incomplete. Format 1, which is still read,
 * did not name the run. Its "coming" was an object like "files"; the listed files may not have been written.
 */

/* The files of one run. `{0}`: there is none. */
struct generation {
    cJSON *json;            /* its members in the manifest */
    struct bytemap by_name; /* its files */
};

struct manifest {
    struct generation published; /* none where there is no manifest */
    struct generation coming;    /* none where the manifest is closed */
    struct generation announced; /* "coming" of format 1: Retort's own files too, if they are there */
};

void generation_open(struct generation *g);  /* without files */
void generation_close(struct generation *g); /* frees its trees */

/* ERR_IO: it has a file of this name. */
int generation_add(struct generation *g, const char *name, const struct digest *digest, struct error *err);

/* Sets the run, overrides and origin of the pipeline, and the state of git. `git` is as provenance_git gives it. */
void generation_describe(struct generation *g, const char *run, const struct pipeline *p, const cJSON *git);

/* ERR_USAGE: the manifest of `folder` is of files of another repository, or of another file in it. */
int manifest_check_origin(const struct manifest *m, const char *folder, const struct pipeline *p, struct error *err);

/* The file of a name, or NULL; whether it has this content. */
const cJSON *generation_find(const struct generation *g, const char *name);
bool generation_has(const struct generation *g, const char *name, const struct digest *digest);

/* Its files in order: `file->string` is the name. */
#define generation_each(file, g) cJSON_ArrayForEach(file, cJSON_GetObjectItemCaseSensitive((g)->json, "files"))

/* Advice for messages about an unusable manifest; a printf format for the folder's name. */
#define MANIFEST_MEND                                                                                                  \
    "without it nobody knows which files in %s are the user's own: move that folder away and run again, everything "   \
    "that was made is known and is published anew"

/* The manifest's path. The caller frees. */
char *manifest_path(const char *folder);

/* ERR_IO: the file is no manifest, no regular file, or cannot be read; the message says how to mend it. The caller
   closes `out` in every case. */
int manifest_read(struct manifest *out, const char *folder, struct error *err);

/* Replaces the manifest of a folder by a rename from `staging`, synced. ERR_IO. */
int manifest_write(const struct manifest *m, const char *folder, const char *staging, struct error *err);
void manifest_close(struct manifest *m);

/* ---- target.c ---- * * The way from results/ to a result must lead through folders and no links. So Retort does not
   write elsewhere, even if a * repository or a stage puts a link there. `folder` is results/<name>, `name` lies below
   it, `staging` is * results/.<name>.staging. */

/* 1: the folder of a path is there; 0: it is not. ERR_INVALID: a link, or something else than a folder, stands on the
   way; ERR_IO. */
int target_folder(const char *path, struct error *err);

/* Reads what stands in the place of a result: 1 and its content; 0: nothing. ERR_INVALID: it is nothing that Retort
   writes (a link, a device, a pipe, what may not be read); ERR_IO. */
int target_read(struct object *out, struct store *store, const char *folder, const char *name, struct error *err);

/* Renames a temporary to the place of a result, and makes the folders above it. It replaces a file. It
   first moves a folder to the staging folder, so that a kill leaves no half of it. */
int target_replace(const char *temporary, const char *folder, const char *name, const char *staging, struct error *err);

/* Removes a result in the same way, and the folders above it that become empty. */
int target_remove(const char *folder, const char *name, const char *staging, struct error *err);

/* Syncs the results folder and those from it to a result, as far as they are there. Does nothing if `before`, a name
   that was synced, lies in the same folder. */
int target_sync(const char *folder, const char *name, const char *before, struct error *err);

/* Writes a text file to the staging folder and renames it to `path`. Syncs the file and the staging folder before the
   rename, and the folder of `path` after it. */
int target_write(const char *path, const char *staging, const struct buffer *text, struct error *err);

/* ---- lock.c ---- */

/* ERR_INTERRUPTED: a signal came, and nothing was published yet. */
int publish_check_interrupt(const struct publishing *how, struct error *err);

/* Waits until no other engine publishes results of this pipeline, and keeps others from it until `*lock` is closed. -1:
   the file system has no locks, or the user may not write there. ERR_INTERRUPTED; ERR_IO. */
int publish_lock(int *lock, const struct publishing *how, struct error *err);

/* ---- energy_page.c ---- */

/* Whether the page of joules has to be written: stages ran, or it is older than the manifest in `folder`. */
bool energy_page_is_due(const struct publishing *how, const char *folder);

/* Writes results/<name>.energy.md and .csv. ERR_IO: a file that Retort did not write, or that cannot be examined,
   stands there. */
int energy_page_write(const struct publishing *how, const struct items *items, const char *folder, const char *staging,
                      struct error *err);

#endif
