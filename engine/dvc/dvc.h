/*
 * Writes the study of a dvc.yaml as a pipeline file. Reads files only, and executes nothing.
 *
 *   read        dvc.yaml and the files of its variables -> stages, with ${item} and ${x} as references of a pipeline
 *   references  a dependency that another stage writes  -> a reference to that out
 *   scan        scripts of the stages                   -> files that they import or name, and dvc.yaml does not
 *   write       stages                                  -> the pipeline, with inputs and outs at their own paths
 */
#ifndef RETORT_DVC_DVC_H
#define RETORT_DVC_DVC_H

#include <cJSON.h>

#include "engine/base/error.h"
#include "engine/base/texts.h"

struct dvc_import {
    cJSON *pipeline;
    struct texts added; /* inputs that dvc.yaml does not name: "train: src/net.py, which src/train.py imports" */
    struct texts left;  /* parts that a pipeline file has no word for, each with what to do */
};

/* Imports the file at `path`; its folder is the project. ERR_NOT_FOUND, ERR_INVALID with the place. dvc_close also after
   an error. */
int dvc_import(struct dvc_import *out, const char *path, struct error *err);
void dvc_close(struct dvc_import *i);

#endif
