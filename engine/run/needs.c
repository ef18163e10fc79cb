#include "engine/run/needs.h"

#include <stdlib.h>

#include "engine/base/memory.h"

static void report_stage(struct diagnostics *diagnostics, enum severity severity, struct scheduler *s,
                         const struct stage_decl *stage) {
    struct error err;
    if (scheduler_check(s, &stage->resources, &err) < 0)
        diagnostics_add(diagnostics, severity, &stage->at, "%s %s", stage->full_name, err.message);
}

void needs_report(struct diagnostics *diagnostics, enum severity severity, const struct plan *plan,
                  const struct scheduler_limits *limits) {
    struct scheduler *s = scheduler_create(limits, false);
    size_t count, unexpanded = plan_unexpanded(plan, NULL, 0);
    struct instance *const *all = plan_instances(plan, &count);
    const struct stage_decl *last = NULL; /* instances of a stage stand together */
    const struct stage_decl **rest = mem_array(unexpanded + 1, sizeof *rest);
    for (size_t i = 0; i < count; i++) {
        if (all[i]->decl == last || !instance_is_open(all[i]))
            continue;
        last = all[i]->decl;
        report_stage(diagnostics, severity, s, last);
    }
    plan_unexpanded(plan, rest, unexpanded);
    for (size_t i = 0; i < unexpanded; i++)
        report_stage(diagnostics, severity, s, rest[i]);
    free(rest);
    scheduler_free(s);
}
