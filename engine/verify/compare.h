/* Finds differences between two files or directories. */
#ifndef RETORT_ENGINE_VERIFY_COMPARE_H
#define RETORT_ENGINE_VERIFY_COMPARE_H

#include <cJSON.h>
#include <stdbool.h>

#include "engine/base/error.h"

/* The first difference. `*out` is NULL when there is none; the caller deletes it. ERR_IO. Two files of text:
   {"type": "text", "line": 3, "recorded": "...", "now": "..."}. A missing line is null. Bytes that are no printable
   ASCII are shown as \xNN, long lines in part. Two other files: {"type": "binary", "offset": 17, "recorded": 63,
   "now": null}, with bytes, and null after the end. Two directories: {"type": "directory", "files": [...], "more":
   0}. Each item of "files" has "path", and one of the above or "only": "recorded" or "now". */
int compare_paths(cJSON **out, const char *recorded, const char *now, struct error *err);

/* The metrics that differ by more than the share `tolerance` of the recorded value, or that one side lacks. Each is
   {"name", "recorded", "now", "difference"}, with null for a missing value. `*beyond`: there are some. The caller
   deletes. */
cJSON *compare_metrics(const cJSON *recorded, const cJSON *now, double tolerance, bool *beyond);

#endif
