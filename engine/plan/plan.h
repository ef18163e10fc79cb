/*
 * The plan: the instances of a pipeline, the needs of each, and the key of each as soon as it can be known. Pure: no
 * store, no clock, no loop. Facts come through `struct plan_facts`, results through plan_finish.
 *
 *                    all it refers to is done               key looked up by the caller
 *   declaration --> instances  WAITING --> KEYED --> plan_finish (known, or run) --> DONE
 *      ^  expansion waits for the selects and                     plan_fail          --> FAILED
 *      |  metrics its axes refer to               dependents of a failed one         --> SKIPPED
 *
 * A key holds the content of inputs, never upstream keys. So a stage that runs again and gives the same bytes changes
 * no later key (early cutoff). Selects are instances too, decided here without a key.
 */
#ifndef RETORT_ENGINE_PLAN_PLAN_H
#define RETORT_ENGINE_PLAN_PLAN_H

#include "engine/plan/action.h"

struct metrics;

enum instance_state { INSTANCE_WAITING, INSTANCE_KEYED, INSTANCE_DONE, INSTANCE_FAILED, INSTANCE_SKIPPED };

struct instance {
    const struct stage_decl *decl;
    size_t index;            /* in the plan, in order of creation */
    const char *cached_name; /* NULL until instance_name is asked */
    enum instance_state state;
    bool wanted; /* a target, or an instance that a target needs */
    bool named;  /* a target names it: by its stage, or by all or part of its name */
    bool needed; /* no quorum goes on without it (run --force); the caller sets it */
    bool keyed;  /* `key` is known: from KEYED on, and when it failed after that; never for selects */
    bool behind; /* stages that it follows (`after`) are not done: its results may be known, but it may not run */

    /* Instances whose outs or metrics it depends on, each once, as far as known. Stages of `after` are kept with the
       stage, not here. */
    struct instance **needs;
    size_t need_count;

    struct digest key;
    const struct action *action; /* NULL unless it is held (instance_hold_action) */

    /* From DONE on. */
    const struct content *outs; /* one per decl->outs, in its order */
    const struct metrics *metrics;

    /* FAILED and SKIPPED: the reason in one line, "needs scratch[size=7,seed=1], which failed". A select without a
       candidate adds its table on further lines. */
    const char *reason;

    double remaining_s; /* longest remaining path, see plan_order */
};

/* The metrics of an instance by name, in the order in which they were given. NULL is none. */
size_t metrics_count(const struct metrics *m);
const char *metrics_name(const struct metrics *m, size_t index);
/* The value as a record holds it (engine/base/data.h). The caller deletes it. */
cJSON *metrics_json(const struct metrics *m, size_t index);
/* False: there is no such metric, or it is no finite number. */
bool metrics_find(const struct metrics *m, const char *name, double *out);

/* "scratch[size=7,seed=1]"; an object value by its label. Made at the first call, lives as long as the plan. */
const char *instance_name(const struct instance *i);
void instance_put_name(struct buffer *out, const struct instance *i); /* for one pass over many: caches nothing */

struct coordinate {
    const char *axis;
    const cJSON *value; /* as written; references inside an object are resolved on use */
};
/* The coordinates of an instance, in matrix order; their values belong to the plan. */
size_t instance_coordinate_count(const struct instance *i);
struct coordinate instance_coordinate(const struct instance *i, size_t index);

/* Whether it is wanted and not done yet. */
static inline bool instance_is_open(const struct instance *i) {
    return i->wanted && i->decl->type != STAGE_SELECT && (i->state == INSTANCE_KEYED || i->state == INSTANCE_WAITING);
}

/* An editable install: a package or module under the name by which it is imported, or a folder of modules. */
struct module_place {
    const char *module; /* NULL: a folder of modules */
    const char *path;   /* absolute */
};

/* The plan's questions to the world. Each fails with an error that names the path. `file_content` may return ERR_BUSY:
   the answer comes later, and plan_ask_again asks once more. */
