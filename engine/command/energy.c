#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/printable.h"
#include "engine/command/energy_account.h"
#include "engine/command/energy_carbon.h"
#include "engine/command/energy_processors.h"
#include "engine/command/project.h"
#include "engine/meter/meter.h"
#include "engine/report/table.h"

enum { JOULE_DIGITS = 4 };

struct shown {
    struct run_file run;
    struct energy_account account;
    struct carbon carbon;
    enum energy_by by;
    enum table_format format;
};

/* A group has one label, so the column that names the group comes first. */
static const char *const group_names[] = {"instance", "stage", "kind", "source"};

static void add_figures(struct table *t, const struct shown *s, const struct energy_row *row) {
    double joules = row->spent_j + row->saved_j;
    table_number(t, "spent_j", row->spent_j, JOULE_DIGITS);
    table_number(t, "saved_j", row->saved_j, JOULE_DIGITS);
    table_text(t, "label", row->label);
    table_number(t, "uncertainty_j", row->uncertainty_j, 2);
    table_number(t, "cpu_s", row->cpu_s, JOULE_DIGITS);
    table_number(t, "wall_s", row->wall_s, JOULE_DIGITS);
    table_number(t, "mean_w", row->wall_s > 0 ? joules / row->wall_s : (double)NAN, 3);
    table_number(t, "gco2", carbon_grams(&s->carbon, row->spent_j), 3);
    table_number(t, "saved_gco2", carbon_grams(&s->carbon, row->saved_j), 3);
    table_number(t, "count", (double)row->count, JOULE_DIGITS);
}

/* Adds the counter's joules that no stage is charged with. */
static void add_machine(struct table *t, const struct shown *s) {
    const cJSON *part;
    const char *first = s->by == ENERGY_BY_INSTANCE ? "stage" : group_names[s->by];
    cJSON_ArrayForEach(part, s->run.rows) {
        const char *name = run_file_row_read(part).part;
        const struct energy_view view = energy_view_read(part);
        if (strcmp(name, "stage") == 0)
            continue;
        char *shown = mem_printf("(%s)", name);
        table_row(t);
        table_text(t, first, shown);
        table_number(t, "spent_j", view.joules, JOULE_DIGITS);
        table_text(t, "label", view.label);
        if (s->by != ENERGY_BY_SOURCE)
            table_text(t, "source", view.source);
        free(shown);
    }
}

static struct table *make_rows(const struct shown *s) {
    struct table *t = table_create();
    for (size_t i = 0; i < s->account.count; i++) {
        const struct energy_row *row = s->account.rows[i];
        table_row(t);
        table_text(t, s->by == ENERGY_BY_INSTANCE ? "stage" : group_names[s->by], row->name);
        if (s->by < ENERGY_BY_KIND)
            table_text(t, "kind", row->kind ? row->kind : "");
        add_figures(t, s, row);
        if (s->by != ENERGY_BY_SOURCE)
            table_text(t, "source", row->source);
    }
    add_machine(t, s);
    return t;
}

static struct table *make_totals(const struct shown *s) {
    struct table *t = table_create();
    for (size_t i = 0; i < s->account.total_count; i++) {
        table_row(t);
        add_figures(t, s, s->account.totals[i]);
    }
    return t;
}

/* ---- for people ---- */

static size_t count_of(const struct energy_row *row, bool saved) {
    return saved ? row->saved_count : row->count - row->saved_count;
}

/* Attempts or records without a figure. */
static size_t count_unknown(const struct energy_account *a, bool saved) {
    size_t count = 0;
    for (size_t i = 0; i < a->total_count; i++)
        if (isnan(saved ? a->totals[i]->saved_j : a->totals[i]->spent_j))
            count += count_of(a->totals[i], saved);
    return count;
}

/* "12.3 J modelled, 4 J measured, unknown for 1 attempt"; "nothing" where nothing was spent or saved. */
static void print_sums(struct buffer *out, const struct energy_account *a, bool saved) {
    size_t shown = 0, unknown = count_unknown(a, saved);
    for (size_t i = 0; i < a->total_count; i++) {
        const struct energy_row *total = a->totals[i];
        double joules = saved ? total->saved_j : total->spent_j;
        if (isnan(joules) || count_of(total, saved) == 0)
            continue;
        buffer_puts(out, shown++ ? ", " : "");
        energy_figure(out, joules, total->label);
    }
    if (unknown)
        buffer_printf(out, "%sunknown for %zu %s%s", shown ? ", " : "", unknown, saved ? "record" : "attempt",
                      unknown == 1 ? "" : "s");
    else if (!shown)
        buffer_puts(out, "nothing");
}

