/* Takes the results of a bundle into a store, and its pipeline into a fresh folder. */
#ifndef RETORT_ENGINE_BUNDLE_IMPORT_H
#define RETORT_ENGINE_BUNDLE_IMPORT_H

#include "engine/bundle/bundle.h"
#include "store/store.h"

/* A bundle that was read and checked whole. `{0}` is empty. */
struct import {
    struct bundle bundle;
    struct buffer text; /* of the records */
    cJSON **records;
    size_t count, capacity;
    struct listing_text *listings; /* of folders */
    size_t listing_count, listing_capacity;
};

/* Reads a bundle and checks everything in it; writes nothing. ERR_INVALID: it breaks a rule. */
int import_check(struct import *out, const char *path, const struct bundle_watch *watch, struct error *err);
void import_close(struct import *i);

struct import_report {
    size_t added;   /* records */
    size_t known;   /* of keys that the store knew */
    size_t lacking; /* records whose outs are neither in the bundle nor in the store */
};

/* Takes objects, then records, into the store. The file is checked once more on the way. */
int import_store(struct import_report *out, struct import *i, struct store *s, const char *path,
                 const struct bundle_watch *watch, struct error *err);

/* Writes the pipeline's files to `folder`, which must not exist: into a new folder beside it, which is then renamed.
   ERR_USAGE: it exists. Nothing is left after an error. */
int import_pipeline(struct import *i, const char *folder, const char *path, const struct bundle_watch *watch,
                    struct error *err);

#endif
