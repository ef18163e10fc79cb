#include "engine/energy/ledger.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/energy/forecast.h"
#include "engine/energy/rows.h"
#include "engine/energy/share.h"

/* Joules of one stage, or of the pipeline. */
struct spending {
    const char *whose;
    double budget_j; /* 0: no limit */
    double spent_j;
    double reserved_j; /* expected joules of running attempts */
    size_t attempts;   /* attempts in spent_j */
    bool measured, modelled;
};

enum { BEFORE, AFTER, HALVES };
enum { TOTAL, COMPUTATION, MEMORY, PARTS };

/* The machine's power at rest, measured before a pass and after it. */
struct base_power_halves {
    size_t count; /* measured */
    double watts[HALVES][PARTS][BASE_MIN_WINDOWS];
    struct meter_base base;
};

struct energy_ledger {
    const struct pipeline *pipeline;
    struct store *store;
    char *root;
    double base_window_s;
    struct spending all, *stages; /* by index of the declaration */
    struct error refusal;
    bool has_budget, used_up, reported;

    /* The members below belong to the pass. */
    struct ledger_observer observer;
    struct forecast *forecast; /* NULL: the pass was never begun */
    struct sharing *sharing;   /* NULL: no counter and no budget */
    struct base_power_halves *rest;
    struct energy_attempt *attempts; /* not finished */
    cJSON *rows;
};

struct energy_attempt {
    struct energy_ledger *ledger;
    struct energy_attempt *next;
    const struct instance *instance;
    struct share *share; /* NULL: it did not start, or there is no counter */
    double expected_j;
};

struct energy_ledger *ledger_create(const struct ledger_options *options) {
    const struct pipeline *p = options->pipeline;
    struct energy_ledger *l = mem_alloc(sizeof *l);
    l->pipeline = p;
    l->store = options->store;
    l->root = mem_strdup(options->root ? options->root : "/");
    l->base_window_s = options->base_window_s;
    l->all = (struct spending){.whose = "the pipeline", .budget_j = p->energy_budget_j};
    l->stages = mem_array(p->stage_count, sizeof *l->stages);
    l->has_budget = p->energy_budget_j > 0;
    for (size_t i = 0; i < p->stage_count; i++) {
        l->stages[i] = (struct spending){.whose = p->stages[i]->full_name, .budget_j = p->stages[i]->energy_budget_j};
        l->has_budget |= p->stages[i]->energy_budget_j > 0;
    }
    l->rows = cJSON_CreateArray();
    return l;
}

/* Frees the members of a pass. */
static void end_pass(struct energy_ledger *l) {
    forecast_free(l->forecast);
    l->forecast = NULL;
    cJSON_Delete(sharing_close(l->sharing));
    l->sharing = NULL;
    free(l->rest);
    l->rest = NULL;
    cJSON_Delete(l->rows);
    l->rows = cJSON_CreateArray();
}

void ledger_free(struct energy_ledger *l) {
    if (!l)
        return;
    end_pass(l);
    cJSON_Delete(l->rows);
    free(l->stages);
    free(l->root);
    free(l);
}

void ledger_begin_pass(struct energy_ledger *l, struct plan *plan, const struct ledger_observer *observer) {
    end_pass(l);
    l->observer = *observer;
    l->forecast = forecast_create(l->pipeline, plan, l->store);
}

/* ---- the machine at rest ---- */

static void set_base(struct base_power_halves *rest) {
    struct base_power *const parts[PARTS] = {&rest->base.total, &rest->base.computation, &rest->base.memory};
    for (size_t k = 0; k < PARTS; k++)
        if (isfinite(rest->watts[BEFORE][k][0]))
            base_power_set(parts[k], rest->watts[BEFORE][k], BASE_MIN_WINDOWS, rest->watts[AFTER][k],
                           rest->count > AFTER ? BASE_MIN_WINDOWS : 0, clock_wall_s());
}

static int measure_half(struct energy_ledger *l, struct base_power_halves *rest, struct error *err) {
    const struct meter_options options = {.root = l->root, .no_thread = true};
    struct meter *meter = NULL;
    int rc = meter_open_with(&meter, &options, err);
    if (rc == 0)
        rc = meter_windows(&rest->watts[rest->count][0][0], meter, BASE_MIN_WINDOWS, l->base_window_s,
                           l->observer.is_interrupted, l->observer.context, err);
    if (rc == 0) {
        rest->count++;
        set_base(rest);
    }
    meter_close(meter);
    return rc;
}

