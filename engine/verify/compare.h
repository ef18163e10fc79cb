/* What differs between two files or directories, side by side. */
#ifndef RETORT_ENGINE_VERIFY_COMPARE_H
#define RETORT_ENGINE_VERIFY_COMPARE_H

#include <cJSON.h>
#include <stdbool.h>

#include "engine/base/error.h"

/* The first difference of two files of text {"type": "text", "line": 3, "recorded": "...", "now": "..."} (a line that
   one of them lacks is null; bytes that are no printable ASCII are shown as \xNN, long lines in part), of two others
   {"type": "binary", "offset": 17, "recorded": 63, "now": null} (bytes; null behind the end); of two directories
   {"type": "directory", "files": [{"path": ..., and one of these, or "only": "recorded" or "now"}], "more": 0}. `*out`
   is NULL when they are the same; the caller deletes it. ERR_IO. */
int compare_paths(cJSON **out, const char *recorded, const char *now, struct error *err);

/* The metrics that differ by more than the share `tolerance` of the recorded value, or stand on one side only:
   [{"name", "recorded", "now", "difference"}], null for what is not there. `*beyond`: some do. The caller deletes. */
cJSON *compare_metrics(const cJSON *recorded, const cJSON *now, double tolerance, bool *beyond);

#endif
