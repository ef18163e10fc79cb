/*
 * The members of a data file that a stage is given alone: {"path": "params.yaml", "only": ["train.lr"]}.
 *
 * The text is one value on one line, in the file's own format: names sorted, scalars as the file writes them. So a
 * number keeps its form, and a change of other members, of their order or of comments changes nothing.
 */
#ifndef RETORT_ENGINE_LOOKUP_MEMBERS_H
#define RETORT_ENGINE_LOOKUP_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/buffer.h"
#include "engine/base/error.h"

/* Reads a file, as YAML if its name says so, else as JSON, and appends the text. `names`: of members, each with those
   that it lies in, joined by ".". ERR_INVALID: it cannot be parsed, or has no such member. ERR_NOT_FOUND, ERR_IO. */
int members_read(struct buffer *out, const char *path, const char *const *names, size_t count, struct error *err);

/* The same for the text of such a file; `path` is its name. */
int members_of_text(struct buffer *out, const char *path, const struct buffer *text, const char *const *names,
                    size_t count, struct error *err);

/* ---- shared by the two formats ---- */

/* A name, or the rest of it behind members that were found. */
struct wanted {
    const char *rest;
    bool *found;
};

/* Those of `all` that lie in the member `key`, as the rests behind it; `*whole`: one of them is that member. Returns
   their number. */
size_t members_below(struct wanted *below, const struct wanted *all, size_t count, const char *key, bool *whole);

/* Appends the wanted members of a text of each format. ERR_INVALID: "line:column: what is wrong". */
int members_json(struct buffer *out, const char *text, size_t size, const struct wanted *names, size_t count,
                 struct error *err);
int members_yaml(struct buffer *out, const char *text, size_t size, const struct wanted *names, size_t count,
                 struct error *err);

#endif
