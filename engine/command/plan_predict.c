#include "engine/command/plan_predict.h"

#include <math.h>
#include <unistd.h>

#include "engine/base/json.h"
#include "engine/meter/meter.h"

enum { DIGITS = 4 };

/* The expected seconds of one instance, for plan_order. */
static double estimate(void *context, const struct instance *i) {
    const struct prediction *p = forecast_of(context, i);
    return p && isfinite(p->wall_s) ? p->wall_s : 0;
}

static void add_row(struct table *t, const struct instance *i, const struct prediction *p) {
    table_row(t);
    table_text(t, "stage", instance_name(i));
    table_number(t, "expected_s", p->wall_s, DIGITS);
    table_number(t, "low_s", p->low_s, DIGITS);
    table_number(t, "high_s", p->high_s, DIGITS);
    table_number(t, "expected_j", p->joules, DIGITS);
    table_number(t, "low_j", p->low_j, DIGITS);
    table_number(t, "high_j", p->high_j, DIGITS);
    table_text(t, "label", p->label);
    table_number(t, "records", (double)p->records, DIGITS);
}

void plan_predict(struct plan_prediction *out, const struct project *p) {
    size_t count;
    double longest_s = 0;
    struct instance *const *all = plan_instances(p->plan, &count);
    *out = (struct plan_prediction){.forecast = forecast_create(p->pipeline, p->plan, p->store),
                                    .plan = p->plan,
                                    .cpus = sysconf(_SC_NPROCESSORS_ONLN)};
    out->sum = forecast_sum(out->forecast);
    if (out->sum->stages == 0)
        return;
    plan_order(p->plan, estimate, out->forecast);
    for (size_t k = 0; k < count; k++)
        if (instance_is_open(all[k]))
            longest_s = fmax(longest_s, all[k]->remaining_s);
    out->wall_s = fmax(longest_s, out->sum->cpu_s / (double)out->cpus);
}

void plan_prediction_close(struct plan_prediction *x) {
    forecast_free(x->forecast);
}

struct table *plan_prediction_rows(const struct plan_prediction *x) {
    const double none = (double)NAN;
    const struct prediction unknown = {none, none, none, none, none, none, "", 0};
    struct table *rows = table_create();
    size_t count;
    struct instance *const *all = plan_instances(x->plan, &count);
    for (size_t k = 0; k < count; k++) {
        const struct prediction *p = forecast_of(x->forecast, all[k]);
        if (instance_is_open(all[k]))
            add_row(rows, all[k], p ? p : &unknown);
    }
    return rows;
}

static void append_seconds(struct buffer *out, double s) {
    if (s < 1)
        buffer_puts(out, "less than a second");
    else if (s < 120)
        buffer_printf(out, "about %.0f s", s);
    else if (s < 7200)
        buffer_printf(out, "about %.0f min", s / 60);
    else
        buffer_printf(out, "about %.1f h", s / 3600);
}

static void append_joules(struct buffer *out, const struct plan_prediction *x) {
    const struct prediction_sum *sum = x->sum;
    const char *label = forecast_label(x->forecast);
    if (!*label)
        return;
    buffer_puts(out, ", ");
    energy_figure(out, sum->joules, label);
    buffer_puts(out, " (");
    energy_figure(out, sum->low_j, "to ");
    energy_figure(out, sum->high_j, "");
    out->data[--out->size] = '\0'; /* removes the blank before a missing label */
    buffer_putc(out, ')');
}

void plan_prediction_line(struct buffer *out, const struct plan_prediction *x) {
    if (x->sum->stages == 0 && x->sum->without == 0)
        return;
    if (x->sum->stages == 0) {
        buffer_puts(out, "no earlier record says how long that takes\n");
        return;
    }
    append_seconds(out, x->wall_s);
    buffer_printf(out, " on %ld cpu%s", x->cpus, x->cpus == 1 ? "" : "s");
    append_joules(out, x);
    buffer_printf(out, ", from %zu earlier record%s", x->sum->records, x->sum->records == 1 ? "" : "s");
    if (x->sum->without)
        buffer_printf(out, "; %zu stage%s without any", x->sum->without, x->sum->without == 1 ? "" : "s");
    buffer_putc(out, '\n');
}

cJSON *plan_prediction_json(const struct plan_prediction *x) {
    cJSON *out = cJSON_CreateObject();
    const bool any = *forecast_label(x->forecast) != '\0';
    const struct {
        const char *name;
        double value;
        bool known;
    } members[] = {{"expected_s", x->wall_s, x->sum->stages > 0},
                   {"cpus", (double)x->cpus, true},
                   {"expected_cpu_s", x->sum->cpu_s, x->sum->stages > 0},
                   {"expected_j", x->sum->joules, any},
                   {"low_j", x->sum->low_j, any},
                   {"high_j", x->sum->high_j, any},
                   {"records", (double)x->sum->records, true},
                   {"stages", (double)x->sum->stages, true},
                   {"without", (double)x->sum->without, true}};
    cJSON_AddStringToObject(out, "label", forecast_label(x->forecast));
    for (size_t i = 0; i < COUNT(members); i++)
        json_add_number(out, members[i].name, members[i].known ? members[i].value : (double)NAN);
    return out;
}
