/*
 * A bundle: results of a pipeline in one file, a zip or a tar.zst. It is an RO-Crate, so that others can read it too.
 *
 *   retort-bundle.json      first in the file: {"retort_bundle": 1, "run", "pipeline": path of the pipeline's file,
 *                           "files": {path: {"sha256", "size"}}} with every other file. "executable": true where one is
 *   ro-crate-metadata.json  what was computed from what, at which cost, for other programs
 *   pipeline/...            the pipeline, its parts, and the files that it reads, below the project's folder
 *   records.jsonl           a record a line, canonical JSON
 *   objects/ab/cdef...      outs, as in a store; a folder as its listing and its files
 *   logs/..., diff/...      only on request
 *
 * Export lists the files, then hashes them, then writes. Import reads the file twice: the first time it checks
 * everything and writes nothing.
 *
 * Nothing in a bundle is believed: each path, size and digest is checked, and each record's key is the digest of its
 * own components. Whether a record tells the truth, nobody can check without computing it again.
 */
#ifndef RETORT_ENGINE_BUNDLE_BUNDLE_H
#define RETORT_ENGINE_BUNDLE_BUNDLE_H

#include <cJSON.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/base/bytemap.h"
#include "engine/base/error.h"
#include "engine/base/sha256.h"

#define BUNDLE_MANIFEST "retort-bundle.json"
#define BUNDLE_CRATE "ro-crate-metadata.json"
#define BUNDLE_RECORDS "records.jsonl"
#define BUNDLE_PIPELINE "pipeline/"
#define BUNDLE_OBJECTS "objects/"
#define BUNDLE_LOGS "logs/"
#define BUNDLE_DIFFS "diff/"

/* Called often while a bundle is written or read. `stop` (NULL: never) ends that with ERR_INTERRUPTED. */
struct bundle_watch {
    const atomic_bool *stop;
    void (*progress)(void *context, uint64_t done, uint64_t of); /* bytes; may be NULL */
    void *context;
};

/* ---- contents ---- */

struct bundle_file {
    char *name; /* in the bundle */
    uint64_t size;
    struct digest digest; /* of its bytes */
    char *path;           /* of a file that holds the bytes; NULL: `text` does */
    struct buffer text;
    bool executable;
    bool seen; /* while one is read */
};

/* `{0}` is empty. */
struct bundle {
    char *run, *pipeline; /* run: NULL: none is known */
    struct bundle_file *files;
    size_t count, capacity;
    struct bytemap names; /* -> struct bundle_name */
};

/* Adds a file, unless there is one of that name. A text is taken over. Of a file the bytes are hashed.
   ERR_INVALID: the name may not stand in a bundle (bundle_name_fault). */
int bundle_add_text(struct bundle *b, const char *name, struct buffer *text, struct error *err);
int bundle_add_file(struct bundle *b, const char *name, const char *path, struct error *err);

/* The same for a file whose digest is known. */
int bundle_add_known(struct bundle *b, const char *name, const char *path, const struct digest *digest,
                     struct error *err);

/* NULL: there is none. */
struct bundle_file *bundle_find(const struct bundle *b, const char *name);
uint64_t bundle_size(const struct bundle *b); /* of all files together */
void bundle_close(struct bundle *b);

/* Why a name may not stand in a bundle; NULL: it may. Names are relative, without "..", ".git", ".retort", "\" and
   control characters. */
const char *bundle_name_fault(const char *name);

/* The manifest as text. The caller closes the buffer. */
void bundle_manifest(struct buffer *out, const struct bundle *b);

/* Reads a manifest. ERR_INVALID, also for two names that some file systems take for one. `b` is empty before. */
int bundle_manifest_parse(struct bundle *b, const char *text, size_t size, struct error *err);

/* ---- the file ---- */

/* Writes a bundle to a new temporary file beside `path` and renames it. The ending decides: ".zip" or ".tar.zst".
   ERR_USAGE: another ending. ERR_FAILED: a file changed meanwhile. Nothing is left after an error. */
int bundle_write(const struct bundle *b, const char *path, const struct bundle_watch *watch, struct error *err);

/* Whether the ending is one of the two. ERR_USAGE. */
int bundle_check_ending(const char *path, struct error *err);

/* Visits the files of a bundle, in its order: once `begin`, `bytes` for pieces, and `end` when size and digest were
   right. */
struct bundle_visitor {
    void *context;
    int (*begin)(void *context, const struct bundle_file *f, struct error *err);
    int (*bytes)(void *context, const struct bundle_file *f, const void *bytes, size_t size, struct error *err);
    int (*end)(void *context, const struct bundle_file *f, struct error *err);
};

/* Reads a bundle whole. Its manifest goes into `b`, which is empty at first; in a second reading the manifest must be the
   same. ERR_INVALID for a file that is no bundle, or breaks its rules, however it was made. */
int bundle_read(struct bundle *b, const char *path, const struct bundle_visitor *visitor,
                const struct bundle_watch *watch, struct error *err);

#endif
