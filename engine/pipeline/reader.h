/*
 * Types and functions that the files of this folder share while they read a pipeline. No other folder includes it.
 *
 *   load      files and includes: a tree of `struct part`
 *   declare   a `struct draft` for every stage, so that references find it
 *   fold      params, each at its first use, with overrides
 *   compile   every field of every stage: values, references (each recorded as a `struct use`), needs of stages
 *   order     cycles; each stage behind those it needs
 *   check     in that order: axes, outs, metrics, pins, parameters of kinds, selects, results
 *
 * A fault is reported where it is found, and reading continues. A faulty value or stage is marked `broken`, and no
 * further fault is reported about it. Everything lives in the pipeline's arena but the tables that part_close and
 * lookup_close free.
 */
#ifndef RETORT_ENGINE_PIPELINE_READER_H
#define RETORT_ENGINE_PIPELINE_READER_H

#include "engine/base/json.h"
#include "engine/pipeline/paths.h"
#include "engine/pipeline/pipeline.h"
#include "engine/pipeline/reference.h"

enum {
    MAX_FILE_BYTES = 64 << 20,
    MAX_INCLUDE_DEPTH = 16,
    MAX_PARTS = 1000,
    MAX_PARAM_CHAIN = 200,
    MAX_STAGES = 100000, /* also of all parts together */
    MAX_AXES = 64,
    MAX_ERRORS = 1000,
    MAX_COMPARED = 1000000,     /* names that "did you mean" is looked for among, in all */
    MAX_FOLDED_NODES = 1000000, /* params that multiply themselves */
    MAX_FOLDED_BYTES = 64 << 20
};

/* References that a place allows; params are allowed everywhere. */
enum {
    ALLOW_MATRIX = 1,
    ALLOW_IN = 2,
    ALLOW_OUTS = 4,
    ALLOW_CHECKPOINT = 8,
    ALLOW_STAGE_OUTS = 16,
    ALLOW_STAGE_VALUES = 32, /* .metrics and .matrix */
    ALLOW_WHOLE_STAGE = 64,
    ALLOW_CPUS = 128
};

/* A kind of place where references stand. */
struct place {
    const char *name; /* "in \"with\"", "here": for messages */
    unsigned allowed;
    bool matches; /* axes of a referenced stage match this stage's axes of the same name */
    bool lists;   /* a collected list may stand here */
};

extern const struct place place_constant, place_in, place_path, place_label, place_with, place_cmd, place_env,
    place_axis, place_axis_member, place_rows, place_when, place_from, place_whole, place_result;

/* A place inside a string of a file. */
struct site {
    const struct part *part;
    const cJSON *node;
    size_t offset; /* bytes of the string's text before it */
};

/* A reference to be checked when all stages are compiled. */
struct use {
    const struct reference *reference;
    const cJSON *node; /* the string that holds it, in the file that declares the stage */
    const struct place *place;
    struct use *next;
    uint32_t offset; /* in the string */
    bool in_text;
    uint16_t axis_limit; /* inside an axis: 1 + the number of axes before it, which alone it may use; else 0 */
};

struct use_list {
    struct use *first, **end;
};

struct edge {
    struct draft *to;
    struct edge *next;
};

enum mark { MARK_NEW, MARK_OPEN, MARK_DONE };

/* A stage while it is read. */
struct draft {
    struct stage_decl decl;
    struct part *part;
    const cJSON *node;
    bool broken;       /* has a reported fault: missing parts are not reported */
    unsigned types;    /* the types that its keys name, as bits 1 << enum stage_type */
    bool typed;        /* has exactly one type, decl.type */
    bool kind_unknown; /* "uses" names no kind */
    bool measures;     /* has an out of type "metrics" */
    bool axes_broken;  /* its axes are faulty */
    bool axes_known;   /* decl.axes and decl.source are set */
    const cJSON *matrix_node;
    struct use_list uses;
    struct edge *needs, **needs_end;
    size_t path_index;             /* order.c: its index on the path, while its mark is MARK_OPEN */
    const struct draft *last_need; /* the last stage that needs this one */
    enum mark mark;
};

/* A param while the file is read. */
enum fold_state { FOLD_NEW, FOLD_BUSY, FOLD_DONE };