static void measure_base(struct energy_ledger *l) {
    struct error err = {0};
    struct base_power_halves *rest = l->rest ? l->rest : mem_alloc(sizeof *rest);
    if (measure_half(l, rest, &err) < 0) {
        char *text = mem_printf("the base power %s is not known: %s", l->rest ? "after" : "before", err.message);
        l->observer.note(l->observer.context, text);
        free(text);
    }
    if (rest->count > 0)
        l->rest = rest;
    else
        free(rest);
}

/* ---- counters ---- */

static bool any_gpu(const struct pipeline *p) {
    bool any = false;
    for (size_t i = 0; i < p->stage_count; i++)
        any |= p->stages[i]->resources.gpus > 0;
    return any;
}

uint64_t ledger_open_meter(struct energy_ledger *l) {
    if (l->base_window_s > 0)
        measure_base(l);
    const struct sharing_options options = {
        .root = l->root, .gpus = any_gpu(l->pipeline), .model = l->has_budget, .base = l->rest ? &l->rest->base : NULL};
    l->sharing = sharing_open(&options);
    return l->sharing ? sharing_period_ms(l->sharing) : 0;
}

/* ---- budgets, after the joules are spent ---- */

static struct spending *spending_of(const struct energy_attempt *a) {
    return &a->ledger->stages[a->instance->decl->index];
}

/* Joules of the running attempts so far. */
static double running_j(const struct energy_ledger *l, const struct spending *s) {
    double sum_j = 0;
    for (const struct energy_attempt *a = l->attempts; a; a = a->next)
        if (s == &l->all || s == spending_of(a))
            sum_j += share_joules(a->share);
    return sum_j;
}

static const char *label_of(const struct spending *s, const char *running) {
    bool measured = s->measured || strcmp(running, "measured") == 0;
    bool modelled = s->modelled || strcmp(running, "modelled") == 0;
    return measured && modelled ? "measured and modelled" : measured ? "measured" : "modelled";
}

static void check(struct energy_ledger *l, const struct spending *s) {
    struct buffer spent = {0};
    if (s->budget_j <= 0 || l->used_up)
        return;
    double now_j = running_j(l, s);
    if (s->spent_j + now_j <= s->budget_j)
        return;
    energy_figure(&spent, s->spent_j + now_j, label_of(s, now_j > 0 ? sharing_word(l->sharing) : ""));
    error_set(&l->refusal, ERR_BUDGET, "the energy budget of %s, %g J, is used up: %s; finished stages are kept",
              s->whose, s->budget_j, buffer_text(&spent));
    buffer_close(&spent);
    l->used_up = true;
}

static void spend(struct spending *s, double joules, const char *label) {
    s->spent_j += joules;
    s->attempts++;
    s->measured |= strcmp(label, "measured") == 0;
    s->modelled |= strcmp(label, "modelled") == 0;
}

void ledger_sample(struct energy_ledger *l) {
    if (!l->sharing)
        return;
    sharing_sample(l->sharing);
    for (const struct energy_attempt *a = l->attempts; a; a = a->next)
        check(l, spending_of(a));
    check(l, &l->all);
}

int ledger_check(struct energy_ledger *l, struct error *err) {
    if (!l->used_up || l->reported)
        return 0;
    l->reported = true;
    return ledger_refusal(l, err);
}

int ledger_refusal(const struct energy_ledger *l, struct error *err) {
    return l->refusal.code ? error_set(err, l->refusal.code, "%s", l->refusal.message) : 0;
}

/* ---- expectations ---- */

double ledger_expected_s(const struct energy_ledger *l, const struct instance *i) {
    struct prediction p;
    const struct prediction *early = forecast_of(l->forecast, i);
    if (early)
        return early->wall_s;
    return forecast_ask(l->forecast, i, &p) ? p.wall_s : (double)NAN;
}

/* Predicts from earlier records, else from attempts of the stage in this run; else records is 0. */
static struct prediction expect(const struct energy_ledger *l, const struct instance *i) {
    struct prediction p;
    const struct spending *s = &l->stages[i->decl->index];
    if (forecast_ask(l->forecast, i, &p) && isfinite(p.joules))
        return p;
    p = (struct prediction){.joules = s->attempts ? s->spent_j / (double)s->attempts : 0, .records = s->attempts};
    memcpy(p.label, s->measured ? "measured" : "modelled", sizeof "measured");
    return p;
}

