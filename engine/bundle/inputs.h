/* The files of the project that a bundle takes along, below pipeline/. */
#ifndef RETORT_ENGINE_BUNDLE_INPUTS_H
#define RETORT_ENGINE_BUNDLE_INPUTS_H

#include "engine/bundle/export.h"

/* Adds the pipeline's file, its parts, params files and rows. ERR_INVALID: one lies outside the project. */
int inputs_add_pipeline(struct export *out, const struct export_source *source, struct error *err);

/* Adds the files of the project that known stages read. Those that git does not track stay unless `untracked`, and
   those outside the project stay; `left` lists them. */
int inputs_add_files(struct export *out, const struct export_source *source, struct error *err);

#endif
