/*
 * Types and functions that the files of the planner share; README.md lists the files.
 *
 * Everything here lives as long as the plan. Dependents wait on three counters: `open_needs` (instances not yet DONE),
 * `open_stages` (declarations not yet expanded) and `open_leaders` (declarations of `after` that are not all DONE). The
 * event that brings one to zero puts the dependent into a queue, and plan_advance empties the queues. So an event costs
 * only what it changes.
 */
#ifndef RETORT_ENGINE_PLAN_INTERNAL_H
#define RETORT_ENGINE_PLAN_INTERNAL_H

#include "engine/base/bytemap.h"
#include "engine/base/json.h"
#include "engine/plan/plan.h"

enum { PLAN_MAX_INSTANCES = 1000000, PLAN_MAX_AXES = 64 };

struct stage_plan;

/* One value of an axis. Values are the same when their ids are: canonical JSON, or the label of an object. */
struct axis_value {
    const cJSON *json;             /* as written */
    const struct value *source;    /* with the references inside; NULL: `json` says all */
    const struct pipeline *beside; /* the file that a relative path inside it is beside */
    const char *name;              /* in the names of instances */
    const char *label;             /* its label, else itself, as canonical JSON */
    uint32_t id;                   /* 0 is no value */
};

/* An instance and what only the planner knows of it. */
struct node {
    struct instance pub; /* first: a struct instance * of the plan is a struct node * */
    struct stage_plan *stage;
    const struct axis_value *const *values; /* one per axis; NULL: it stands for those of a dead stage */
    const struct node *cause;               /* SKIPPED: the one that failed */
    uint32_t waiters;                       /* its last edge; 0: nobody waits for it */
    uint32_t open_needs;                    /* not yet DONE */
    uint32_t open_stages;                   /* not yet expanded */
    uint32_t open_leaders;                  /* stages it follows (`after`) that are not done */
    uint32_t stamp;                         /* of the last discovery that met it */
    bool discovered, incomplete;
    bool in_pending, in_keyed; /* queues of the plan */
};

/* One of those who wait for a node; the edges of a node are a ring, the last one is followed by the first. */
struct edge {
    uint32_t next;
    uint32_t waiter; /* index of an instance, or EDGE_STAGE and the index of a stage whose expansion waits */
};
#define EDGE_STAGE UINT32_C(0x80000000)

/* Rows of equal coordinates on some of the axes. */
struct view_index {
    struct view_index *next;
    uint64_t mask;   /* of the axes that count */
    uint32_t *slots; /* group + 1, 0: free */
    size_t slot_count;
    size_t *first_rows; /* one row of each group */
    size_t *offsets;    /* of each group in `rows`, and the end */
    struct node **rows; /* by group, each in matrix order */
};

/* A declaration as its readers see it: for a select the winning group over its remaining axes. */
struct view {
    const char *const *axes;
    size_t axis_count;
    struct node **rows;              /* in matrix order */
    const struct axis_value **cells; /* [row][axis]; on the heap */
    size_t row_count;
    struct view_index *indexes;
};

struct fixed_axis {
    const char *axis;
    const struct axis_value *value;
};

enum stage_state { STAGE_CLOSED, STAGE_OPEN, STAGE_DEAD };

/* A declaration. */
struct stage_plan {
    struct plan *plan;
    const struct stage_decl *decl;
    enum stage_state state;
    bool needed;    /* a target refers to it, by way of any declarations */
    bool requested; /* its instances are waited for */
    bool all_wanted;
    bool all_named; /* a target is the stage as a whole */
    bool queued;
    size_t open; /* instances and declarations that its expansion waits for */
    struct view view;
    struct view omitted; /* instances for which "when" is false: no part of the plan */
    struct node **nodes; /* its instances in matrix order; when DEAD one that stands for all */
    size_t node_count;
    size_t undone;               /* nodes not DONE */
    const struct node *unended;  /* a node that FAILED or was SKIPPED */
    struct node **waiting_nodes; /* wait for the expansion */
    size_t waiting_node_count, waiting_node_capacity;
    struct stage_plan **waiting_stages;
    size_t waiting_stage_count, waiting_stage_capacity;
    struct node **followers; /* ordered behind all its instances with `after` */
    size_t follower_count, follower_capacity;

    bool is_watched; /* selects read its metrics, whose names no record has shown yet */

    /* Kinds: where it is the same for all instances, made once. */
    const cJSON *with, *reduced;

    const struct action_input *modules; /* commands: its editable installs; NULL: not asked yet */
    size_t module_count;