static bool is_any(const struct energy_account *a, const char *label) {
    for (size_t i = 0; i < a->total_count; i++)
        if (strcmp(a->totals[i]->label, label) == 0)
            return true;
    return false;
}

static double grams(const struct shown *s, bool saved) {
    double sum = 0;
    for (size_t i = 0; i < s->account.total_count; i++) {
        double joules = saved ? s->account.totals[i]->saved_j : s->account.totals[i]->spent_j;
        sum += isnan(joules) ? 0 : carbon_grams(&s->carbon, joules);
    }
    return sum;
}

/* "0.5 g"; where some joules are unknown "at least 0.5 g", or "unknown". */
static void print_grams(struct buffer *out, const struct shown *s, bool saved) {
    double sum = grams(s, saved);
    bool unknown = count_unknown(&s->account, saved) > 0;
    if (unknown && sum == 0)
        buffer_puts(out, "unknown");
    else
        buffer_printf(out, "%s%.3g g", unknown ? "at least " : "", sum);
}

static void print_carbon(struct buffer *out, const struct shown *s) {
    buffer_puts(out, "CO2e: ");
    print_grams(out, s, false);
    buffer_puts(out, " spent, ");
    print_grams(out, s, true);
    buffer_printf(out, " saved, at %g g/kWh", s->carbon.g_per_kwh);
    if (s->carbon.region)
        buffer_printf(out, " (%s %d, %s)", s->carbon.region, s->carbon.year, s->carbon.cite);
    else
        buffer_printf(out, " (%s)", s->carbon.cite);
    buffer_printf(out, ", PUE %g\n", s->carbon.pue);
}

static void print_counter(struct buffer *out, const struct shown *s) {
    const struct energy_counter c = energy_counter_read(s->run.energy);
    if (!c.known)
        return;
    buffer_puts(out, "counter: ");
    energy_figure(out, c.joules, c.label);
    if (isfinite(c.wall_s))
        buffer_printf(out, " in %.4g s", c.wall_s);
    buffer_printf(out, " of the whole machine%s%s\n", *c.why ? ": " : "", c.why);
    if (c.base.windows == 0)
        return;
    buffer_printf(out, "base power: %.4g W measured, deviation %.2g W, over %zu windows", c.base.median_w, c.base.mad_w,
                  c.base.windows);
    if (isfinite(c.base.drift_w))
        buffer_printf(out, ", %+.2g W from before to after", c.base.drift_w);
    buffer_putc(out, '\n');
}

static void print_prediction(struct buffer *out, const struct shown *s) {
    if (isnan(s->run.prediction.error))
        return;
    buffer_puts(out, "predicted: ");
    energy_figure(out, s->run.prediction.compared_j, s->run.prediction.label);
    buffer_printf(out, " for %.0f of the stages, which then took %+.0f %%\n", s->run.prediction.compared,
                  100 * s->run.prediction.error);
}

/* Lists resumed stages: each attempt is spent in the run that made it. */
static void print_resumed(struct buffer *out, const struct shown *s) {
    const cJSON *item;
    cJSON_ArrayForEach(item, s->run.rows) {
        const struct energy_view all = energy_view_all(item);
        if (all.attempts < 2)
            continue;
        buffer_printf(out, "%s: ", run_file_row_read(item).stage);
        energy_figure(out, all.joules, all.label);
        if (isfinite(all.cpu_s))
            buffer_printf(out, " and %.4g CPU seconds", all.cpu_s);
        buffer_printf(out, " in all %.0f attempts that led to it", all.attempts);
        if (all.unknown > 0)
            buffer_printf(out, ", %.0f of them without a figure", all.unknown);
        buffer_putc(out, '\n');
    }
}

static void print_text(struct buffer *out, const struct shown *s, const struct table *rows) {
    table_print(out, rows, TABLE_TEXT);
    if (!s->run.ended)
        buffer_printf(out, "\nrun %s was killed or still runs, so this table lists the records that its stages left\n",
                      s->run.id);
    buffer_printf(out, "\nrun %s: spent now: ", s->run.id);
    print_sums(out, &s->account, false);
    buffer_puts(out, "; saved by known stages: ");
    print_sums(out, &s->account, true);
    buffer_putc(out, '\n');
    print_resumed(out, s);
    print_counter(out, s);
    print_prediction(out, s);
    print_carbon(out, s);
    if (is_any(&s->account, "modelled"))
        buffer_puts(out,
                    "modelled: CPU seconds and memory times constants, no counter was read; there is no error bound\n");
}

/* ---- for programs ---- */

