/*
 * The differences between two runs, and their origin. Pure: reads trees, makes a tree.
 *
 *   {"runs": [a, b], "pipelines": [a, b],
 *    "overrides": [C...],
 *    "made": [C with "stages": the number of stages that it differs for]: commit, host, programs, Python
 *    "stages": [{"stage", "changed", "follows": [stages], "state": [a, b], "components": [C...], "outs": [C...],
 *                "metrics": [C with "difference"]}]: those that differ, in the order of b, then those of a alone
 *    "same": number of the others,
 *    "metrics": [{"stage", "metric", "count", "before": S, "after": S, "difference": S}]: over the instances of a stage
 *    "energy": [{"label", "before", "after", "difference"}]: joules of all stages, by label
 *   }
 *
 * C is {"name", "before", "after"}, null on a side that has none. S is {"mean", "sd"}; "sd" is null for one instance.
 * "changed" is the origin of the difference:
 *   "itself"   in the stage: its command, its parameters, its environment, a file of the project
 *   "inputs"   in the stages that it `follows`
 *   "bytes"    nowhere in its key: the same computation gave something else
 *   "state"    nowhere: it ended otherwise
 *   "added", "removed"
 */
#ifndef RETORT_ENGINE_REPORT_RUN_DIFF_H
#define RETORT_ENGINE_REPORT_RUN_DIFF_H

#include <cJSON.h>

#include "engine/base/buffer.h"

struct run_side {
    const cJSON *run;            /* the run file */
    const cJSON *const *records; /* of each of its "stages", in order; NULL: it has none */
};

/* The caller deletes the tree. */
cJSON *run_diff(const struct run_side *before, const struct run_side *after);

/* Appends the tree for people. */
enum run_diff_format { RUN_DIFF_TEXT, RUN_DIFF_MARKDOWN };
void run_diff_put(struct buffer *out, const cJSON *diff, enum run_diff_format format);

#endif
