/*
 * Notes of the content of commits, and the digest of all of them.
 *
 * The notes of a commit are sorted, each counts once, and their digest stands for the commit, whatever its id and URL
 * are. The digest of all is that of the sorted digests of the commits.
 */
#ifndef RETORT_ENGINE_TRUST_NOTES_H
#define RETORT_ENGINE_TRUST_NOTES_H

#include <cJSON.h>

#include "engine/base/sha256.h"
#include "engine/pipeline/origin.h"

struct note {
    char *commit; /* URL and id */
    char *text;   /* canonical JSON: ["file","plots/ber.json","<sha256>"] */
};

struct notes {
    struct note *list;
    size_t count, capacity;
};

/* `what` holds no character that JSON escapes. */
void notes_add(struct notes *n, const struct origin *o, const char *what, const char *path, const char *value);
void notes_add_bytes(struct notes *n, const struct origin *o, const char *what, const char *path, const void *bytes,
                     size_t size);
void notes_add_all(struct notes *n, const struct notes *others); /* copies them */

/* Adds the files and folders with a digest, each once, to an array: {"path", "sha256"}. */
void notes_files(cJSON *out, const struct notes *n);

/* Sorts the notes. Domain tag: "retort-trust-1". */
void notes_digest(struct digest *out, struct notes *n);
void notes_close(struct notes *n);

#endif
