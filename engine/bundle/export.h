/* Collects what leaves with a bundle, from a plan whose results are known. */
#ifndef RETORT_ENGINE_BUNDLE_EXPORT_H
#define RETORT_ENGINE_BUNDLE_EXPORT_H

#include "engine/base/folder.h"
#include "engine/base/texts.h"
#include "engine/bundle/bundle.h"
#include "engine/plan/plan.h"
#include "store/store.h"

enum export_outs { EXPORT_OUTS_ALL, EXPORT_OUTS_RESULTS, EXPORT_OUTS_NONE };

struct export_source {
    struct store *store;
    const struct pipeline *pipeline;
    struct plan *plan;           /* known instances are done */
    const char *root;            /* of the project, absolute, without links */
    struct folder_filter filter; /* of folder inputs */
    enum export_outs outs;       /* RESULTS: published ones, and metrics */
    bool logs, diffs;
    bool untracked; /* inputs that git does not track leave too */
    bool full;      /* home folders, hosts and users are not replaced */
};

/* The collected files. `{0}` is empty. */
struct export {
    struct bundle bundle;
    size_t records, unknown; /* instances without a record */
    struct texts left;       /* files that stay here, with the reason */
};

/* ERR_INVALID: a pipeline's file lies outside the project. ERR_NOT_FOUND: nothing is known. */
int export_collect(struct export *out, const struct export_source *source, const struct bundle_watch *watch,
                   struct error *err);
void export_close(struct export *e);

#endif