    /* Selects, once decided. */
    const struct candidate *candidates, *winner;
    size_t candidate_count;
    size_t row_count;             /* with a quorum: instances that it chooses from, once they are known */
    const struct node **left_out; /* of them, those that FAILED or were SKIPPED */
    size_t left_out_count, left_out_capacity;
    const struct fixed_axis *fixed; /* the winner's grouped values */
    size_t fixed_count;
    cJSON *table; /* NULL until it is asked for */
};

struct node_queue {
    struct node **items;
    size_t head, count, capacity;
};

struct stage_queue {
    struct stage_plan **items;
    size_t head, count, capacity;
};

/* A target as a reference that collects what it does not pin. */
struct target {
    struct stage_plan *stage;
    struct reference reference;
    const char *fault; /* it names no instance */
};

struct plan {
    struct arena *arena;
    struct arena *scratch; /* of one step, empty between two */
    struct key_maker *key_maker;
    struct buffer text; /* of one word or path, while it is made */
    const struct pipeline *pipeline;
    struct plan_facts facts;
    struct stage_plan *stages; /* by decl->index */
    size_t stage_count;
    struct instance **instances;
    size_t instance_count, instance_capacity;
    struct edge *edges; /* the first is not used */
    size_t edge_count, edge_capacity;
    struct instance **found; /* the needs that one discovery adds */
    size_t found_count, found_capacity;
    struct target *targets;
    size_t target_count;
    bool created;              /* plan_create is over: faults of targets are diagnostics from now on */
    struct node_queue pending; /* something they waited for has come */
    struct stage_queue expansions;
    struct node_queue keyed;  /* for plan_next */
    struct node_queue asking; /* wait for a fact */
    uint32_t stamp;
    uint32_t value_count;
    bool has_quorum;                         /* of a select */
    bool any_loss;                           /* the question for a quorum does not ask whether it is reached */
    size_t chain;                            /* how many instances the question for a quorum has passed */
    size_t losing;                           /* how many it is about */
    const struct metric_names *metric_names; /* those of the last instance that had metrics */
    struct bytemap metric_sets;              /* names, joined -> struct metric_names */
    struct bytemap values;                   /* canonical text of an identity -> struct axis_value */
    struct bytemap files, parts, programs;
    cJSON *machine;
    struct buffer warnings;    /* lines, for plan_warnings */
    struct diagnostics faults; /* found since the last plan_advance */
    struct error error;        /* not the file's fault: ends plan_advance */
};

/*
 * The context in which references are resolved. `node`: an instance, whose coordinates match axes, and which comes to
 * need what is met. `stage`: an expansion, which waits for what it meets. Neither: a result, which only looks.
 */
struct scope {
    struct plan *plan;
    struct arena *arena; /* of what is resolved: the plan's, its scratch, or an action's own */
    struct node *node;
    struct stage_plan *stage;
    bool waits;                 /* met something that is not there yet */
    bool incomplete;            /* and cannot name all its needs before it is */
    const struct node *blocker; /* met something that failed or was skipped */
    const char *fault;          /* the first fault; also among plan->faults */
    bool silent;                /* not among them: the caller tells it */
    bool optional;              /* instances that "when" leaves out, and files that are not there, are none */
};

/* axis.c */
const struct axis_value *axis_value_literal(struct plan *p, const cJSON *json, const struct pipeline *beside);
/* The id that a value with this JSON has, 0 when no axis has it. */
uint32_t axis_identity(const struct plan *p, const cJSON *json);
const cJSON *axis_label(const cJSON *json); /* its identity and name: an object's label, else itself */
void axis_put_name(struct buffer *out, const cJSON *json);
/* The distinct values of an axis of a view, in order of rows. Freed by the caller. */
const struct axis_value **view_axis_values(const struct view *v, size_t axis, size_t *count);

/* view.c */
#define AXIS_NONE ((size_t)-1)
size_t view_axis(const struct view *v, const char *name); /* AXIS_NONE when it has no such axis */
/* Rows whose coordinates on the axes of `mask` have these ids (`ids` by axis), in matrix order. */
void view_find(struct plan *p, struct view *v, uint64_t mask, const uint32_t *ids, struct node ***rows, size_t *count);

/* match.c */
struct match {
    struct node **rows;
    size_t count;
    bool list; /* it collects; else there is exactly one */
};
/* The instances that a reference means; its stage is open (a select: done) and its pins are ready. */
int match_reference(struct match *out, struct scope *s, const struct reference *r, const struct location *at);
/* The rows of `from` of a select. */
int match_from(struct match *out, struct scope *s, const struct reference *r, const struct location *at);
const struct axis_value *node_value(const struct node *n, const char *axis); /* NULL when it has no such axis */

