/* What was expected of a run before it began, and how far off that was. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/energy/predict.h"
#include "engine/run/internal.h"

struct forecast {
    struct prediction *of; /* by index of the instance */
    size_t count;
    struct prediction_sum sum;
    size_t records;
};

void run_forecast(struct run *r) {
    struct forecast *f = mem_alloc(sizeof *f);
    struct predictor *predictor = predictor_create(r->store);
    struct instance *const *all = plan_instances(r->plan, &f->count);
    f->of = mem_array(f->count + 1, sizeof *f->of);
    for (size_t k = 0; k < f->count; k++) {
        const struct instance *i = all[k];
        bool open = i->state == INSTANCE_KEYED || i->state == INSTANCE_WAITING;
        if (i->wanted && open && i->decl->type != STAGE_SELECT)
            prediction_add(&f->sum, i, predictor_ask(predictor, i, &f->of[k]) ? &f->of[k] : NULL);
    }
    f->sum.without += plan_unexpanded(r->plan, NULL, 0);
    f->records = predictor_records(predictor);
    predictor_free(predictor);
    r->forecast = f;
}

void run_forecast_free(struct forecast *f) {
    if (!f)
        return;
    free(f->of);
    free(f);
}

/* Of the stages that were predicted and have finished: what was expected of them, and what they took. Figures of
   another label than the predicted one are no test of it. */
struct comparison {
    size_t count;
    double expected_j, actual_j, expected_s, actual_s;
};

static void compare(struct comparison *c, const struct forecast *f, const struct task *t) {
    const cJSON *energy = cJSON_GetObjectItemCaseSensitive(t->outcome.result, "energy");
    double joules = json_double(energy, "joules", (double)NAN);
    size_t index = t->instance->index;
    if (!t->outcome.finished || index >= f->count || !f->of[index].records || !isfinite(f->of[index].joules) ||
        !isfinite(joules) || strcmp(json_text(energy, "label", ""), f->of[index].label) != 0)
        return;
    c->count++;
    c->expected_j += f->of[index].joules;
    c->actual_j += joules;
    c->expected_s += f->of[index].wall_s;
    c->actual_s += t->outcome.wall_s;
}

cJSON *run_forecast_json(const struct run *r) {
    const struct forecast *f = r->forecast;
    struct comparison c = {0};
    if (!f)
        return mem_checked(cJSON_CreateNull());
    for (size_t k = 0; k < r->task_count; k++)
        compare(&c, f, r->all[k]);
    cJSON *out = mem_checked(cJSON_CreateObject());
    const struct {
        const char *name;
        double value;
    } members[] = {{"stages", (double)f->sum.stages},
                   {"without", (double)f->sum.without},
                   {"records", (double)f->records},
                   {"expected_j", f->sum.joules},
                   {"low_j", f->sum.low_j},
                   {"high_j", f->sum.high_j},
                   {"expected_cpu_s", f->sum.cpu_s},
                   {"compared", (double)c.count},
                   {"compared_j", c.expected_j},
                   {"actual_j", c.actual_j},
                   {"error", c.actual_j / c.expected_j - 1},
                   {"compared_s", c.expected_s},
                   {"actual_s", c.actual_s},
                   {"time_error", c.actual_s / c.expected_s - 1}};
    mem_checked(cJSON_AddStringToObject(out, "label", prediction_label(&f->sum)));
    for (size_t k = 0; k < sizeof members / sizeof *members; k++)
        mem_checked(isfinite(members[k].value) ? cJSON_AddNumberToObject(out, members[k].name, members[k].value)
                                               : cJSON_AddNullToObject(out, members[k].name));
    return out;
}
