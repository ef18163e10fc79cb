/*
 * Parses `${...}`. bind.c gives references their meaning.
 *
 *   template  = { text | "$${" | reference }          "$${" stands for a literal "${"
 *   reference = "${" root { "." name | "[" index "]" } "}"
 *   root      = "params" | "matrix" | "in" | "outs" | "checkpoint" | "cpus"
 *             | include ".params" | [ include "." ] "stages." name [ "[" pins "]" ]
 *   pins      = "*" | pin { "," pin }       pin = axis "=" ( json | bare-text | reference | "*" )
 *   name      = letter { letter | digit | "_" | "-" }       index = digits | json-string
 *
 * Results live as long as the arena, the text and the template. Offsets count bytes of the text.
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
    const char *text; /* "${...}"; points into the parsed text where that is one reference */
};

struct syntax_part {
    const char *text; /* unescaped; NULL: the reference */
    const struct syntax_reference *reference;
};

/* Not to be copied: its parts may point into it. */
struct syntax_template {
    const struct syntax_part *parts; /* at least one: the empty text is one empty part */
    size_t count;
    struct syntax_part few[2];     /* memory for the first parts */
    struct syntax_reference first; /* memory for the first reference; most texts have one */
};

struct syntax_fault {
    size_t offset;
    char message[320];
};

/* Parses a text into `out`. `includes`: names of the file's includes, for messages. ERR_INVALID fills `fault`. */
int template_parse(struct syntax_template *out, struct arena *arena, const char *text, const char *const *includes,
                   size_t include_count, struct syntax_fault *fault);

/* The names of steps, joined by ".". */
const char *steps_joined(struct arena *arena, const struct step *steps, size_t count);

/* Whether the text is a name: an ASCII letter, then letters, digits, "_" and "-". */
bool name_is_valid(const char *text);

/* Whether the text is a root word of references, which no include can be named. */
bool name_is_reserved(const char *text);

#define NAME_ALLOWED "a name is a letter, then letters, digits, \"_\" and \"-\""

#endif
