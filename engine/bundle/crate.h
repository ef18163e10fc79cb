/*
 * ro-crate-metadata.json: a Workflow Run RO-Crate, profile Provenance Run Crate 0.5 on RO-Crate 1.1.
 *
 *   ./ --mainEntity--> the pipeline's file --step--> HowToStep of a stage --workExample--> its tool
 *      --mentions--> CreateAction of the workflow; of each record, with instrument, object, result, resourceUsage;
 *                    ControlAction from step to action; OrganizeAction of the engine
 *
 * An action is what made the result, also when a later run took it from the store. Stages without a result have none.
 */
#ifndef RETORT_ENGINE_BUNDLE_CRATE_H
#define RETORT_ENGINE_BUNDLE_CRATE_H

#include "engine/bundle/bundle.h"
#include "engine/plan/plan.h"

/* A result: the record, and the stage that it belongs to here. Another pipeline may have made it under another name. */
struct crate_result {
    cJSON *record;
    const struct instance *instance;
};

struct crate {
    const struct pipeline *pipeline;
    const struct bundle *bundle; /* its files so far */
    const char *root;            /* of the project: paths of inputs begin there, unless they were made relative */
    const struct crate_result *results;
    size_t count; /* at least one */
};

/* Appends the text. */
void crate_write(struct buffer *out, const struct crate *c);

#endif
