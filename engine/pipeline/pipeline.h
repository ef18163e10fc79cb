/*
 * A pipeline file, read and checked, with its includes: immutable, owned by one arena.
 *
 *   file --json--> tree --fold params--> values --check--> struct pipeline
 *
 * Reading never executes anything. It checks everything that needs no result, and reports all faults at once: names,
 * types, references, axes, kinds' parameters, cycles among stages. The plan finds faults that depend on results or on
 * axis values (a pin that names no instance, a list in a text).
 */
#ifndef RETORT_ENGINE_PIPELINE_PIPELINE_H
#define RETORT_ENGINE_PIPELINE_PIPELINE_H

#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/pipeline/diagnostics.h"
#include "engine/pipeline/origin.h"
#include "engine/pipeline/value.h"
#include "stages/kinds/kind.h"

enum { PIPELINE_FORMAT = 1 };

struct token_need {
    const char *name;
    double amount;
};

struct resources {
    double cpus;           /* default 1 */
    uint64_t memory_bytes; /* 0: not declared */
    double gpus;
    const struct token_need *custom;
    size_t custom_count;
};

struct axis {
    const char *name;
    /* A list value (VALUE_LIST or a literal array), or a reference to a list. A reference to one value, as
       `${stages.student.matrix.size}`, is an axis of one. */
    const struct value *values;
    const struct rows_form *rows; /* the values are the rows in the out that `values` refers to; NULL: they are not */
    struct location at;
};

struct matrix {
    const struct axis *axes; /* those of `like` first, then the stage's own, in file order */
    size_t axis_count;
    const struct stage_decl *like; /* NULL, or the stage whose axes (and their values) these begin with */
    size_t like_count;             /* how many of `axes` are like's; their `values` are NULL and `like`'s count */
    const struct value *exclude;   /* list of partial coordinates, or NULL */
    const struct value *extra;     /* list of whole coordinates, or NULL */
};

/* An item of `in`. A list is flattened in matrix order. */
enum input_type {
    INPUT_FILE,      /* a file or directory of the project: `path` */
    INPUT_REFERENCE, /* outs of stages, or something of the matrix that resolves to one */
    INPUT_URL,       /* a file that is fetched: the value is its URL */
    INPUT_LIST
};

/* Whether a command reads a file of the project itself, or a copy. */
enum input_access { ACCESS_BY_SIZE, ACCESS_IN_PLACE, ACCESS_COPY };

struct input_decl {
    /* NULL for an item of a list. Of a list of "in": the place, "" where only the plan knows it. */
    const char *name;
    enum input_type type;
    /* INPUT_FILE: text relative to the declaring file's directory, may hold matrix references. INPUT_REFERENCE.
       INPUT_URL: text, may hold matrix references. */
    const struct value *value;
    const struct value *label;  /* {"from": ..., "label": {...}}: an object, or NULL */
    const struct value *place;  /* "as": a path in the stage's directory that may refer to the matrix; NULL: none */
    const struct value *sha256; /* INPUT_URL: its digest in hexadecimal */
    const struct value *part;   /* of a folder out: a path in it that may refer to the matrix; NULL: all of it */
    const char *const *only;    /* members of a data file that the stage gets alone, by name; NULL: all of it */
    size_t only_count;
    enum input_access access;
    bool optional;    /* without its file, and for an instance that "when" leaves out, it is an empty list */
    bool at_own_path; /* of a list of "in": without "as" it stands at its own path */
    const struct input_decl *items;
    size_t item_count;
    struct location at;
};

enum out_type { OUT_FILE, OUT_DIRECTORY, OUT_METRICS, OUT_SERIES, OUT_ANY /* a file or a directory */ };

struct out_decl {
    const char *name;
    const char *path; /* relative, below the working directory */
    const struct value
        *template; /* of a path that refers to the matrix, which `path` then shows as written; else NULL */
    enum out_type type;
    bool optional; /* the stage need not write it; then it is an empty list for those that refer to it */
    struct location at;
};

enum where_type { WHERE_AT_MOST, WHERE_AT_LEAST, WHERE_EQUALS };

struct where {
    const char *metric; /* without the "metrics." */
    enum where_type type;
    double bound;
};

