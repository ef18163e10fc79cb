/*
 * An action: one stage instance with all values substituted. It is what an attempt executes and what the key hashes.
 *
 * `in`, `outs`, `checkpoint` and `cpus` stay symbolic in argv and env. The executor replaces them by paths and by the
 * number of cpus, which are in no key.
 */
#ifndef RETORT_ENGINE_PLAN_ACTION_H
#define RETORT_ENGINE_PLAN_ACTION_H

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/base/sha256.h"
#include "engine/pipeline/pipeline.h"

/* Content: a file, or a directory as the digest of its listing. An optional out that was not written has none: its
   digest is zero. */
struct content {
    struct digest digest;
    uint64_t size;
    bool directory;
    bool executable;
};

/* A label of an item: "size", "7". */
struct label {
    const char *name;
    const char *value; /* canonical JSON */
};

struct action_item {
    const char *name;  /* visible file name: "model.safetensors" */
    const char *place; /* its path in the stage's directory; NULL: in/<input>/... */
    struct content content;
    const char *path; /* a file of the project: absolute path; NULL: an object of the store */
    const char *url;  /* whence the store gets this object; its size is unknown here; NULL: a stage made it */
    const char *part; /* the path of its content in the folder object `whole`; NULL: it is an object itself */
    struct content whole;
    const char *const *only; /* names of its members that are its content; NULL: all of it */
    size_t only_count;
    enum input_access access; /* no part of the key */
    const struct label *labels;
    size_t label_count;
};

/* Names of the inputs that a stage gets besides its own (modules.c). */
#define ACTION_PYTHON_MODULES "python.modules"
#define ACTION_PYTHON_PATH "python.path"

struct action_input {
    const char *name;
    bool list;
    const struct action_item *items; /* exactly one unless list */
    size_t count;
};

/* A word of argv or an env value: texts and symbols in turn ("--out", "${outs.table}"). */
enum word_symbol { WORD_TEXT, WORD_IN, WORD_OUT, WORD_CHECKPOINT, WORD_CPUS };
struct word_part {
    enum word_symbol symbol;
    const char *text; /* WORD_TEXT: the text; WORD_IN, WORD_OUT: the name */
};
struct word {
    const struct word_part *parts;
    size_t count;
};

struct action_env {
    const char *name;
    struct word value;
};

struct action_pin {
    const char *program;
    const char *search; /* the PATH on which the stage finds it */
    struct digest digest;
    const cJSON *packages; /* version by name, where the stage declares a toolchain and it is a Python; else NULL */
};

/* A variable of "pass_env" that is set, of a stage of another team's file: its value is in the key, as a digest. */
struct action_pass {
    const char *name;
    struct digest digest;
};

struct action {
    struct arena *arena;     /* owner of its memory */
    const struct kind *kind; /* NULL: a command */
    const cJSON *with;       /* kinds: as in the file; NULL: none */
    const cJSON *reduced;    /* kinds: without the entries that equal a default, as in the key */
    const struct word *argv; /* a list input that is a whole word is all its items */
    size_t argc;
    const struct action_env *env;
    size_t env_count;
    const struct action_input *inputs; /* in the order of their names */
    size_t input_count;
    const struct out_decl *outs; /* with the paths that this instance has */
    size_t out_count;
    const struct action_pin *pins;
    size_t pin_count;
    const char *prefix; /* the folder of the toolchain of another team's stage; else NULL */
    const struct action_pass *passes;
    size_t pass_count;
    const cJSON *machine; /* kinds that measure the machine: {"host","cpu","meter"}; else NULL */
};

/* The labels of an item as an object. The caller deletes it. */
cJSON *action_labels(const struct label *labels, size_t count);

/* "file", "directory", "metrics", "series" or "any". */
const char *action_out_type(enum out_type type);

/*
 * The components of the key: a flat object with one entry per field, sorted by name. A record keeps it so that `why`
 * can name the changed entry. The caller deletes it.
 *
 *   "kind": "deeprx/train@1"     "with.size": 11 (entries equal to the kind's default are left out)
 *   "argv.0": "python3"          "outs.table": {"path","type"}   (commands)
 *   "in.teacher": {"executable","labels","name","sha256"} (a list of them for a list; "directory": true for one, "as":
 *                 its place where it has one of its own)
 *   "pin.python3/numpy": "1.26.4" (where the stage declares a toolchain)
 *   "env.LANG": "C"              "pin.python3": "<sha256>"       "machine": {"cpu","host","meter"}
 *   "pass_env.TOKEN": "<sha256>" "toolchain": "/opt/conda" (of another team's stage, with the pin of its program)
 *
 * A word of argv or env is a string, or {"in": name}, {"out": name}, {"checkpoint": true}, {"cpus": true}, or an array
 * of such parts.
 */
cJSON *action_components(const struct action *a);

/* Memory for making keys, one after another. */
struct key_maker;
struct key_maker *key_maker_create(void);
void key_maker_free(struct key_maker *m); /* NULL is fine */

/* The key: SHA-256 over the tag "retort-key-1", then name and canonical text of every component in byte order of the
   names. sha256_field frames each by its length. */
void action_key(struct digest *out, struct key_maker *m, const struct action *a);

/* The same from the components as a record keeps them. Any tree has a key. */
void components_key(struct digest *out, const cJSON *components);

/* The paths and numbers that stand for symbols. `item_path(context, input, index, buffer)` appends the path of an
   item. */
typedef void action_item_path(void *context, const struct action_input *input, size_t index, struct buffer *path);
struct action_given {
    int cpus;               /* that the scheduler granted */
    const char *checkpoint; /* NULL: none */
    action_item_path *item_path;
    void *context;
};

/* The spec that a stage sees (stages/README.md). A command also gets `argv`, the words as executed. The caller deletes
   it. */
cJSON *action_spec(const struct action *a, const char *const *argv, size_t argc, const struct action_given *given);

/* Resolves the words of argv or an env value into text. Inputs become paths, outs their declared paths; without a
   checkpoint its text is empty. Appends strings to the `*count` present ones, and a NULL that is not counted. The
   caller frees the strings and `*out`. */
void action_argv(char ***out, size_t *count, const struct action *a, const struct action_given *given);
char *action_env_text(const struct action *a, const struct action_env *env, const struct action_given *given);

/* How many words of the command line a word becomes. */
size_t action_word_items(const struct action *a, const struct word *w);
/* The input of that name; NULL: there is none. The path of the out of that name; "" if there is none. */
const struct action_input *action_input(const struct action *a, const char *name);
const char *action_out_path(const struct action *a, const char *name);

/* The PATH on which a command finds its programs: that of its "env", else `other`. Places in its directory are relative
   there. Memory of `arena`, or `other`. */
const char *action_search(const struct action *a, struct arena *arena, const char *other);

#endif