static void print_json(struct buffer *out, const struct shown *s, const struct table *rows) {
    static const char *const machine[] = {"label",        "why",     "source", "counter_j", "counter_s", "stages_j",
                                          "unresolved_j", "other_j", "idle_j", "baseline",  "series"};
    struct table *totals = make_totals(s);
    cJSON *carbon = carbon_json(&s->carbon), *counted = cJSON_CreateObject();
    buffer_puts(out, "{\"run\":");
    json_string(out, s->run.id);
    buffer_printf(out, ",\"ended\":%s", s->run.ended ? "true" : "false");
    buffer_puts(out, ",\n\"rows\":");
    table_print(out, rows, TABLE_JSON);
    buffer_puts(out, ",\"totals\":");
    table_print(out, totals, TABLE_JSON);
    for (size_t i = 0; i < COUNT(machine); i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(s->run.energy, machine[i]);
        if (item)
            json_add_copy(counted, machine[i], item);
    }
    buffer_puts(out, ",\"counter\":");
    if (counted->child)
        json_canonical(out, counted);
    else
        buffer_puts(out, "null");
    buffer_puts(out, ",\n\"carbon\":");
    json_canonical(out, carbon);
    buffer_puts(out, "}\n");
    cJSON_Delete(carbon);
    cJSON_Delete(counted);
    table_free(totals);
}

static void print(const struct shown *s) {
    struct buffer out = {0};
    struct table *rows = make_rows(s);
    if (s->format == TABLE_TEXT)
        print_text(&out, s, rows);
    else if (s->format == TABLE_CSV)
        table_print(&out, rows, TABLE_CSV);
    else
        print_json(&out, s, rows);
    if (s->format == TABLE_TEXT)
        printable_print(stdout, buffer_text(&out));
    else
        fputs(buffer_text(&out), stdout);
    buffer_close(&out);
    table_free(rows);
}

static int read_by(enum energy_by *out, const struct arguments *a, struct error *err) {
    const char *by = argument_value(a, "by", group_names[ENERGY_BY_INSTANCE]);
    for (size_t i = 0; i < COUNT(group_names); i++) {
        if (strcmp(group_names[i], by) != 0)
            continue;
        *out = (enum energy_by)i;
        return 0;
    }
    return error_set(err, ERR_USAGE, "energy: --by is instance, stage, kind or source, not \"%s\"", by);
}

static int run(const struct arguments *a, struct error *err) {
    struct shown s = {.format = argument_given(a, "json")  ? TABLE_JSON
                                : argument_given(a, "csv") ? TABLE_CSV
                                                           : TABLE_TEXT};
    struct store *store = NULL;
    cJSON *tree = NULL;
    if (argument_given(a, "processors"))
        return energy_processors_print(operand(a, 0), s.format, err);
    int code = read_by(&s.by, a, err);
    if (code == 0)
        code = carbon_open(&s.carbon, a, err);
    if (code == 0)
        code = project_open_store(&store, a, err);
    if (code == 0)
        code = store_run_read(store, operand(a, 0) ? operand(a, 0) : "latest", &tree, err);
    if (code == 0) {
        s.run = run_file_read(tree);
        code = energy_account_read(&s.account, store, &s.run, s.by, err);
        if (code == 0)
            print(&s);
        energy_account_close(&s.account);
    }
    carbon_close(&s.carbon);
    cJSON_Delete(tree);
    store_close(store);
    return code;
}

static const struct option options[] = {
    {"by", 0, "GROUP", "Add up by instance (default), stage, kind or source"},
    OPTIONS_CARBON,
    {"processors", 0, NULL,
     "Print the processor table instead, with the rows of a JSON file of your own: --processors FILE"},
    OPTION_JSON,
    {"csv", 0, NULL, "Print CSV"},
    OPTION_STORE,
};

const struct command command_energy = {
    .name = "energy",
    .operands = "[RUN]",
    .summary = "joules by stage, kind and source, spent now and saved by the cache",
    .doc = "Prints the joules of every stage of a run (default: the newest) with their label. It is measured (a "
           "counter was read), modelled (CPU seconds and memory times constants), unresolved or unavailable.\n"
           "Every attempt of this run is spent, failed ones too. Known stages cost nothing now; their cost when they "
           "ran is shown as saved. No joule is counted twice, and figures of different labels are never added up.\n"
           "The attempts at a resumed stage are spent in the run of each; the line below the table holds their sum. "
           "For a killed run the table lists the records that its stages left.\n"
           "If a counter was read, (other) is other processes and (idle) the machine at rest: the rows add up to the "
           "counter. --json shows power over time as well.\n"
           "CO2e is joules times a yearly mean intensity, with its source. It is a separate line because it is no "
           "property of the run.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
