#include "engine/lookup/programs.h"

#include <string.h>

#include "engine/base/bytemap.h"
#include "engine/environment/toolchain.h"
#include "engine/lookup/words.h"

int programs_require(const struct plan *plan, struct error *err) {
    size_t count;
    struct instance *const *all = plan_instances(plan, &count);
    const struct toolchain *last = NULL; /* instances of a stage stand together */
    for (size_t i = 0; i < count; i++) {
        const struct toolchain *t = &all[i]->decl->toolchain;
        if (t == last || !instance_is_open(all[i]))
            continue;
        int rc = toolchain_check(t, err);
        if (rc == 0 && !words_program_found(all[i]->decl))
            rc = error_set(err, ERR_NOT_FOUND,
                           "there is no program \"%s\" on its PATH; install it, or name its "
                           "\"toolchain\"",
                           words_program(all[i]->decl));
        if (rc < 0)
            return error_prefix(err, "stage %s", instance_name(all[i]));
        last = t;
    }
    return 0;
}

void programs_warn(const struct pipeline *p, struct diagnostics *diagnostics) {
    struct bytemap seen = {0};
    for (size_t i = 0; i < p->stage_count; i++) {
        const struct stage_decl *stage = p->stages[i];
        const char *prefix = stage->toolchain.prefix;
        struct error err = {0};
        if (!prefix || bytemap_get(&seen, prefix, strlen(prefix)))
            continue;
        bytemap_put(&seen, prefix, strlen(prefix), &seen);
        if (toolchain_check(&stage->toolchain, &err) < 0)
            diagnostics_add(diagnostics, SEVERITY_WARNING, &stage->at, "%s", err.message);
    }
    bytemap_close(&seen);
}
