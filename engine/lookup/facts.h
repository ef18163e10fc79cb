/* What the files of this folder share of `struct facts` (run.h). */
#ifndef RETORT_ENGINE_LOOKUP_FACTS_H
#define RETORT_ENGINE_LOOKUP_FACTS_H

#include "engine/run/run.h"

/* Where stages find their programs. */
#define FACTS_STAGE_PATH "/usr/local/bin:/usr/bin:/bin"

struct facts {
    struct store *store;
    char *stage_program, *keeper_program;
    char *platform; /* NULL until asked */
    cJSON *machine; /* NULL until asked */
};

/* Content of a file outside the store, from memory when it has not changed. */
int facts_file(struct facts *f, const char *path, struct content *out, struct error *err);

/* Paths of retort-stage, and of retort-keeper beside it. */
const char *facts_stage_program(const struct facts *f);
const char *facts_keeper_program(const struct facts *f);

/* Where a program stands: an absolute path there, else on the PATH of stages; NULL when there is none. The caller
   frees. */
char *facts_find_program(const char *name);

#endif
