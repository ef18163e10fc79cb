/*
 * What the parts of this folder share while a pipeline is read. Nothing of it is seen outside.
 *
 *   load      files and includes: a tree of `struct part`
 *   declare   a `struct draft` for every stage, so that references find them
 *   fold      params, on demand, with overrides
 *   compile   every field of every stage: values, references (each noted as a `struct use`), what needs what
 *   order     cycles; dependency order
 *   check     in that order: axes, outs, metrics, pins, kinds' parameters, selects, results
 *
 * A fault is reported where it is found and reading goes on; what is faulty becomes `broken`, about which nothing
 * more is said. All lives in the pipeline's arena but what reader_close frees.
 */
#ifndef RETORT_ENGINE_PIPELINE_READER_H
#define RETORT_ENGINE_PIPELINE_READER_H

#include "engine/base/json.h"
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

/* Which references may stand somewhere; params always may. */
enum {
    ALLOW_MATRIX = 1,
    ALLOW_IN = 2,
    ALLOW_OUTS = 4,
    ALLOW_CHECKPOINT = 8,
    ALLOW_STAGE_OUTS = 16,
    ALLOW_STAGE_VALUES = 32, /* .metrics and .matrix */
    ALLOW_WHOLE_STAGE = 64
};

struct place {
    const char *name; /* "in \"with\"", "here": for messages */
    unsigned allowed;
    bool matches; /* a stage's axes match the axes of this stage by name */
    bool lists;   /* a collected list may stand here */
};

extern const struct place place_constant, place_in, place_label, place_with, place_cmd, place_env, place_axis,
    place_axis_member, place_from, place_whole, place_result;

/* A place inside a text of a file. */
struct site {
    const struct part *part;
    const cJSON *node;
    size_t offset; /* into a string's text */
};

/* A reference that stays open, for the checks. */
struct use {
    const struct reference *reference;
    const cJSON *node; /* the string that holds it, in the file that declares the stage */
    const struct place *place;
    struct use *next;
    uint32_t offset; /* in the string */
    bool in_text;
    uint16_t axis_limit; /* inside an axis: 1 + how many axes stand before it, which alone it may refer to; else 0 */
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
    bool broken;    /* something in it is faulty: no fault is concluded from what is missing */
    unsigned types; /* the types that its keys name, as bits 1 << enum stage_type */
    bool typed;     /* it has exactly one, decl.type */
    bool kind_unknown;
    bool measures;    /* an out of it holds metrics */
    bool axes_broken; /* which axes it has is not known */
    bool axes_known;  /* decl.axes and decl.source are set */
    const cJSON *matrix_node;
    struct use_list uses;
    struct edge *needs, **needs_end;
    size_t path_index;             /* order.c: its place on the path, while its mark is MARK_OPEN */
    const struct draft *last_need; /* the last stage that was found to need this one */
    enum mark mark;
};

enum fold_state { FOLD_NEW, FOLD_BUSY, FOLD_DONE };

struct param_slot {
    const char *name;
    const cJSON *node;  /* as declared */
    const cJSON *patch; /* the includer's override, in the includer's file */
    enum fold_state state;
    const cJSON *value;       /* NULL: faulty */
    struct param_slot *below; /* while BUSY: who asked */
    int depth;                /* how many asked */
    struct part *part;
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
    struct bytemap params_by_name;
    struct draft **drafts;
    const char **draft_names;
    size_t draft_count;
    struct bytemap drafts_by_name;
    struct stage_decl defaults;
    struct use_list uses; /* of results */
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
    cJSON **patches;                 /* one per override: an object over params */
    cJSON *recorded;                 /* all patches in one */
    struct param_slot *chain;
    size_t folded_nodes, folded_bytes;
    size_t compared;        /* names, for suggestions */
    struct bytemap indexes; /* list or object -> struct node_index: those that references went into */
    bool too_large;
};

/* What is compiled, and for whom. */
struct scope {
    struct part *part;
    struct draft *draft; /* NULL outside stages */
    const struct place *place;
    struct use_list *uses;
    size_t axis_limit;
    bool in_text;
};