struct param_slot {
    const char *name;
    const cJSON *node;  /* the declaration, or the name of the params file */
    const cJSON *base;  /* the value in the params file, over which a declaration goes; NULL: none */
    const cJSON *patch; /* the includer's override, in the includer's file */
    struct part *part;
    bool own; /* `node` is a declaration */
    enum fold_state state;
    const cJSON *value;       /* NULL: faulty */
    struct param_slot *below; /* while FOLD_BUSY: the param that uses this one */
    int depth;                /* the length of that chain */
};

struct include_slot {
    const char *name;
    struct part *part; /* NULL: faulty */
    const cJSON *params;
    struct location at;
};

/* A file, as included in one place. */
struct part {
    struct reader *reader;
    struct pipeline *pipeline;
    struct part *includer; /* NULL for the pipeline itself */
    const char *include_name;
    const char *file; /* for messages */
    const char *real; /* absolute, links resolved */
    size_t depth;
    struct source *source;
    const cJSON *root;
    bool broken; /* could not be read */
    const char *const *include_names;
    struct include_slot *includes;
    size_t include_count;
    struct param_slot *params;
    const char *const *param_names;
    size_t param_count;
    bool params_lost; /* their file could not be read */
    struct bytemap params_by_name;
    struct draft **drafts;
    const char **draft_names;
    size_t draft_count;
    struct bytemap drafts_by_name;
    struct stage_decl defaults;
    const cJSON *default_in; /* "in" of "defaults": a list; NULL: none */
    struct use_list uses;    /* of results */
};

struct reader {
    struct arena *arena;
    struct diagnostics *diagnostics;
    struct part *root;
    struct draft **drafts; /* by decl.index */
    size_t draft_count, draft_capacity;
    size_t part_count;
    const char **files;
    size_t file_count, file_capacity;
    const struct override *overrides;
    size_t override_count;
    struct source *override_sources; /* one per override */
    cJSON *recorded;                 /* all overrides, as an object of params */
    struct param_slot *chain;        /* the param that is being folded */
    size_t folded_nodes, folded_bytes;
    size_t compared;        /* names compared for suggestions */
    struct bytemap indexes; /* list or object -> struct node_index */
    const struct commits *commits;
    bool too_large; /* a limit on folded params is exceeded */
};

/* The context of a value that is compiled. */
struct scope {
    struct part *part;
    struct draft *draft; /* NULL outside stages */
    const struct place *place;
    struct use_list *uses;
    size_t axis_limit; /* see struct use */
    bool in_text;
};

/* ---- report.c ---- */

/* The location of a node or of a member's name. */
struct location locate_value(const struct part *part, const cJSON *node);
struct location locate_key(const struct part *part, const cJSON *node);

