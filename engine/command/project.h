/*
 * What most commands begin with: the pipeline file that is meant, its store, and a plan looked up against it.
 */
#ifndef RETORT_ENGINE_COMMAND_PROJECT_H
#define RETORT_ENGINE_COMMAND_PROJECT_H

#include "engine/command/command.h"
#include "engine/lookup/facts.h"
#include "engine/lookup/known.h"
#include "engine/run/run.h"

struct project {
    struct pipeline *pipeline;
    struct diagnostics diagnostics;
    struct store *store; /* NULL unless asked for */
    char *empty_store;   /* the folder of a store that only stands in for one that is not there */
    struct facts *facts;
    struct plan *plan;   /* after project_plan */
    char *platform;      /* NULL: any */
    char *root;          /* the git root around the pipeline, else its folder: .retort/ and results/ stand here */
    char *stage_program; /* retort-stage beside this program */
    struct override *overrides;
    size_t override_count;
    struct json_document **override_files;
    size_t override_file_count;
};

/* Where there is no store: a command that shows what is in it fails with ERR_NOT_FOUND, one that looks ahead sees an
   empty one and leaves nothing behind, and retort run makes it. */
enum project_store { PROJECT_NO_STORE, PROJECT_STORE, PROJECT_STORE_OR_EMPTY, PROJECT_STORE_CREATE };

/* Reads the pipeline that operand 0 names, or the only one of the folder when operand 0 is missing. Faults are
   printed to stderr; ERR_INVALID then counts them. `*p` is closed by project_close in any case. */
int project_open(struct project *p, const struct arguments *a, enum project_store store, struct error *err);

/* Plans `targets` and finishes all that is known, without running anything. Prints what it finds wrong in the file. */
int project_plan(struct project *p, const char *const *targets, size_t target_count, struct error *err);
void project_close(struct project *p);

/* The store alone, for commands that need no pipeline: --store, RETORT_STORE, or .retort of the git root around the
   working directory. */
int project_open_store(struct store **out, const struct arguments *a, struct error *err);
char *project_store_path(const struct arguments *a, const char *root); /* the caller frees */
char *project_root(const char *directory);                             /* the caller frees */

/* What may run at once: --jobs, and this machine. ERR_USAGE. */
int project_limits(struct scheduler_limits *out, const struct arguments *a, struct error *err);

/* The path of retort-stage: beside this program; the caller frees. ERR_IO. */
int project_stage_program(char **out, struct error *err);

/* Prints diagnostics to stderr; ERR_INVALID with a count when there are errors, else 0. */
int project_report(struct diagnostics *d, struct error *err);

#endif
