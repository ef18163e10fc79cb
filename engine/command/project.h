/*
 * The beginning of most commands: finds the pipeline file and its store, and looks a plan up in it.
 */
#ifndef RETORT_ENGINE_COMMAND_PROJECT_H
#define RETORT_ENGINE_COMMAND_PROJECT_H

#include "engine/command/command.h"
#include "engine/command/study.h"
#include "engine/environment/gpus.h"
#include "engine/lookup/facts.h"
#include "engine/lookup/ignore.h"
#include "engine/lookup/known.h"
#include "engine/run/run.h"
#include "engine/trust/reads.h"

/* Says what to do without a store. Commands that show its content fail with ERR_NOT_FOUND (PROJECT_STORE). Commands
   that look ahead use an empty one and leave nothing behind (PROJECT_STORE_OR_EMPTY). `retort run` creates it. So do the
   others, but PROJECT_STORE, for a pipeline with parts from git: the store keeps their commits. */
enum project_store { PROJECT_NO_STORE, PROJECT_STORE, PROJECT_STORE_OR_EMPTY, PROJECT_STORE_CREATE };

struct project {
    struct pipeline *pipeline;
    const char *const *targets; /* the operands behind the pipeline */
    size_t target_count;
    struct diagnostics diagnostics;
    const struct arguments *arguments;
    enum project_store store_need;
    struct committed *committed; /* files of other teams' commits */
    struct commits commits;      /* its callbacks */
    struct reads reads;          /* the contents of those that were read */
    struct store *store;         /* NULL: not asked for, nor needed for commits */
    char *empty_store;           /* folder of an empty store that replaces a missing one */
    struct study study;          /* another team's study; all zeros: a file of this machine */
    char *results_folder;        /* absolute: holds a folder for each pipeline */
    char *results;               /* folder of the pipeline's own results; NULL: it has none */
    struct ignore *ignore;       /* rules of the project; NULL: none */
    struct facts *facts;
    struct plan *plan;   /* after project_plan */
    struct drift *drift; /* set before project_plan: known results from another Python; NULL: not asked for */
    bool refuses_faults; /* set before project_plan: a fault of the file fails it */
    enum recall recall;  /* set before project_plan: failures that a quorum goes on without */
    char *platform;      /* NULL: any */
    char *root;          /* the git root of the pipeline, else its folder: holds .retort/ and results/ */
    char **covers;       /* of project_covers */
    size_t cover_count, cover_capacity;
    char *stage_program; /* retort-stage beside this program */
    struct override *overrides;
    size_t override_count;
    struct json_document **override_files;
    size_t override_file_count;
};

/* Reads the pipeline that operand 0 names, a file or URL#REV[:PATH]; without operand 0 the only one of the folder. Prints faults to stderr;
   ERR_INVALID counts them. The caller closes `*p` with project_close in any case. */
int project_open(struct project *p, const struct arguments *a, enum project_store store, struct error *err);

/* Plans the targets and finishes all known stages, without running any. Prints faults of the file; an instance with one
   has failed, and the others are there. */
int project_plan(struct project *p, struct error *err);
void project_close(struct project *p);

/* Whether a text is a pipeline file. FILE_BROKEN: it is no JSON. */
enum file_is { FILE_OTHER, FILE_PIPELINE, FILE_BROKEN };
enum file_is project_judge(const char *text, size_t size);

/* Finds the only pipeline file of the working directory. ERR_USAGE: there is none, or there are several. The caller
   frees. */
int project_find_file(char **out, struct error *err);

/* The git root of a pipeline file, else its folder; for a pipe of the working directory. The caller frees. */
char *project_root(const char *path);

/* Opens the store for commands without a pipeline: --store, RETORT_STORE, or .retort of the git root around the
   working directory. */
int project_open_store(struct store **out, const struct arguments *a, struct error *err);

/* The same, and makes one where there is none; `root` is the folder that holds .retort. */
int project_create_store(struct store **out, const struct arguments *a, const char *root, struct error *err);
char *project_store_path(const struct arguments *a, const char *root); /* the caller frees */

/* The folders that commands do not see, NULL-terminated: the roots of the project and of included files; `p` owns them.
   NULL where --no-isolation or RETORT_ISOLATION=off turns that off, or where the project holds the user's home, and so
   programs of the user. */
char **project_covers(struct project *p, const struct arguments *a);

/* Limits of what runs at once, from --jobs and this machine. ERR_USAGE. */
int project_limits(struct scheduler_limits *out, const struct arguments *a, struct error *err);

/* The GPUs to share out, from --gpus, the caller or this machine; the machine is asked only if a stage needs one. Sets
   the limit too. The caller frees with gpus_free. ERR_USAGE. */
int project_gpus(struct gpus **out, struct scheduler_limits *limits, const struct project *p, const struct arguments *a,
                 struct error *err);

/* The path of retort-stage, beside this program; the caller frees. ERR_IO. */
int project_stage_program(char **out, struct error *err);

/* Prints diagnostics to stderr and forgets them. ERR_INVALID with their number if there are errors, else 0. */
int project_report(struct diagnostics *d, struct error *err);

#endif
