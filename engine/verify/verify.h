/*
 * Verification executes recorded stages again and compares the results with the records.
 *
 *   known instances --choose--> scheduler --> attempt in work/, a checkpoint of its own --> compared --> attempts/
 *
 * Each stage gets the inputs that its record names. Verification puts nothing into the store, changes no record and
 * takes no claim. It leaves attempts/<id>.json with the new results and their differences.
 *
 * Bytes are compared. For some stages only metrics are compared, each within the tolerance's share of the recorded
 * value. These are stages that say "deterministic": false, kinds that measure the machine, and kinds with a tolerance
 * that were recorded on another platform.
 */
#ifndef RETORT_ENGINE_VERIFY_VERIFY_H
#define RETORT_ENGINE_VERIFY_VERIFY_H

#include "engine/run/run.h"

struct verify_options {
    struct scheduler_limits limits;
    struct gpus *gpus; /* this and the next two as in struct run_options */
    char **covers;
    bool no_sandbox;
    const char *stage_program;
    struct committed *committed;
    bool all;      /* also stages that the targets do not name */
    double share;  /* share of the recorded stages to choose, 0 to 1; at least one */
    uint64_t seed; /* of the choice: the same stages for the same seed, whatever their order */
    void *context;
    void (*started)(void *context, const struct instance *i); /* may be NULL, and the next too */
    /*
     * Reports one stage. `stage` lives until the call returns:
     *
     *   "stage", "key"
     *   "verdict"           "same" (every byte), "within" (its tolerance), "differs" or "failed"
     *   "tolerance"         null: bytes were compared
     *   "outs"              those whose bytes differ: {"name", "recorded", "now", "first"}; "recorded" and "now" as in
     *                       records, "first" as in compare.h, null if the recorded object is gone
     *   "metrics"           those that differ beyond the tolerance (compare.h)
     *   "reason"            of a failure
     *   "recorded", "now"   both records
     */
    void (*judged)(void *context, const cJSON *stage);
};

struct verify_summary {
    size_t recorded;   /* known stages, each key once */
    size_t unrecorded; /* named stages without a record */
    size_t chosen, same, within, differ, failed;
    double joules;     /* of all executions; NAN: none is known */
    const char *label; /* "measured", "modelled" when any part is, "unavailable" */
};

/* Call with a plan whose keys were looked up. ERR_FAILED: some stages differ or failed. ERR_NOT_FOUND: none is
   recorded. ERR_INTERRUPTED; ERR_IO. */
int verify_stages(const struct pipeline *pipeline, struct plan *plan, struct store *store,
                  const struct verify_options *options, struct verify_summary *summary, struct error *err);

#endif