static int check_room(struct energy_ledger *l, const struct instance *i, const struct spending *s,
                      const struct prediction *expected) {
    struct buffer text = {0};
    double left_j = s->budget_j - s->spent_j - s->reserved_j;
    if (s->budget_j <= 0 || expected->joules <= left_j)
        return 0;
    energy_figure(&text, expected->joules, expected->label);
    error_set(&l->refusal, ERR_BUDGET,
              "%s is not started: %s is its expected energy, by %zu earlier %s, and %.3g J are left of the energy "
              "budget of %s, %g J; finished stages are kept",
              instance_name(i), buffer_text(&text), expected->records, expected->records == 1 ? "attempt" : "attempts",
              fmax(left_j, 0), s->whose, s->budget_j);
    buffer_close(&text);
    return ERR_BUDGET;
}

bool ledger_has_budget(const struct energy_ledger *l) {
    return l->has_budget;
}

int ledger_reserve(struct energy_attempt **out, struct energy_ledger *l, const struct instance *i, struct error *err) {
    struct spending *stage = &l->stages[i->decl->index];
    struct prediction expected = {0};
    *out = NULL;
    if (stage->budget_j > 0 || l->all.budget_j > 0)
        expected = expect(l, i);
    if (check_room(l, i, stage, &expected) < 0 || check_room(l, i, &l->all, &expected) < 0)
        return ledger_refusal(l, err);
    struct energy_attempt *a = mem_alloc(sizeof *a);
    *a = (struct energy_attempt){.ledger = l, .next = l->attempts, .instance = i, .expected_j = expected.joules};
    stage->reserved_j += expected.joules;
    l->all.reserved_j += expected.joules;
    l->attempts = a;
    *out = a;
    return 0;
}

/* ---- one attempt ---- */

void ledger_start(struct energy_attempt *a, pid_t keeper) {
    a->share = share_begin(a->ledger->sharing, keeper, instance_name(a->instance), a->instance->decl->resources.gpus);
}

void ledger_stop(struct energy_attempt *a) {
    if (a)
        share_stop(a->share);
}

/* Replaces the keeper's joules by those of the common counters. */
static void replace_energy(const struct energy_attempt *a, struct attempt_end *end) {
    if (!a->share)
        return;
    cJSON *record = share_record(a->share, end->energy);
    cJSON_Delete(end->energy);
    end->energy = record;
}

static void account(struct energy_attempt *a, const struct attempt_end *end) {
    struct energy_ledger *l = a->ledger;
    cJSON *energy = end->energy;
    double joules = json_double(energy, "joules", (double)NAN);
    const char *label = json_text(energy, "label", "unavailable");
    if (end->platform)
        row_add_earlier(energy, l->store, &a->instance->key, end);
    cJSON_AddItemToArray(l->rows, row_of_attempt(a->instance, end, energy));
    if (end->finished) {
        forecast_compare(l->forecast, a->instance, joules, label, end->wall_s);
        if (a->instance->decl->matrix.axis_count > 0) /* else no other instance is to be predicted by it */
            forecast_learn(l->forecast, a->instance, end->metrics, energy, end->wall_s);
    }
    if (!isfinite(joules))
        return;
    spend(spending_of(a), joules, label);
    spend(&l->all, joules, label);
}

void ledger_finish(struct energy_attempt *a, struct attempt_end *end) {
    if (!a)
        return;
    struct energy_ledger *l = a->ledger;
    struct spending *stage = spending_of(a);
    if (!end->reported)
        row_read_account(end, l->store);
    replace_energy(a, end);
    if (end->energy) /* else it did not start */
        account(a, end);
    ledger_cancel(a);
    check(l, stage);
    check(l, &l->all);
}

void ledger_cancel(struct energy_attempt *a) {
    if (!a)
        return;
    struct energy_attempt **link = &a->ledger->attempts;
    while (*link != a)
        link = &(*link)->next;
    *link = a->next;
    spending_of(a)->reserved_j -= a->expected_j;
    a->ledger->all.reserved_j -= a->expected_j;
    share_free(a->share);
    free(a);
}

/* ---- the end of a pass ---- */

cJSON *ledger_close_meter(struct energy_ledger *l, bool at_rest) {
    cJSON *table = sharing_close(l->sharing);
    l->sharing = NULL;
    if (table) {
        rows_add_parts(l->rows, table);
        if (l->rest && at_rest)
            measure_base(l);
        if (l->rest) { /* both halves: while stages ran only the first was known */
            cJSON_DeleteItemFromObjectCaseSensitive(table, "baseline");
            cJSON_AddItemToObject(table, "baseline", mem_checked(meter_base_json(&l->rest->base)));
        }
    } else {
        table = cJSON_CreateObject();
    }
    cJSON_AddItemToObject(table, "rows", l->rows);
    l->rows = cJSON_CreateArray();
    return table;
}

cJSON *ledger_prediction(const struct energy_ledger *l) {
    return l->forecast ? forecast_json(l->forecast) : cJSON_CreateNull();
}