/* discover.c */
void scope_discover(struct scope *s, const struct value *v);
/* True when the stage has its instances, or for a select its winner; else the scope waits. */
bool scope_need_stage(struct scope *s, struct stage_plan *stage);
void node_discover(struct plan *p, struct node *n);
/* Calls `visit` for each reference of a declaration. */
typedef void reference_visit(void *context, const struct reference *r, const struct location *at);
void value_references(const struct value *v, reference_visit *visit, void *context);
void decl_references(const struct stage_decl *decl, reference_visit *visit, void *context);

/* resolve.c, resolve_reference.c */
const cJSON *tree_keep(struct arena *arena, cJSON *tree); /* the arena deletes it */
int scope_fault(struct scope *s, const struct location *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The value as JSON. The caller deletes it. */
int resolve_json(cJSON **out, struct scope *s, const struct value *v);
int resolve_reference(cJSON **out, struct scope *s, const struct reference *r, const struct location *at);
/* As written: a reference as its text. The caller deletes it. */
cJSON *value_as_written(const struct value *v);
/* Appends a scalar as text; a fault for lists and objects. */
int put_scalar(struct buffer *out, struct scope *s, const cJSON *json, const struct location *at);
/* Appends what a reference means as text. */
int put_reference(struct buffer *out, struct scope *s, const struct reference *r, const struct location *at);
/* The text of a coordinate that is a scalar, for as long as the plan lives; NULL for any other reference. */
const char *coordinate_text(const struct scope *s, const struct reference *r);
/* The meaning of a reference to the matrix: a value with references (`*value`) or plain JSON. */
struct matrix_member {
    const struct value *value; /* NULL: `json` */
    const cJSON *json;
    const struct pipeline *beside;
};
/* A fault if the reference names a member that no value of another stage's axis has, whichever a select will choose. */
void foresee_member(struct scope *s, const struct reference *r, const struct location *at);
int resolve_matrix(struct matrix_member *out, struct scope *s, const struct reference *r, const struct location *at);

/* inputs.c, outs.c, words.c, with.c, build.c */
int build_inputs(struct action *a, struct scope *s);
/* A file of the project as an item without labels. */
int file_item(struct action_item *out, struct scope *s, const char *path, const struct location *at);
int build_modules(struct action *a, struct scope *s); /* modules.c */
int build_outs(struct action *a, struct scope *s);
/* The out of an instance with the path that it has there, in the scope's arena; NULL after a fault. */
const struct out_decl *node_out(struct scope *s, struct node *n, size_t index);
/* A fault if inputs and outs of an action lie in one another. */
int build_check_places(const struct action *a, struct scope *s);
/* A value that is a path, as text in the scope's arena; NULL after a fault. */
const char *resolve_path(struct scope *s, const struct value *v);
/* Whether one input has a fault; all that it refers to is known. */
int input_check(struct scope *s, const struct input_decl *in);
/* The same for its place in the stage's directory. */
int input_check_place(struct scope *s, const struct input_decl *in, const char *place);
int build_command(struct action *a, struct scope *s);
int build_env(struct action *a, struct scope *s);
int build_pins(struct action *a, struct scope *s);
/* A fault for a word, or for all together, that the system does not take. */
int build_check_words(const struct action *a, struct scope *s);
/* Faults of the words and variables that are known already. */
void words_foresee(struct scope *s);
int build_with(struct action *a, struct scope *s);
/* The action of the scope's instance, in the scope's arena. */
int build_action(struct action **out, struct scope *s);
/* Handles a failed fact: a fault of the file becomes a diagnostic, any other error ends the planning. */
int facts_fault(struct scope *s, const struct location *at, const struct error *err);
/* The coordinates of an instance in matrix order, in `arena`; their count is that of its coordinates. */
const struct label *node_labels(struct arena *arena, const struct node *n);

/* foresee.c, foresee_places.c */
/* Whether a value (NULL is fine) depends on params and coordinates alone. */
bool value_is_known(struct scope *s, const struct value *v);
/* Faults of the places of inputs and outs that are known already. */
void places_foresee(struct scope *s);

/* when.c */
/* An instance with these coordinates that "when" leaves out. */
bool omitted_find(struct node **out, struct stage_plan *stage, uint64_t mask, const uint32_t *ids);

/* expand.c */
void stage_plan_expand(struct plan *p, struct stage_plan *stage);

/* targets.c */
int targets_read(struct plan *p, const char *const *targets, size_t count, struct error *err);
/* After expansion: wants and marks what the targets name. */
void targets_apply(struct plan *p, const struct stage_plan *stage);
/* ERR_USAGE for a target that names no instance of a stage that is expanded. */
int targets_check(struct plan *p, struct error *err);

/* node.c */
/* `waiter` waits for `n`: an index of an instance, or of a stage with EDGE_STAGE. */
void node_add_waiter(struct plan *p, struct node *n, uint32_t waiter);
/* `values`: one per axis; NULL for the instance that stands for those of a dead stage. */
void node_init(struct plan *p, struct stage_plan *stage, struct node *n, const struct axis_value *const *values);
void node_want(struct plan *p, struct node *n);
void node_done(struct plan *p, struct node *n);
void node_fail(struct plan *p, struct node *n, const char *reason);
void node_skip(struct plan *p, struct node *n, const struct node *cause);
/* Its key is known. */
void node_key(struct plan *p, struct node *n);
/* Something that it waited for has come. */
void node_wake(struct plan *p, struct node *n);
/* Calls `visit` for each instance that waits for one. False from `visit` ends the walk, and is returned. */
bool node_each_waiter(struct plan *p, const struct node *n, bool (*visit)(struct plan *p, struct node *waiter));
/* Calls one of the two for each that waits for a node: an instance, or a stage whose expansion waits. */
void node_each_dependent(struct plan *p, const struct node *n, void (*on_node)(void *context, struct node *n),
                         void (*on_stage)(void *context, struct stage_plan *stage), void *context);
void node_queue_push(struct node_queue *q, struct node *n);
struct node *node_queue_pop(struct node_queue *q); /* NULL when it is empty */
/* The instances of the stage are waited for: its expansion is queued. */
void stage_plan_request(struct plan *p, struct stage_plan *stage);
struct stage_plan *expansion_pop(struct plan *p); /* NULL when none is queued */
/* The stage has its instances: those that the targets want by its name are wanted. */
void stage_plan_open(struct plan *p, struct stage_plan *stage);
/* Everybody who waited for the expansion goes on. */
void stage_plan_wake(struct plan *p, struct stage_plan *stage);
void stage_plan_die(struct plan *p, struct stage_plan *stage, const char *reason, const struct node *cause);

/* metrics.c */
/* The names of the metrics of many instances: made once. */
struct metric_names {
    size_t count;
    const char *names[];
};
struct metrics {
    const struct metric_names *names;
    const char *const *others; /* by name: what is no plain number, as canonical JSON, or NULL; NULL: all are numbers */
    double values[];           /* finite, or NaN */
};
/* The members of an object, in the plan's arena; NULL for NULL and for an object without members. */
const struct metrics *metrics_create(struct plan *p, const cJSON *object);
/* Appends why a metric is no finite number: "is missing", "is NaN". */
void metrics_put_fault(struct buffer *out, const struct metrics *m, const char *name);

/* quorum.c */
bool has_quorum(const struct node *n);
/* How many instances must have succeeded. */
size_t quorum_needed(const struct stage_plan *select);
/* The select goes on without a row that failed or was skipped. */
void quorum_lose(struct plan *p, struct node *select, const struct node *row);
/* Drops the rows that have not succeeded. */
void quorum_rows(struct plan *p, struct match *m);

/* watch.c */
/* Marks the stages whose metrics selects read. */
void watch_selects(struct plan *p);
/* Warns of selects whose metrics the stage, which has just given the names, does not have. */
void watch_names(struct plan *p, struct stage_plan *stage, const struct metrics *metrics);

/* candidates.c */
/* A group of a select. Lives as long as the plan. */
struct candidate {
    struct node **rows; /* those that where_each leaves, in matrix order */
    size_t count;
    const struct axis_value **group; /* by group_by */
    struct metrics *metrics;         /* reduced; NaN: missing, or no finite number in one row. NULL: none */
    bool passes;
};
/* Fills the candidates of a select, in the order of their first rows. */
void candidates_collect(struct stage_plan *stage, const struct match *m);
/* Whether it may be chosen; appends why not (`why` may be NULL). */
bool candidate_passes(const struct select_decl *select, const struct candidate *c, struct buffer *why);

/* select.c, select_table.c */
void select_decide(struct plan *p, struct node *n);
/* The table as lines of text. */
void select_table_text(struct buffer *out, const struct stage_plan *stage);

#endif