struct plan_facts {
    void *context;
    int (*file_content)(void *context, const char *path, struct content *out, struct error *err);
    /* A program by its name or absolute path; `search` is the PATH. */
    int (*program)(void *context, const char *name, const char *search, struct digest *out, struct error *err);
    /* Version by name of the packages of the Python that a program is; NULL: it is none. Lives until the next call. */
    const cJSON *(*packages)(void *context, const char *name, const char *search);
    /* The PATH that a command gets unless its "env" says another. Lives as long as the context. */
    const char *(*stage_path)(void *context, const struct stage_decl *stage);
    cJSON *(*machine)(void *context); /* {"host","cpu","meter"} for measuring kinds; the plan deletes it */
    void (*tick)(void *context);      /* called often; may be NULL */
    /* Content of a data file with these members alone. */
    int (*file_members)(void *context, const char *path, const char *const *names, size_t count, struct content *out,
                        struct error *err);
    /* Editable installs of the stage's Python that lie in the project; returns their number. They live until the next
       call. NULL: there are none. */
    size_t (*modules)(void *context, const struct stage_decl *stage, const struct module_place **out);
    /* Content of a file or folder in a folder of the store. ERR_INVALID: there is none. */
    int (*object_part)(void *context, const struct content *whole, const char *part, struct content *out,
                       struct error *err);
    /* Appends the text of a file of the store. ERR_INVALID: it has more than ROWS_MAX_BYTES. */
    int (*object_text)(void *context, const struct content *content, struct buffer *out, struct error *err);
    /* Content of a path in a commit, which the store then has as an object; with `only` of these members of a data file.
       ERR_NOT_FOUND, ERR_INVALID. */
    int (*committed)(void *context, const struct origin *origin, const char *path, const char *const *only,
                     size_t only_count, struct content *out, struct error *err);
    /* The digest of a variable's value, of "pass_env"; false: it is not set. */
    bool (*variable)(void *context, const char *name, struct digest *out);
    size_t command_bytes; /* of a command line with its variables, at most; 0: as many as it has */
};

struct plan;

/* `targets` are stage names ("scratch"), instance names ("scratch[size=7,seed=1]"), or partial ones
   ("scratch[size=7]"); none: everything. ERR_USAGE for an unknown target, with the nearest name. Limits: a million
   instances. */
int plan_create(struct plan **out, const struct pipeline *pipeline, const struct plan_facts *facts,
                const char *const *targets, size_t target_count, struct error *err);
void plan_free(struct plan *p);

/* Expands and keys all stages that are ready, and decides selects. Costs only what has changed since the last call.
   Faults in the file, such as a missing input or a pin that names no instance, go to `diagnostics` and fail the
   instance. Other errors of a fact are returned. plan_next then gives newly KEYED instances. */
int plan_advance(struct plan *p, struct diagnostics *diagnostics, struct error *err);

/* Some answers have come: the next plan_advance asks again for the instances that wait for one. */
void plan_ask_again(struct plan *p);

/* Gives each wanted KEYED instance once, in the order in which they became KEYED (within one event in matrix order);
   NULL: none now. An instance that is still `behind` may be finished if its results are known; else it is given once
   more when it may run. */
struct instance *plan_next(struct plan *p);

/* Adds the faults of values that waiting instances have by themselves. Call after plan_advance. */
void plan_foresee(struct plan *p, struct diagnostics *diagnostics);

/* Finishes an instance whose results are known, from a record or a run. Copies its arguments. `metrics`: an object,
   or NULL. */
void plan_finish(struct plan *p, struct instance *i, const struct content *outs, const cJSON *metrics);

/* The same with the text of an object, as an index keeps it. ERR_INVALID: it is no JSON. Not within plan_advance. */
int plan_finish_known(struct plan *p, struct instance *i, const struct content *outs, const char *metrics,
                      struct error *err);