/* A condition of "when". */
struct condition {
    const struct value *value; /* of params and the matrix */
    enum where_type type;
    const cJSON *bound; /* a number; for WHERE_EQUALS also text, true, false or null */
    struct location at;
};

enum reduce_type { REDUCE_MEAN, REDUCE_MEDIAN, REDUCE_MIN, REDUCE_MAX };
enum pick_type { PICK_ALL, PICK_BEST, PICK_MEDIAN, PICK_FIRST };

struct select_decl {
    const struct reference *from; /* a stage, pins allowed */
    const char *const *group_by;
    size_t group_by_count;
    enum reduce_type reduce;
    const struct where *where;
    size_t where_count;
    const struct where *where_each;
    size_t where_each_count;
    const char *metric; /* minimized or maximized; NULL: all instances are one group, which is taken */
    bool maximize;
    enum pick_type pick;
    double quorum;       /* how many instances must have succeeded; 0: all */
    bool quorum_is_part; /* `quorum` is a part of them, above 0 to 1 */
    struct location quorum_at;
};

/* The origin of a command's programs. */
enum toolchain_type {
    TOOLCHAIN_SYSTEM, /* the fixed PATH */
    TOOLCHAIN_CALLER, /* PATH, and what an active environment needs, from the caller */
    TOOLCHAIN_PREFIX  /* the environment in a folder */
};

struct toolchain {
    enum toolchain_type type;
    const char *prefix;    /* TOOLCHAIN_PREFIX: its folder, absolute; else NULL */
    const char *directory; /* of the file that declares it; NULL: none does */
    bool is_declared;      /* by the stage or by "defaults" */
};

enum sandbox_choice { SANDBOX_UNSAID, SANDBOX_OFF, SANDBOX_ON };

/* Keeps a command to its inputs. No part of a key. */
struct sandbox_decl {
    enum sandbox_choice choice;
    bool network;            /* it may use the network */
    const char *const *read; /* absolute paths of files and folders that it may read beside its inputs */
    size_t read_count;
};

enum stage_type { STAGE_KIND, STAGE_COMMAND, STAGE_SELECT };

struct env_decl {
    const char *name;
    const struct value *value;
};

struct stage_decl {
    const char *name;      /* "scratch" */
    const char *full_name; /* "study/scratch" for a stage of an include */
    const char *description;
    enum stage_type type;
    const struct pipeline *scope; /* the file that declares it */
    size_t index;                 /* in the pipeline's `stages` */
    struct location at;

    struct matrix matrix;
    /* Axes that readers of this stage see: its own. For a select: the axes of `from` that are neither grouped nor
       pinned (none with pick). */
    const char *const *axes;
    size_t axis_count;
    const struct stage_decl *source; /* the stage at the end of its selects; itself when it is none */
    const struct condition *when;    /* an instance for which one is false is left out of the plan */
    size_t when_count;
    const struct input_decl *in;
    size_t in_count;
    const struct value *with;    /* kinds: an object; NULL when absent */
    const struct out_decl *outs; /* by name; a kind's come from its description, in its order */
    size_t out_count;
    bool
        places_vary; /* inputs have places of their own, or outs paths that refer to the matrix: the plan checks them */

    const struct kind *kind;          /* STAGE_KIND */
    const struct value *cmd;          /* STAGE_COMMAND: a list */
    const struct select_decl *select; /* STAGE_SELECT */

    const struct env_decl *env;
    size_t env_count;
    const char *const *pass_env;
    size_t pass_env_count;
    struct toolchain toolchain;
    const char *const *pin; /* programs whose digest enters the key */
    size_t pin_count;
    bool checkpoint; /* commands that ask for one; kinds say it themselves */
    bool isolation;  /* commands, where the machine allows it; default true */
    struct sandbox_decl sandbox;

    struct resources resources;
    int retries;
    uint64_t timeout_ms; /* 0: none */
    const struct stage_decl *const *after;
    size_t after_count;
    const struct stage_decl *const *needs; /* every stage it refers to or comes after, each once */
    size_t need_count;
    bool cache;         /* default true */
    bool deterministic; /* default true */
    double tolerance;
    double energy_budget_j; /* 0: none */
};

