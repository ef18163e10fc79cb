/*
 * The commands of `retort`, one table row each. The parser, --help, the man pages and the completion are made from the
 * row, so they always agree.
 */
#ifndef RETORT_ENGINE_COMMAND_COMMAND_H
#define RETORT_ENGINE_COMMAND_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/buffer.h"
#include "engine/base/error.h"

struct option {
    const char *name;     /* "json" for --json */
    char letter;          /* 'j' for -j; 0: none */
    const char *argument; /* "N"; NULL: a switch */
    const char *doc;      /* one sentence, no final stop */
};

struct arguments;

struct command {
    const char *name;
    const char *operands; /* "[PIPELINE] [STAGE...]" */
    const char *summary;  /* one line of `retort --help` */
    const char *doc;      /* paragraphs of --help and the man page, wrapped */
    const struct option *options;
    size_t option_count;
    bool starts_programs; /* those that another team's file asks for: ssh for its parts, and after a yes its stages */
    int (*run)(const struct arguments *a, struct error *err); /* 0 or a negative code */
};

extern const struct command command_run, command_plan, command_why, command_check, command_graph, command_show,
    command_log, command_runs, command_metrics, command_energy, command_verify, command_kinds, command_exec, command_gc,
    command_fsck, command_shell, command_import_dvc, command_diff, command_lock, command_trust, command_export,
    command_import;

/* All commands, in the order of --help. */
const struct command *const *commands_all(size_t *count);

/* Finds a command. ERR_USAGE with the nearest name if there is none. */
int command_find(const struct command **out, const char *name, struct error *err);

/* Options of several commands. */
#define OPTIONS_PARAMS                                                                                                 \
    {"set", 0, "NAME=VALUE", "Override a parameter by a value of its type (params.steps=500); may be repeated"},       \
        {"set-json", 0, "NAME=JSON", "Override a parameter by JSON of any type; may be repeated"}, {                   \
        "params", 0, "FILE", "Override parameters by a JSON file, each by its type; may be repeated"                   \
    }
#define OPTION_STORE                                                                                                   \
    { "store", 0, "DIR", "The store (default: RETORT_STORE, or .retort beside the pipeline's git root)" }
#define OPTION_JOBS                                                                                                    \
    { "jobs", 'j', "N", "Cpu tokens to share out among stages (default: the cores of this machine)" }
#define OPTION_GPUS                                                                                                    \
    { "gpus", 0, "LIST", "The GPUs to share out among stages: 0,1 or none (default: those of the caller or machine)" }
#define OPTION_NO_ISOLATION                                                                                            \
    { "no-isolation", 0, NULL, "Let commands see all of the project (also: RETORT_ISOLATION=off)" }
#define OPTION_NO_SANDBOX                                                                                              \
    { "no-sandbox", 0, NULL, "Run commands without the sandbox that the pipeline asks for" }
#define OPTION_JSON                                                                                                    \
    { "json", 0, NULL, "Print JSON" }
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Parses the words after the command's name. ERR_USAGE with the nearest option for an unknown one. */
int arguments_parse(struct arguments **out, const struct command *c, int argc, char **argv, struct error *err);
void arguments_free(struct arguments *a);

/* The command that they were given to. */
const struct command *arguments_command(const struct arguments *a);

/* Whether the option was given. */
bool argument_given(const struct arguments *a, const char *option);
/* The last value of an option, or `fallback`. */
const char *argument_value(const struct arguments *a, const char *option, const char *fallback);
/* The `index`-th value of repeated options, in the given order across all `names` (NULL behind the last); NULL after
   the last value. `which` (may be NULL) gets the name of that one. */
const char *argument_each(const struct arguments *a, const char *const *names, size_t index, const char **which);
/* Reads an option's value as a whole number from `least` on. ERR_USAGE for any other text. */
int argument_count(const struct arguments *a, const char *option, long least, long fallback, long *out,
                   struct error *err);

/* Whether an operand names a study in another repository, as URL#REV[:PATH], or in a form that is refused with the URL
   to write: git@host:path, ../folder#REV. */
bool operand_is_url(const char *word);

/* Operands are the words that are no options. They belong to `a`. */
size_t operand_count(const struct arguments *a);
const char *operand(const struct arguments *a, size_t index); /* NULL after the last */
/* The operands from `index` on; operand_count - index of them. */
const char *const *operands_from(const struct arguments *a, size_t index);

/* Each appends a text made from the tables. */
void help_overview(struct buffer *out);
void help_command(struct buffer *out, const struct command *c);
void help_man(struct buffer *out, const struct command *c); /* NULL: retort(1) itself */
void help_completion(struct buffer *out);                   /* for bash */

/* The kind that a user names, with or without its version. ERR_USAGE with the nearest name. In kinds.c. */
struct kind;
int kind_named(const struct kind **out, const char *name, struct error *err);

#endif