/* ---- report.c ---- */
struct location locate_value(const struct part *part, const cJSON *node);
struct location locate_key(const struct part *part, const cJSON *node);
void report(struct reader *r, const struct location *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
void report_value(const struct part *part, const cJSON *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void report_key(const struct part *part, const cJSON *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void report_site(const struct site *site, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* So many errors that no more is shown: what is told need not be worked out. */
bool is_full(const struct reader *r);
void warn_value(const struct part *part, const cJSON *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "the number 3", "the text \"abc\"", "a list", ...; in the arena. */
const char *describe(struct reader *r, const cJSON *node);

/* "; did you mean "x"? There are: a, b, c", or "; there are: a, b, c", or what `none` says when there is no name at
   all; in the arena. mend_key says "allowed" instead, for words of the format. */
const char *mend(struct reader *r, const char *name, const char *const *known, size_t count, const char *none);
const char *mend_key(struct reader *r, const char *name, const char *const *allowed, size_t count);
const char *join(struct reader *r, const char *const *names, size_t count);

/* ---- fields.c ---- */
/* Reports each key of `object` that is not in `allowed`. */
void check_keys(const struct part *part, const cJSON *object, const char *const *allowed, size_t count);
#define CHECK_KEYS(part, object, allowed) check_keys(part, object, allowed, sizeof(allowed) / sizeof *(allowed))

/* Reports and returns false unless it is one. `what` begins the message. */
bool need_object(const struct part *part, const cJSON *node, const char *what);
bool need_list(const struct part *part, const cJSON *node, const char *what);
bool need_text(const struct part *part, const cJSON *node, const char *what); /* plain text, no reference */
bool need_name(const struct part *part, const cJSON *key, const char *what);  /* of a member */

/* Values that may be given through params. Each reports and returns false when it is none. */
bool read_bool(struct part *part, const cJSON *node, bool *out);
bool read_number(struct part *part, const cJSON *node, double min, double max, double *out);
bool read_integer(struct part *part, const cJSON *node, int min, int max, int *out);
bool read_duration(struct part *part, const cJSON *node, uint64_t *out_ms);
bool read_bytes(struct part *part, const cJSON *node, uint64_t *out);
bool read_energy(struct part *part, const cJSON *node, double *out_j);

/* A list of plain texts, each once; `check` may refuse one with a message. */
const char *const *read_texts(struct part *part, const cJSON *node, size_t *count,
                              void (*check)(struct part *part, const cJSON *item));

/* A path below a folder: relative, no "..", no backslash. NULL, or what is wrong with it ("is absolute: ..."). */
const char *path_fault(const char *path);

/* Paths of which none may be another or lie in it. `{0}` is empty. */
struct placed_path {
    const char *path;
    size_t length;    /* without "/" at the end */
    const char *name; /* whose path it is */
    const cJSON *node;
    size_t index;                     /* in the order of adding */
    const struct placed_path *folder; /* the nearest that it lies in */
};
struct path_list {
    struct placed_path *items;
    size_t count, capacity;
};
void paths_add(struct path_list *paths, const char *path, const char *name, const cJSON *node);
/* Calls `overlap` for each that is another or lies in one, with the nearest, and empties the list. */
typedef void path_overlap(void *context, const struct placed_path *folder, const struct placed_path *inside);
void paths_check(struct path_list *paths, path_overlap *overlap, void *context);

/* ---- value.c ---- */
const struct value *value_compile(const struct scope *scope, const cJSON *node);
bool value_is_broken(const struct value *v); /* itself, or anything in it */
/* A literal list or object as VALUE_LIST or VALUE_OBJECT; anything else as it is. */
const struct value *value_structured(struct reader *r, const struct value *v);
const struct value *value_literal(struct reader *r, const cJSON *json, const struct location *at);
const struct value *value_member(const struct value *object, const char *name); /* NULL when there is none */
/* Compiles what must be constant: NULL when faulty (reported). */
const cJSON *compile_constant(struct part *part, const cJSON *node);
/* Gives a tree to the arena. */
const cJSON *keep_json(struct reader *r, cJSON *json);
/* Counts a tree against the limits on folded values; false (reported once) beyond them. */
bool count_folded(struct reader *r, const struct location *at, const cJSON *json);

/* ---- bind.c ---- */
struct resolved {
    const cJSON *constant;
    const struct reference *open; /* both NULL: faulty */
};
struct resolved reference_resolve(const struct scope *scope, const struct syntax_reference *syntax,
                                  const struct site *text);
/* A bare stage name or "${...stages.x}": for from, like and after. NULL when faulty. */
const struct reference *resolve_stage_name(const struct scope *scope, const cJSON *node);
struct draft *draft_of(struct reader *r, const struct stage_decl *decl);

/* ---- lookup.c: constant time in large lists and objects, which do not change while the file is read ---- */
const cJSON *find_member(struct reader *r, const cJSON *object, const char *name); /* NULL when there is none */
const cJSON *find_item(struct reader *r, const cJSON *list, size_t index);         /* NULL behind the end */
void lookup_close(struct reader *r);
/* Notes an index under a name that the table does not have; bytemap_get gives its address. */
void put_index(struct reader *r, struct bytemap *table, const char *name, size_t index);

/* ---- fold.c ---- */
struct param_slot *find_param(const struct part *part, const char *name); /* NULL when there is none */
void params_declare(struct part *part);
void params_fold(struct part *part);
const cJSON *param_value(struct param_slot *slot, const struct site *site); /* NULL: faulty */

/* ---- override.c ---- */
void overrides_prepare(struct reader *r);
/* Reports what `patch` gives that `declared` does not have. */
bool patch_check(struct reader *r, const cJSON *declared, const cJSON *patch, const char *path,
                 const struct location *at);
/* `base` with `patch` over it: objects member by member, anything else replaced. */
cJSON *patch_apply(const cJSON *base, const cJSON *patch);
/* Override `i` as a whole. */
struct location override_location(const struct reader *r, size_t i);

/* ---- load.c ---- */
/* Reads the file and all it includes. ERR_IO, ERR_NOT_FOUND for the pipeline itself; other faults are reported. */
int load_root(struct reader *r, const char *path, struct error *err);
/* Frees what the part and its includes need while they are read. */
void part_close(struct part *part);

/* ---- stage.c, fields of stages ---- */
void stages_declare(struct part *part);
void stages_compile(struct part *part);
void read_resources(struct part *part, const cJSON *node, struct resources *out);
void read_inputs(struct draft *d, const cJSON *node);
void read_matrix(struct draft *d, const cJSON *node);
void read_select(struct draft *d, const cJSON *node);
void read_outs(struct draft *d, const cJSON *node);
void read_cmd(struct draft *d, const cJSON *node);
void read_env(struct draft *d, const cJSON *node);
void read_pass_env(struct draft *d, const cJSON *node);
void read_pin(struct draft *d, const cJSON *node);
void read_results(struct part *part, const cJSON *node);
void kind_outs(struct draft *d);

/* ---- order.c ---- */
/* Reports cycles (their stages become broken); returns all drafts, each behind those it needs. */
struct draft **stages_order(struct reader *r);

/* ---- check ---- */
void check_matrix(struct draft *d); /* matrix.c */
const char **axis_names(const struct draft *d);
/* The references of a stage; of the results of `part` where `d` is NULL. */
void check_uses(struct part *part, struct draft *d, const struct use_list *uses);
void check_kind(struct draft *d);      /* kind.c */
void check_select(struct draft *d);    /* select.c */
void check_results(struct part *part); /* result.c */
/* Whether a use comes to a list: it collects an axis. */
bool use_is_list(const struct reference *r);
/* Reports a metric that the stage cannot have. */
bool check_metric(struct reader *r, const struct stage_decl *stage, const char *name, const struct site *site);

#endif