/* Whether nothing but selects with a quorum leads on from an instance, be the quorum reached or not. */
bool plan_serves_quorum(struct plan *p, const struct instance *i);
/* Whether a select with a quorum goes on without an instance, and nothing else needs it. After a failure: whether the
   select was decided without it, or may still be. */
bool plan_is_left_out(struct plan *p, const struct instance *i);
/* The same of one that failed, or was skipped with what it needs. */
bool plan_was_left_out(struct plan *p, const struct instance *i);
/* Whether a select has a quorum. */
bool plan_has_quorum(const struct plan *p);
/* Gives each warning once: a select names a metric that the first record of its stage does not have. Lines belong to
   the plan until the call returns. */
void plan_warnings(struct plan *p, void (*say)(void *context, const char *line), void *context);

/* Finishes an instance that has the key, and so the results, of `done`. */
void plan_finish_like(struct plan *p, struct instance *i, const struct instance *done);

/* Makes the action of a keyed instance, which lives until instance_release_action or plan_free. An attempt needs it;
   millions of waiting instances do not. Repeated calls do nothing. */
void instance_hold_action(struct instance *i);
void instance_release_action(struct instance *i);

/* The components of a keyed instance's key (action_components), whether its action is held or not. The caller deletes
   them. */
cJSON *instance_components(const struct instance *i);

/* Fails an instance for good: its dependents become SKIPPED. */
void plan_fail(struct plan *p, struct instance *i, const char *reason);

/*
 * The present instances in order of creation (of a stage: in matrix order). With targets: those of the stages that the
 * targets may need; see `wanted`. A matrix whose expansion failed, or waited for a failed stage, is one instance under
 * the stage's own name, FAILED or SKIPPED, without coordinates.
 */
struct instance *const *plan_instances(const struct plan *p, size_t *count);

/* Writes up to `capacity` wanted declarations that still wait for their expansion; returns their total number. */
size_t plan_unexpanded(const struct plan *p, const struct stage_decl **out, size_t capacity);

/* Visits instances of a plan and all that depends on them, each once. These are instances, and stages whose expansion
   waits. One that follows them with `after` depends on them too. */
struct dependents_visitor {
    void *context;
    void (*instance)(void *context, const struct instance *i);
    void (*stage)(void *context, const struct stage_decl *decl);
};
void plan_dependents(struct plan *p, const struct instance *const *from, size_t count,
                     const struct dependents_visitor *visitor);

/* How many instances "when" leaves out of the wanted stages. */
size_t plan_omitted(const struct plan *p);

/* Sets `remaining_s` of all instances: the longest path of estimates from it to an end. `estimate(context, i)` gives
   the expected seconds of an instance. */
void plan_order(struct plan *p, double (*estimate)(void *context, const struct instance *i), void *context);

/* Resolves a `results` entry to items in matrix order, once its stages are done. 0 with *count == 0 and `*waiting`
   true: a stage is not done; it may have failed, or the targets may not need it. The plan owns the items. */
struct result_item {
    const struct instance *instance;
    const struct out_decl *out;
    const struct content *content;
    const cJSON *labels;
};
int plan_result(struct plan *p, const struct result_decl *result, const struct result_item **items, size_t *count,
                bool *waiting, struct error *err);

/* A select's table: {"candidates":[{"group":{...},"metrics":{...},"passes":true,"winner":false,"reason":"..."}],
   "ties":[...]}; NULL before it is decided. Made at the first call, lives as long as the plan. */
const cJSON *plan_select_table(struct plan *p, const struct instance *select);

/* Appends the same table as lines of text: the groups, and the metrics that decide. */
void plan_select_text(struct buffer *out, const struct plan *p, const struct instance *select);

/* Appends which group a select chose, as "size=7,alpha=5 of 40", and a line for each tie; nothing when it has none. */
void plan_select_choice(struct buffer *out, const struct plan *p, const struct instance *select);

/* Appends "left out: t[n=2], t[n=3] and 4 more" for a select that a quorum let go on; nothing if none was. */
void plan_select_left_out(struct buffer *out, const struct plan *p, const struct instance *select);

#endif
