/*
 * Verification: recorded stages are executed once more and what comes out is compared with what is recorded.
 *
 *   known instances --choose--> scheduler --> attempt in work/, a checkpoint of its own --> compared --> attempts/
 *
 * Each with the inputs that its record names. Nothing is put into the store, no record is written over, no claim taken:
 * what an execution gave, and how that differs, is left as attempts/<id>.json.
 *
 * Bytes are compared. A stage that says "deterministic": false, a kind that measures the machine, and a kind that was
 * recorded on another platform and has a tolerance, is held to its metrics alone: each within the tolerance's share of
 * what is recorded.
 */
#ifndef RETORT_ENGINE_VERIFY_VERIFY_H
#define RETORT_ENGINE_VERIFY_VERIFY_H

#include "engine/run/run.h"

struct verify_options {
    struct scheduler_limits limits;
    const char *stage_program;
    bool all;      /* not only what the plan's targets name */
    double share;  /* of the recorded stages, 0 to 1: so many are chosen, at least one */
    uint64_t seed; /* of the choice: the same stages for the same seed, whatever their order */
    void *context;
    void (*started)(void *context, const struct instance *i); /* may be NULL, and the next too */
    /*
     * One stage is done: {"stage", "key", "verdict", "tolerance" (null: bytes), "outs", "metrics", "reason", "recorded",
     * "now"}. The verdict is "same" (every byte), "within" (its tolerance), "differs" or "failed" ("reason" says why).
     * "outs" are those whose bytes differ: {"name", "recorded", "now" ({sha256, size, mode, type} as in records),
     * "first" (compare.h; null where the recorded object is gone)}; "metrics" those that differ beyond the tolerance
     * (compare.h). "recorded" and "now" are both records. Lives until the call returns.
     */
    void (*judged)(void *context, const cJSON *stage);
};

struct verify_summary {
    size_t recorded;   /* stages that are known, each key once */
    size_t unrecorded; /* that were named and are not */
    size_t chosen, same, within, differ, failed;
    double joules;     /* of all executions; NAN: none is known */
    const char *label; /* "measured", "modelled" when any part is, "unavailable" */
};

/* `plan` was looked up. 0; ERR_FAILED: some differ or failed;
   ERR_NOT_FOUND: none is recorded; ERR_INTERRUPTED; ERR_IO. */
int verify_stages(const struct pipeline *pipeline, struct plan *plan, struct store *store,
                  const struct verify_options *options, struct verify_summary *summary, struct error *err);

#endif
