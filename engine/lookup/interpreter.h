/* The Pythons that commands run on. Each is read once and remembered with the facts; again when packages changed. */
#ifndef RETORT_ENGINE_LOOKUP_INTERPRETER_H
#define RETORT_ENGINE_LOOKUP_INTERPRETER_H

#include "engine/environment/python.h"
#include "engine/lookup/facts.h"

struct interpreter {
    struct python *python; /* NULL: no Python */
    struct digest digest;  /* over the program's content, its version and its packages */
};

/* The Python of a command whose program lies at `path`; NULL: not known. If that is no Python, and the toolchain is not
   the system's, it is python3 on the PATH `search`. NULL: there is none. Belongs to the facts. */
const struct interpreter *interpreter_of_command(struct facts *f, const char *path, const char *search,
                                                 const struct toolchain *t);

/* The same of a stage, as its declaration says. NULL also where program or PATH depend on the instance. */
const struct interpreter *interpreter_of_stage(struct facts *f, const struct stage_decl *stage);

/* The packages of the Python that a program is; NULL: it is none. Lives until an interpreter is asked for again. */
const cJSON *interpreter_packages(struct facts *f, const char *name, const char *search);

/* Fills `out` with the places of a stage's Python whose code can be an input: those in the project of its file. Of the
   project's top folder these are its packages, the folders with an __init__.py. Returns their number. Memory of
   `arena`. */
size_t interpreter_modules(struct facts *f, const struct stage_decl *stage, struct arena *arena,
                           struct module_place **out);

/* The member "python" of a record's provenance (store/RECORD.md) of a stage. The caller deletes. */
cJSON *interpreter_record(const struct interpreter *i, const struct stage_decl *stage);

/* Frees what the facts remember. */
void interpreters_free(struct bytemap *interpreters);

#endif
