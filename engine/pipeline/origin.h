/*
 * A file of a git commit, and how such files are read. This room opens no repository: its caller gives a table of
 * callbacks. Paths of a commit are relative to its top folder, without "." and "..".
 */
#ifndef RETORT_ENGINE_PIPELINE_ORIGIN_H
#define RETORT_ENGINE_PIPELINE_ORIGIN_H

#include <cJSON.h>
#include <stdbool.h>

#include "engine/base/arena.h"
#include "engine/base/buffer.h"
#include "engine/base/error.h"

enum { COMMIT_DIGITS = 40, COMMIT_SHOWN = 7 };

struct origin {
    const char *url;    /* as the user or the include wrote it */
    const char *commit; /* 40 hex digits */
    const char *path;   /* of the file in the commit */
};

enum origin_type { ORIGIN_NONE, ORIGIN_FILE, ORIGIN_FOLDER };

/* Called for the name of each entry of a folder. Not 0: ends the listing, which returns it. */
typedef int origin_visit(void *context, const char *name, struct error *err);

struct commits {
    void *context;
    /* Makes the commit of an origin readable. `foreign`: a file of another commit names it. */
    int (*open)(void *context, const struct origin *o, bool foreign, struct error *err);
    /* Appends a file of the commit. ERR_NOT_FOUND; ERR_INVALID: it is no file, or has more than `limit` bytes. */
    int (*read)(void *context, const struct origin *o, const char *path, size_t limit, struct buffer *out,
                struct error *err);
    int (*find)(void *context, const struct origin *o, const char *path, enum origin_type *out, struct error *err);
    int (*list)(void *context, const struct origin *o, const char *folder, origin_visit *visit, void *visitor,
                struct error *err);
};

/* Whether a text is a full commit id. */
bool commit_is_full(const char *text);

/* "https://host/x.git#0123456:ber.json", in the arena. */
const char *origin_name(struct arena *arena, const struct origin *o, const char *path);

/* {"url", "commit", "path"} for records; the caller deletes it. */
cJSON *origin_json(const struct origin *o);

/* The path in the commit that `path` names beside the origin's file, in the arena. NULL: it leads out of the commit. */
const char *origin_beside(struct arena *arena, const struct origin *o, const char *path);

/* The fault of a path that origin_beside refuses; it follows the path in a message. */
#define ORIGIN_LEAVES "leads out of its repository: a file of another commit uses files of this commit alone"

#endif
