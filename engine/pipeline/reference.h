/*
 * The grammar of `${...}`, without its meaning:
 *
 *   template  = { text | "$${" | reference }          "$${" stands for a literal "${"
 *   reference = "${" root { "." name | "[" index "]" } "}"
 *   root      = "params" | "matrix" | "in" | "outs" | "checkpoint"
 *             | include ".params" | [ include "." ] "stages." name [ "[" pins "]" ]
 *   pins      = "*" | pin { "," pin }       pin = axis "=" ( json | bare-text | reference | "*" )
 *   name      = letter { letter | digit | "_" | "-" }
 *
 * What is parsed lives as long as the arena that is given, the text, and the template. Offsets count bytes of the text.
 */
#ifndef RETORT_ENGINE_PIPELINE_REFERENCE_H
#define RETORT_ENGINE_PIPELINE_REFERENCE_H

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/base/arena.h"
#include "engine/pipeline/value.h"

struct syntax_pin {
    const char *axis;
    size_t offset;
    bool collect;                             /* axis=* */
    const cJSON *json;                        /* JSON, or bare text as a string */
    const struct syntax_reference *reference; /* or a reference */
};

struct syntax_reference {
    enum reference_root root;
    const char *include; /* params and stages of an include, else NULL */
    size_t include_offset;
    const char *stage; /* REFERENCE_STAGE */
    size_t stage_offset;
    bool collect; /* [*] */
    const struct syntax_pin *pins;
    size_t pin_count;
    const struct step *steps;
    size_t step_count;
    size_t begin, end;
    const char *text; /* "${...}"; where it is the whole text, that itself */
};

struct syntax_part {
    const char *text; /* unescaped; NULL: the reference */
    const struct syntax_reference *reference;
};

/* Its parts may point into itself: it is not copied. */
struct syntax_template {
    const struct syntax_part *parts; /* at least one; the empty text is one empty part */
    size_t count;
    struct syntax_part few[2];     /* memory of the first parts */
    struct syntax_reference first; /* and of the first reference: most texts have no other */
};

struct syntax_fault {
    size_t offset;
    char message[320];
};

/* `includes`: the names of the file's includes, for the message about an unknown root. ERR_INVALID fills `fault`. */
int template_parse(struct syntax_template *out, struct arena *arena, const char *text, const char *const *includes,
                   size_t include_count, struct syntax_fault *fault);

/* letter { letter | digit | "_" | "-" }, ASCII. */
bool name_is_valid(const char *text);

/* The words that begin a reference and can be no include's name. */
bool name_is_reserved(const char *text);

#define NAME_ALLOWED "a name is a letter, then letters, digits, \"_\" and \"-\""

#endif
