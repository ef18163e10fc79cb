/*
 * Values of a pipeline file that may hold references, compiled once when the file is read.
 *
 * `${params...}` and `${include.params...}` are constants of the file, replaced by their values while it is read. Other
 * references stay open: they depend on the instance (matrix, in, outs, checkpoint, cpus) or on other stages' results.
 */
#ifndef RETORT_ENGINE_PIPELINE_VALUE_H
#define RETORT_ENGINE_PIPELINE_VALUE_H

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/pipeline/diagnostics.h"

struct stage_decl;

enum reference_root {
    REFERENCE_PARAMS, /* only until the file is read; folded into literals */
    REFERENCE_MATRIX,
    REFERENCE_IN,
    REFERENCE_OUTS,
    REFERENCE_CHECKPOINT,
    REFERENCE_CPUS,
    REFERENCE_STAGE
};

struct value;

/* One "axis=value" of a stage reference. */
struct pin {
    const char *axis;
    bool collect;              /* axis=* : collect this axis */
    const struct value *value; /* JSON, bare text, or a nested reference; NULL when collect */
    uint32_t offset;           /* in the text, for messages */
};

/* One step of a path: ".name", "[index]" or "[\"any name\"]". */
struct step {
    const char *name; /* NULL: index */
    size_t index;
    uint32_t offset; /* in the text, for messages */
};

struct reference {
    enum reference_root root;
    const struct stage_decl *stage; /* REFERENCE_STAGE: the declaration that is meant, also in an include */
    const struct pin *pins;
    size_t pin_count;
    bool collect; /* [*] */
    /* REFERENCE_STAGE: the path begins with "outs", "metrics" or "matrix". Other roots: the path behind the root. */
    const struct step *steps;
    size_t step_count;
    const char *text; /* as written, for messages: "${stages.scratch.outs.model}" */
};

enum value_type {
    VALUE_LITERAL,
    VALUE_REFERENCE, /* the whole string is one reference: keeps its JSON type */
    VALUE_TEXT,      /* literal text and references in turn; the result is a string */
    VALUE_LIST,
    VALUE_OBJECT,
    VALUE_EXTENDS /* {"$extends": base, ...patch}: RFC 7396 merge */
};

struct text_part {
    const char *text; /* NULL: the reference */
    const struct reference *reference;
};

struct value {
    enum value_type type;
    struct location at;
    union {
        const cJSON *literal;
        const struct reference *reference;
        struct {
            const struct text_part *parts;
            size_t count;
        } text;
        struct {
            const struct value *const *items;
            size_t count;
        } list;
        struct {
            const char *const *names;
            const struct value *const *values;
            size_t count;
        } object;
        struct {
            const struct value *base;
            const struct value *patch; /* VALUE_OBJECT or VALUE_LITERAL */
        } extends;
    } as;
};

/* The text of a literal string; NULL for any other value, and for NULL. */
const char *value_text(const struct value *v);

#endif
