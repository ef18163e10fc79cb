/* The parts of the import of a dvc.yaml. All texts live in the arena. */
#ifndef RETORT_DVC_INTERNAL_H
#define RETORT_DVC_INTERNAL_H

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/base/arena.h"
#include "engine/dvc/dvc.h"

/* Paths, relative to the project's folder, in normal form; each once. */
struct paths {
    const char **list;
    size_t count, capacity;
};

struct dvc_out {
    const char *path; /* may hold ${matrix.item} and ${params.x} */
    bool metrics;     /* a metrics file that a pipeline can read */
    bool folder;      /* metrics lie in it */
    bool shown;       /* a metric or plot: something to publish */
};

struct dvc_stage {
    const char *name;
    const char *description; /* NULL: none */
    const char *folder;      /* its wdir, from the project's folder; "." */
    const char *line;        /* a line for the shell */
    cJSON *axes;             /* values or a reference, by axis; NULL: none */
    bool maps;               /* a foreach over a map of scalars: ${item} is the member "value" of an axis */
    bool always;             /* always_changed */
    const cJSON *vars;       /* variables of this stage alone; NULL: none */
    struct paths deps;       /* with its params files */
    struct paths added;      /* files that its scripts use besides */
    struct dvc_out *outs;
    size_t out_count, out_capacity;
};

struct dvc {
    struct arena *arena;
    const char *root; /* the project's folder */
    const char *name;
    cJSON *vars;           /* variables of the whole file */
    cJSON *own;            /* those that stand in dvc.yaml itself */
    const char *vars_file; /* the file of the others, where it is one; NULL: none or several */
    size_t vars_file_count;
    cJSON *params; /* those that stages use */
    struct dvc_stage *stages;
    size_t stage_count;
    struct dvc_import *result;
};

/* Adds a path in normal form, unless it is there. */
void paths_add_once(struct dvc *d, struct paths *p, const char *path);

bool dvc_exists(const struct dvc *d, const char *path);

/* Notes for the user. */
void dvc_note_left(struct dvc *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
void dvc_note_added(struct dvc *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reads the file's stages. */
int dvc_read(struct dvc *d, const char *path, struct error *err);

/* A text with DVC's ${...} as references of a pipeline. */
const char *dvc_rewrite(struct dvc *d, const struct dvc_stage *s, const char *text);

/* The values of an axis: a list, or a reference to a list of params. NULL after a note. */
cJSON *dvc_axis(struct dvc *d, struct dvc_stage *s, const cJSON *values, const char *axis);

/* "${stages.NAME[PINS].outs["PATH"]}"; the pins are "" or stand in brackets. */
const char *dvc_out_reference(struct dvc *d, const struct dvc_stage *s, const char *pins, const struct dvc_out *out);

/* Appends the inputs that a dependency stands for: a path of the project, or outs of other stages. */
void dvc_add_inputs(struct dvc *d, const struct dvc_stage *s, const char *dep, cJSON *inputs);

/* Adds to each stage the files that its scripts use and the file does not name. */
void dvc_scan(struct dvc *d);

/* The pipeline of the stages. */
cJSON *dvc_write(struct dvc *d);

#endif
