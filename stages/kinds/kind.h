/*
 * Describes a built-in kind: its parameters, inputs, outs and metrics. Pipeline files are checked against descriptions.
 * They give `retort kinds`, the reference page and the JSON Schema, and a key leaves out what equals a default.
 * Descriptions are pure data; the code that runs a kind stands in stages/run/.
 */
#ifndef RETORT_STAGES_KINDS_KIND_H
#define RETORT_STAGES_KINDS_KIND_H

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"

enum param_type {
    PARAM_INTEGER,
    PARAM_NUMBER,
    PARAM_BOOLEAN,
    PARAM_STRING,
    PARAM_CHOICE, /* one of `choices` */
    PARAM_LIST,   /* every element is as `members[0]` says */
    PARAM_OBJECT, /* its members are `members`; none: any object */
    PARAM_ANY,
    PARAM_MAP /* an object with any names; every value is as `members[0]` says */
};

struct param {
    const char *name;
    enum param_type type;
    const char *unit;           /* "dB", "s", "steps"; NULL for a pure number or text */
    double min, max;            /* inclusive, for INTEGER and NUMBER (and list elements); both 0: no limit */
    const char *const *choices; /* NULL-terminated; for INTEGER (else NULL) the allowed values as JSON text */
    const char *fallback;       /* the default as JSON text; NULL: the parameter must be given */
    const char *doc;            /* one sentence */
    const struct param *members;
    size_t member_count;
    size_t min_items, max_items; /* of a LIST or MAP; both 0: no limit */
    bool ascending;              /* a LIST of numbers, none smaller than the one before it */
};

struct kind_input {
    const char *name;
    bool required;
    bool list;          /* takes a list of files as well as one */
    const char *format; /* "safetensors", "ber-curve", "json", ... */
    const char *doc;
};

struct kind_out {
    const char *name;
    const char *path; /* file name below the stage's directory */
    const char *type; /* "file", "directory", "metrics", "series" */
    const char *doc;
};

struct kind_metric {
    const char *name;
    const char *unit; /* NULL for a pure number */
    const char *doc;
};

struct kind_checker; /* reports a fault, see kind_check.h */

struct kind {
    const char *name; /* "deeprx/train" */
    int version;      /* raised when results change */
    const char *summary;
    const char *doc; /* a paragraph for the reference page */
    const struct param *params;
    size_t param_count;
    const struct kind_input *inputs;
    size_t input_count;
    const struct kind_out *outs;
    size_t out_count;
    const struct kind_metric *metrics;
    size_t metric_count;
    bool measures_machine; /* energy or time of this machine: key holds the host, runs alone, exempt from same bytes */
    bool checkpoints;      /* uses RETORT_CHECKPOINT */
    const char *work;      /* the metric that holds the operations of the whole stage; NULL: none does */
    const char *const *work_linear; /* NULL-terminated: parameters that its work is proportional to */
    double tolerance;               /* share by which metrics may differ across platforms in verify; 0: equal bytes */
    void (*check)(const cJSON *with, struct kind_checker *checker); /* rules between parameters; NULL: none */
};

/* All kinds, sorted by name. */
const struct kind *const *kinds_all(size_t *count);

/* Finds "name@version". ERR_NOT_FOUND: the message holds what is there ("deeprx/train has version 1") or the nearest
   name ("did you mean deeprx/train@1?"). */
int kind_find(const struct kind **out, const char *uses, struct error *err);

/* "name@version", as records hold it; "cmd" for NULL, a command. The caller frees. */
char *kind_uses(const struct kind *kind);

/* The description of an input; NULL when the kind has none of that name. */
const struct kind_input *kind_input(const struct kind *kind, const char *name);

/* The parameter of that name; NULL: there is none. */
const struct param *param_find(const struct param *members, size_t count, const char *name);

/* Reports each fault of `with` once, at the faulty node of its tree: `on_key` for a member's name, else for its value.
   A missing member is a fault of the object. The message says what was found and what is allowed, with the nearest
   name. `is_open(context, node)` (may be NULL) tells nodes whose value is not known yet, references: they are passed
   over. Returns the number of faults. */
typedef void kind_fault(void *context, const cJSON *at, bool on_key, const char *message);
typedef bool kind_is_open(void *context, const cJSON *node);
size_t kind_check_with(const struct kind *kind, const cJSON *with, kind_is_open *is_open, kind_fault *report,
                       void *context);

/* `with` and every default that it leaves out, recursively, in the order of the description: what a stage is
   shown. The caller deletes it. `with` may be NULL. */
cJSON *kind_with_complete(const struct kind *kind, const cJSON *with);

/* `with` less every entry equal to its default, recursively: the part that enters the key. So a new parameter changes
   no key, if its default is the old behaviour. The caller deletes it. */
cJSON *kind_with_reduced(const struct kind *kind, const cJSON *with);

#endif