struct include_decl {
    const char *name;
    const struct pipeline *part;
    struct location at;
};

struct result_decl {
    const char *name;          /* file name below results/<pipeline>/; ending in "/": takes a list */
    const struct value *value; /* a reference to outs */
    struct location at;
};

struct author {
    const char *name;
    const char *orcid, *affiliation; /* NULL: not said */
};

struct pipeline {
    struct arena *arena; /* shared by a pipeline and its includes; the root frees */
    const char *name;
    const char *description;
    const char *license; /* an identifier of SPDX or a URL; NULL: none is stated */
    const struct author *authors;
    size_t author_count;
    const char *path;            /* the file as given; of an origin its name for people */
    const struct origin *origin; /* NULL: a file of this machine, the user's own */
    const char *directory;       /* its directory, absolute: where input paths resolve; NULL: it has an origin */
    const char *prefix;          /* "" or "study/" */
    const cJSON *params;         /* after overrides and folding */
    const cJSON *overrides;      /* changes of --set, --set-json and --params, as an object; recorded with the run */
    const struct include_decl *includes;
    size_t include_count;
    const struct result_decl *results;
    size_t result_count;
    double energy_budget_j;

    /* All stages of the file and its includes, in an order in which every stage follows those it refers to
       (file order where free). Set in the root alone. */
    const struct stage_decl *const *stages;
    size_t stage_count;

    const char *const *files; /* every file read: the pipeline, its parts, params files and rows */
    size_t file_count;

    /* A file of this machine refers to params of a part from git: any of its stages may hold their values. Set in the
       root alone. */
    bool borrows_params;
};

enum override_type {
    OVERRIDE_SET,      /* the value is text, read by the type of the declared value */
    OVERRIDE_SET_JSON, /* the value may change the declared type */
    OVERRIDE_FILE      /* a file of --params */
};

/* One override: `--set params.steps=500` is {"steps", "500"}. */
struct override {
    const char *path; /* dotted path below params; a file has "" */
    const cJSON *value;
    const char *source; /* for messages: "--set params.steps=500" */
    enum override_type type;
};

/* A pipeline to be read. */
struct pipeline_source {
    const char *path;              /* of a file of this machine; "-": standard input */
    const struct origin *origin;   /* or a file of a commit that is open; NULL: `path` counts */
    const struct commits *commits; /* they read files of commits; NULL: an include from git is a fault */
    const struct override *overrides;
    size_t override_count;
};

/* Reads, folds and checks. ERR_INVALID when `diagnostics` holds errors (warnings alone do not fail); ERR_IO or
   ERR_NOT_FOUND for a file that cannot be read. `*out` is freed with pipeline_free. */
int pipeline_read(struct pipeline **out, const struct pipeline_source *source, struct diagnostics *diagnostics,
                  struct error *err);
void pipeline_free(struct pipeline *p); /* NULL is fine */

/* By full name; NULL when there is none. */
const struct stage_decl *pipeline_stage(const struct pipeline *p, const char *full_name);

/* The out of that name, and its place among `outs` (`index` may be NULL); NULL when there is none. */
const struct out_decl *stage_out(const struct stage_decl *stage, const char *name, size_t *index);

/* The value of a variable in "env"; NULL: it is not there. */
const struct value *stage_env(const struct stage_decl *stage, const char *name);
bool stage_passes(const struct stage_decl *stage, const char *name); /* "pass_env" names the variable */
bool stage_sets(const struct stage_decl *stage, const char *name);   /* one of the two */

/* Whether a command runs in a sandbox. `user_declines`: --no-sandbox. It turns off sandboxes of the user's own files. In
   files from elsewhere a sandbox is the default, and "sandbox": false counts only if the user declines too. */
bool stage_is_sandboxed(const struct stage_decl *stage, bool user_declines);

/* Each parses "params.steps=500", of --set and --set-json. ERR_USAGE. Freed by override_close. */
int override_parse(struct override *out, const char *argument, struct error *err);
int override_parse_json(struct override *out, const char *argument, struct error *err);
void override_close(struct override *o);

#endif
