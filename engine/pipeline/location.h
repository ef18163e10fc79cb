/*
 * A place in a pipeline file. A location is three words that refer to a node of the file's tree. Its line,
 * column and JSON Pointer are computed only when a fault is reported.
 */
#ifndef RETORT_ENGINE_PIPELINE_LOCATION_H
#define RETORT_ENGINE_PIPELINE_LOCATION_H

#include <stdint.h>

#include "engine/base/json.h"

/* The last computed place inside a string. Faults of a long string come in text order, so the next one continues
   here. */
struct text_cursor {
    const cJSON *node;
    const char *raw; /* in the file */
    size_t bytes;    /* of the string's text before it */
    size_t columns;  /* from the opening quote */
};

/* A file or override that locations point into. Lives as long as the pipeline. */
struct source {
    const char *name; /* of the file, or "--set params.x=1" */
    const char *text;
    size_t size;
    const cJSON *root;          /* the tree of `text`; NULL: there is none */
    struct json_places *places; /* created at the first fault; source_close frees it */
    struct text_cursor cursor;
};

/* Frees the places; text and tree stay the arena's. */
void source_close(struct source *s);

enum location_type {
    AT_VALUE,
    AT_KEY, /* the name of a member */
    AT_TEXT /* inside a string, behind `offset` bytes of its text */
};

struct location {
    struct source *source;
    const cJSON *node; /* NULL, or no node of the source: the source as a whole */
    enum location_type type;
    uint32_t offset;
};

/* {0,0} for the source as a whole. */
struct json_position location_position(const struct location *at);

/* Appends the JSON Pointer; nothing for the source as a whole and for the root. */
void location_pointer(struct buffer *out, const struct location *at);

#endif
