/* Joules spent and allowed: an attempt counts when it ends, a failed one too; what is known costs nothing now. */
#include <math.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/meter/meter.h"
#include "engine/run/internal.h"

static void check(struct run *r, const char *whose, double spent_j, double budget_j, const char *label) {
    struct buffer spent = {0};
    if (budget_j <= 0 || spent_j <= budget_j || r->budget.code)
        return;
    energy_figure(&spent, spent_j, label);
    error_set(&r->budget, ERR_BUDGET, "the energy budget of %s, %g J, is used up: %s; what is finished is kept", whose,
              budget_j, buffer_text(&spent));
    buffer_close(&spent);
    run_note(r, NULL, r->budget.message);
    scheduler_interrupt(r->scheduler, run_now_ms());
}

void run_spend(struct run *r, const struct task *t) {
    const struct stage_decl *decl = t->instance->decl;
    const cJSON *energy = cJSON_GetObjectItemCaseSensitive(t->outcome.result, "energy");
    const char *label = json_text(energy, "label", "unavailable");
    double joules = json_double(energy, "joules", NAN);
    if (!isfinite(joules))
        return;
    if (!r->spent_by_stage_j)
        r->spent_by_stage_j = mem_array(r->pipeline->stage_count, sizeof *r->spent_by_stage_j);
    r->spent_j += joules;
    r->spent_by_stage_j[decl->index] += joules;
    check(r, decl->full_name, r->spent_by_stage_j[decl->index], decl->energy_budget_j, label);
    check(r, "the pipeline", r->spent_j, r->pipeline->energy_budget_j, label);
}