/* Each reports an error or a warning: at a location, a node, a member's name, or inside a string. */
void report(struct reader *r, const struct location *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
void report_value(const struct part *part, const cJSON *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void report_key(const struct part *part, const cJSON *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void report_site(const struct site *site, const char *format, ...) __attribute__((format(printf, 2, 3)));
void warn_value(const struct part *part, const cJSON *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether MAX_ERRORS are reported: further messages are dropped, so callers need not prepare them. */
bool is_silent(const struct reader *r);

/* Texts for messages, in the arena. */
const char *describe(struct reader *r, const cJSON *node); /* "the number 3", "the text \"abc\"", "a list", ... */
const char *join(struct reader *r, const char *const *names, size_t count); /* "a, b, c" */

/* "; did you mean "x"? There are: a, b, c", "; there are: a, b, c", or "; " and `none` when there are no names. */
const char *suggestion(struct reader *r, const char *name, const char *const *known, size_t count, const char *none);
/* The same for keys of the format, with "allowed" for "there are". */
const char *key_suggestion(struct reader *r, const char *name, const char *const *allowed, size_t count);

/* ---- fields.c ---- */

/* Reports each key of `object` that is not in `allowed`. */
void check_keys(const struct part *part, const cJSON *object, const char *const *allowed, size_t count);
#define CHECK_KEYS(part, object, allowed) check_keys(part, object, allowed, sizeof(allowed) / sizeof *(allowed))

/* Each reports and returns false for a node of another type. `what` begins the message. */
bool need_object(const struct part *part, const cJSON *node, const char *what);
bool need_list(const struct part *part, const cJSON *node, const char *what);
bool need_text(const struct part *part, const cJSON *node, const char *what); /* without references */
bool need_name(const struct part *part, const cJSON *key, const char *what);  /* of a member */

/* Reads a list of different texts without references. `check` (may be NULL) reports further faults of one. */
const char *const *read_texts(struct part *part, const cJSON *node, size_t *count,
                              void (*check)(struct part *part, const cJSON *item));

/* ---- constant.c ---- */

/* Each reads a value that may refer to params; reports and returns false for a wrong type or size. */
bool read_bool(struct part *part, const cJSON *node, bool *out);
bool read_number(struct part *part, const cJSON *node, double min, double max, double *out);
bool read_integer(struct part *part, const cJSON *node, int min, int max, int *out);
bool read_duration(struct part *part, const cJSON *node, uint64_t *out_ms);
bool read_bytes(struct part *part, const cJSON *node, uint64_t *out);
bool read_energy(struct part *part, const cJSON *node, double *out_j);

/* ---- value.c ---- */

/* Compiles a node. A faulty one is reported and becomes a broken value. */
const struct value *value_compile(const struct scope *scope, const cJSON *node);
/* Compiles a node that may refer only to params. NULL after a reported fault. */
const cJSON *compile_constant(struct part *part, const cJSON *node);

/* Whether the value, or a value in it, is faulty. */
bool value_is_broken(const struct value *v);
/* A literal list or object as VALUE_LIST or VALUE_OBJECT; any other value unchanged. */
const struct value *value_structured(struct reader *r, const struct value *v);
const struct value *value_literal(struct reader *r, const cJSON *json, const struct location *at);
/* The member of a VALUE_OBJECT; NULL when there is none. */
const struct value *value_member(const struct value *object, const char *name);

/* ---- tree.c ---- */

/* Has the arena delete the tree. */
const cJSON *keep_json(struct reader *r, cJSON *json);
/* Counts a tree against the limits on folded params. False beyond them, reported once. */
bool count_folded(struct reader *r, const struct location *at, const cJSON *json);

/* ---- bind.c ---- */

struct resolved {
    const cJSON *constant;
    const struct reference *open; /* both NULL after a reported fault */
};

/* Resolves a parsed reference: params to a constant; others are checked, bound to their stage and recorded as uses. */
struct resolved reference_resolve(const struct scope *scope, const struct syntax_reference *syntax,
                                  const struct site *text);
/* Resolves a stage's name or "${...stages.x}" of "from", "like" and "after". NULL after a reported fault. */
const struct reference *resolve_stage_name(const struct scope *scope, const cJSON *node);
struct draft *draft_of(struct reader *r, const struct stage_decl *decl);

/* ---- lookup.c ---- */

/* The member or item of a large object or list, in constant time; NULL when there is none. The tree does not change. */
const cJSON *find_member(struct reader *r, const cJSON *object, const char *name);
const cJSON *find_item(struct reader *r, const cJSON *list, size_t index);
void lookup_close(struct reader *r);

/* Stores an index under a name that is not in the table; bytemap_get gives its address. */
void put_index(struct reader *r, struct bytemap *table, const char *name, size_t index);

/* ---- param_file.c ---- */

/* The object in the data file that a text names, beside the part's file. NULL after a reported fault. */
const cJSON *params_read(struct part *part, const cJSON *node);

/* ---- fold.c ---- */

/* Declares the params of a part and its includes. */
void params_declare(struct part *part);
/* Folds all params of a part and its includes. */
void params_fold(struct part *part);
/* The declared param; NULL when there is none. */
struct param_slot *find_param(const struct part *part, const char *name);
/* The constant of a param, folded at its first use; `site` uses it. NULL after a reported fault. */
const cJSON *param_value(struct param_slot *slot, const struct site *site);

/* ---- override.c ---- */

/* Reports overrides of params that the pipeline does not declare. */
void overrides_check(const struct part *root);
/* Gives override `i` as a patch of a param, read by the declared value's type; NULL when it overrides another param.
   The caller frees the patch. `path` names the param in messages. False after a reported fault. */
bool override_patch(cJSON **out, struct reader *r, size_t i, const char *param, const cJSON *declared,
                    const char *path);

/* A patch may change the type of a value: between all but objects; not at all; at will. A declared null has no type. */
enum patch_rule { PATCH_SHAPE, PATCH_TYPES, PATCH_ANY };
/* Reports members of `patch` that `declared` does not have, and changes of type against the rule. */
bool patch_check(struct reader *r, const cJSON *declared, const cJSON *patch, enum patch_rule rule, const char *path,
                 const struct location *at);
/* A new tree: `base` with the members of `patch` over it, or `patch` where one of them is no object. */
cJSON *patch_apply(const cJSON *base, const cJSON *patch);

/* ---- credits.c ---- */

/* Reads "license" and "authors". */
void read_credits(struct part *part);

/* ---- part_file.c ---- */

/* Each takes a path beside the part's own file. In a commit it may not lead out of it: ERR_INVALID. */
/* Appends a file; errors of file_read. */
void reader_note_file(struct reader *r, const char *file); /* for the pipeline's `files` */
int part_file_read(struct buffer *out, const struct part *part, const char *path, size_t limit, struct error *err);
int part_file_find(enum origin_type *out, const struct part *part, const char *path, struct error *err);
int part_file_list(const struct part *part, const char *path, origin_visit *visit, void *visitor, struct error *err);

/* ---- load.c ---- */

/* Reads the file and all its includes. ERR_IO or ERR_NOT_FOUND for the pipeline itself; other faults are reported. */
int load_root(struct reader *r, const struct pipeline_source *source, struct error *err);
/* Frees the tables of a part and its includes. */
void part_close(struct part *part);

/* ---- stage.c: stages of a part and its includes ---- */
/* Makes a draft for every stage, then reads all fields of every stage. */
void stages_declare(struct part *part);
void stages_compile(struct part *part);

/* Each reads one field of a stage or part, in the file of that name. command.c reads cmd and outs. environment.c reads
   env, pass_env, pin and toolchain. */
void read_resources(struct part *part, const cJSON *node, struct resources *out);
void read_url(struct draft *d, const cJSON *url, const cJSON *sha256, struct input_decl *out);
void read_inputs(struct draft *d, const cJSON *node); /* NULL: the stage has no "in"; those of "defaults" count */
/* input_default.c: whether "defaults", whose inputs are `others`, has an item of the stage's list. Reports another one
   that stands at its place. */
bool repeats_default(struct draft *d, const cJSON *item, const struct input_decl *in, const struct input_decl *others);
void read_matrix(struct draft *d, const cJSON *node);
void read_select(struct draft *d, const cJSON *node);
void read_when(struct draft *d, const cJSON *node);
/* The bound of a condition: its only member "at_most", "at_least" or "equals". NULL after a reported fault. */
const cJSON *find_bound(struct part *part, const cJSON *node, enum where_type *type);
void read_outs(struct draft *d, const cJSON *node);
void read_cmd(struct draft *d, const cJSON *node);
void read_env(struct draft *d, const cJSON *node);
void read_pass_env(struct draft *d, const cJSON *node);
void read_pin(struct draft *d, const cJSON *node);
void read_toolchain(struct draft *d, const cJSON *node);
void read_sandbox(struct draft *d, const cJSON *node);
/* env, pass_env and toolchain of "defaults"; a command adds the first two to its own, which win. */
void read_default_environment(struct part *part, const cJSON *defaults);
void add_default_environment(struct draft *d);

/* Reports variables by which a stage would choose GPUs beside those that the engine gives it. */
void check_gpu_variables(const struct draft *d);
void read_results(struct part *part, const cJSON *node);
/* Reports inputs and outs of a command whose places overlap, as far as the file shows them. */
void check_places(struct draft *d);
/* Sets the outs and checkpoint of the stage's kind. */
void kind_outs(struct draft *d);

/* ---- order.c ---- */

/* All drafts, each behind those it needs. Reports cycles, whose stages become broken. */
struct draft **stages_order(struct reader *r);

/* ---- checks of a compiled stage, in the order of stages_order ---- */
void check_matrix(struct draft *d); /* matrix.c */
void check_kind(struct draft *d);   /* kind.c */
void check_select(struct draft *d); /* select.c */
/* uses.c: the references of a stage, or of the results of `part` where `d` is NULL. */
void check_uses(struct part *part, struct draft *d, const struct use_list *uses);
void check_results(struct part *part); /* result.c */

/* The names of the stage's axes, in the arena. */
const char **axis_names(const struct draft *d);
/* Whether the reference collects an axis. */
bool use_is_list(const struct reference *r);
/* Whether the stage can have the metric; reports one that it cannot have. */
bool check_metric(struct reader *r, const struct stage_decl *stage, const char *name, const struct site *site);

#endif
