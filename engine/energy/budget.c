/*
 * Joules spent and allowed. An attempt counts when it ends, a failed one too; those under way count at each sample, by the
 * counter or by the model. What is known costs nothing now.
 *
 *   before   a stage of which more is expected than is left is not started; what runs goes on to its end
 *   after    what is used up stops the run: nothing starts, what runs is asked to leave
 */
#include <math.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/energy/predict.h"
#include "engine/meter/meter.h"
#include "engine/run/internal.h"

/* Who may spend how much, and what has been spent. */
struct purse {
    const char *whose;
    double budget_j; /* 0: no limit */
    struct spending *spending;
};

static struct spending *spending_of(struct run *r, const struct stage_decl *decl) {
    struct tally *t = r->tally;
    if (!t->spending_by_stage)
        t->spending_by_stage = mem_array(r->pipeline->stage_count, sizeof *t->spending_by_stage);
    return &t->spending_by_stage[decl->index];
}

static struct purse stage_purse(struct run *r, const struct stage_decl *decl) {
    return (struct purse){decl->full_name, decl->energy_budget_j, spending_of(r, decl)};
}

static struct purse pipeline_purse(struct run *r) {
    return (struct purse){"the pipeline", r->pipeline->energy_budget_j, &r->tally->spending};
}

/* With that of attempts under way, where there are some. */
static const char *label_of(const struct spending *s, const char *running) {
    bool measured = s->measured || strcmp(running, "measured") == 0;
    bool modelled = s->modelled || strcmp(running, "modelled") == 0;
    return measured && modelled ? "measured and modelled" : measured ? "measured" : "modelled";
}

/* ---- after ---- */

/* `running_j`: what attempts under way have spent on top. */
static void check(struct run *r, const struct purse *p, double running_j) {
    struct buffer spent = {0};
    if (p->budget_j <= 0 || p->spending->spent_j + running_j <= p->budget_j || r->budget_stops)
        return;
    energy_figure(&spent, p->spending->spent_j + running_j,
                  label_of(p->spending, running_j > 0 ? energy_word(r->energy) : ""));
    error_set(&r->budget, ERR_BUDGET, "the energy budget of %s, %g J, is used up: %s; what is finished is kept",
              p->whose, p->budget_j, buffer_text(&spent));
    buffer_close(&spent);
    r->budget_stops = true;
    run_note(r, NULL, r->budget.message);
    scheduler_interrupt(r->scheduler, run_now_ms());
}

static void spend(struct spending *s, double joules, const char *label) {
    s->spent_j += joules;
    s->attempts++;
    s->measured |= strcmp(label, "measured") == 0;
    s->modelled |= strcmp(label, "modelled") == 0;
}

void run_spend(struct run *r, struct task *t) {
    const struct purse stage = stage_purse(r, t->instance->decl), pipeline = pipeline_purse(r);
    const cJSON *energy = cJSON_GetObjectItemCaseSensitive(t->outcome.result, "energy");
    const char *label = json_text(energy, "label", "unavailable");
    double joules = json_double(energy, "joules", (double)NAN);
    stage.spending->reserved_j -= t->expected_j;
    pipeline.spending->reserved_j -= t->expected_j;
    t->expected_j = 0;
    if (!isfinite(joules))
        return;
    spend(stage.spending, joules, label);
    spend(pipeline.spending, joules, label);
    check(r, &stage, 0);
    check(r, &pipeline, 0);
}

void run_watch_budgets(struct run *r) {
    double all_j = 0;
    for (size_t k = 0; k < r->task_count; k++) {
        const struct task *t = r->all[k];
        if (!t->execution || !t->share)
            continue;
        double stage_j = 0;
        all_j += energy_joules(t->share);
        for (size_t n = 0; n < r->task_count && t->instance->decl->energy_budget_j > 0; n++)
            if (r->all[n]->execution && r->all[n]->instance->decl == t->instance->decl)
                stage_j += energy_joules(r->all[n]->share);
        const struct purse stage = stage_purse(r, t->instance->decl);
        check(r, &stage, stage_j);
    }
    const struct purse pipeline = pipeline_purse(r);
    check(r, &pipeline, all_j);
}

/* ---- before ---- */

/* By earlier records; else by what attempts of the stage took in this run, which are not in the store yet; else
   unknown: records 0. */
static struct prediction expect(struct run *r, const struct task *t) {
    struct prediction p = {0};
    const struct spending *s = spending_of(r, t->instance->decl);
    struct predictor *predictor = predictor_create(r->store);
    bool known = predictor_ask(predictor, t->instance, &p) && isfinite(p.joules);
    predictor_free(predictor);
    if (known)
        return p;
    p = (struct prediction){.joules = s->attempts ? s->spent_j / (double)s->attempts : 0, .records = s->attempts};
    memcpy(p.label, s->measured ? "measured" : "modelled", sizeof "measured");
    return p;
}

static bool fits(struct run *r, const struct task *t, const struct purse *p, const struct prediction *expected) {
    struct buffer text = {0};
    double left_j = p->budget_j - p->spending->spent_j - p->spending->reserved_j;
    if (p->budget_j <= 0 || expected->joules <= left_j)
        return true;
    energy_figure(&text, expected->joules, expected->label);
    error_set(&r->budget, ERR_BUDGET,
              "%s is not started: %s is expected of it, by %zu earlier %s, and %.3g J are left of the energy budget of "
              "%s, %g J; what is finished is kept",
              t->instance->name, buffer_text(&text), expected->records, expected->records == 1 ? "attempt" : "attempts",
              fmax(left_j, 0), p->whose, p->budget_j);
    buffer_close(&text);
    run_note(r, NULL, r->budget.message);
    return false;
}

bool run_may_spend(struct run *r, struct task *t) {
    const struct purse stage = stage_purse(r, t->instance->decl), pipeline = pipeline_purse(r);
    if (stage.budget_j <= 0 && pipeline.budget_j <= 0)
        return true;
    const struct prediction expected = expect(r, t);
    if (!fits(r, t, &stage, &expected) || !fits(r, t, &pipeline, &expected))
        return false;
    t->expected_j = expected.joules;
    stage.spending->reserved_j += t->expected_j;
    pipeline.spending->reserved_j += t->expected_j;
    return true;
}
