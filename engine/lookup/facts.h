/* Answers a plan's questions about the store and this machine. */
#ifndef RETORT_ENGINE_LOOKUP_FACTS_H
#define RETORT_ENGINE_LOOKUP_FACTS_H

#include <sys/types.h>

#include "engine/base/bytemap.h"
#include "engine/lookup/committed.h"
#include "engine/plan/plan.h"
#include "store/store.h"

struct facts {
    struct store *store;
    struct committed *committed;
    char *stage_program, *keeper_program;
    char *platform;              /* NULL until the program has answered */
    pid_t platform_pid;          /* of the program, while it is asked; 0: it is not */
    int platform_fd;             /* then its answer */
    cJSON *machine;              /* NULL until asked */
    struct bytemap paths;        /* prefix of a toolchain -> its PATH */
    struct arena *modules;       /* those of the last stage that was asked for; NULL: none was */
    struct bytemap interpreters; /* path of a program -> what interpreter.c remembers */
    store_unhashed *defer;       /* NULL: a plan waits until a file is hashed */
    void *defer_context;
};

enum { FACTS_HASHED_AT_ONCE = 1 << 20 }; /* bytes; larger files are deferred */

/* Creates the facts for `plan`, `why` and `run`. `committed` reads files of commits; NULL: the pipeline has none. */
struct facts *facts_create(struct store *store, const char *stage_program, struct committed *committed);
void facts_free(struct facts *f);
struct plan_facts facts_table(struct facts *f);

/* The platform of retort-stage on this machine, "x86-64-avx512 openblas-0.3.21-skylakex glibc-2.36"; asks the
   program once. The caller frees. facts_ask_platform only starts the program, for an answer that is needed later. */
int facts_platform(struct facts *f, char **out, struct error *err);
int facts_ask_platform(struct facts *f, struct error *err);
void facts_drop_platform(struct facts *f); /* of facts_free */

/* From now on a plan gets ERR_BUSY for a file that is large and not hashed yet, and `defer` is called for it. NULL ends
   this. */
void facts_defer(struct facts *f, store_unhashed *defer, void *context);

/* Content of a program or another file that is no input, from memory if it has not changed. Links are followed. */
int facts_file(struct facts *f, const char *path, struct content *out, struct error *err);

/* The same as a plan asks: ERR_BUSY for a file that is deferred (facts_defer). */
int facts_content(struct facts *f, const char *path, struct content *out, struct error *err);

/* The same, but ERR_BUSY for a large file that is not in memory. */
int facts_recall(struct facts *f, const char *path, struct content *out, struct error *err);
typedef int facts_ask(struct facts *f, const char *path, struct content *out, struct error *err); /* one of the two */

/* The same for members of a data file (members.h), which is read anew each time. */
int facts_members(const char *path, const char *const *names, size_t count, struct content *out, struct error *err);

/* Paths of retort-stage, and of retort-keeper beside it. */
const char *facts_stage_program(const struct facts *f);
const char *facts_keeper_program(const struct facts *f);

/* The digest of a variable's value; false: it is not set. */
bool facts_variable(const char *name, struct digest *out);

/* How many bytes a command line with its variables may have on this machine. */
size_t facts_command_bytes(void);

/* The PATH that a command gets unless its "env" says another. Lives as long as the facts. */
const char *facts_stage_path(struct facts *f, const struct stage_decl *stage);

/* The place of a program: its absolute path, else one on the PATH `search`; NULL: none. Relative folders of the PATH
   are skipped: they lie in the stage's directory. The caller frees. */
char *facts_find_program(const char *name, const char *search);

/* The digest of such a program. ERR_NOT_FOUND; errors as for facts_file. */
int facts_program(struct facts *f, const char *name, const char *search, struct digest *out, struct error *err);

#endif
