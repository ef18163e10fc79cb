#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/command/states.h"
#include "engine/meter/meter.h"

struct shown {
    struct buffer out;
    bool json;
    size_t count;
    bool select; /* one was named */
    int code;
    struct error *err;
};

static void append_outs(struct buffer *out, const cJSON *outs) {
    for (const cJSON *o = outs ? outs->child : NULL; o; o = o->next)
        buffer_printf(out, "  out %-16s %.12s  %.0f bytes\n", o->string, json_text(o, "sha256", "?"),
                      json_double(o, "size", 0));
}

static void append_metrics(struct buffer *out, const cJSON *metrics) {
    for (const cJSON *m = metrics ? metrics->child : NULL; m; m = m->next) {
        buffer_printf(out, "  metric %-22s ", m->string);
        json_number(out, m->valuedouble);
        buffer_puts(out, "\n");
    }
}

static void append_text(struct buffer *out, const cJSON *record) {
    const cJSON *resources = cJSON_GetObjectItemCaseSensitive(record, "resources");
    const cJSON *energy = cJSON_GetObjectItemCaseSensitive(record, "energy");
    buffer_printf(out, "%s\n  key %s\n  kind %s, run %s\n", json_text(record, "stage", "?"),
                  json_text(record, "key", "?"), json_text(record, "kind", "?"), json_text(record, "run", "?"));
    buffer_printf(out, "  wall %.3f s, user %.3f s, system %.3f s, peak memory %.1f MiB\n",
                  json_double(record, "wall_s", 0), json_double(resources, "user_s", 0),
                  json_double(resources, "system_s", 0), json_double(resources, "max_rss_bytes", 0) / 1048576);
    buffer_puts(out, "  energy ");
    energy_figure(out, json_double(energy, "joules", (double)NAN), json_text(energy, "label", "unavailable"));
    double uncertainty_j = json_double(energy, "uncertainty_j", (double)NAN);
    if (isfinite(uncertainty_j))
        buffer_printf(out, " (± %.2g J)", uncertainty_j);
    buffer_printf(out, ", source %s\n", json_text(energy, "source", "none"));
    const cJSON *attempts = cJSON_GetObjectItemCaseSensitive(energy, "attempts");
    if (attempts) {
        buffer_printf(out, "  all %.0f attempts that led to it ", json_double(attempts, "count", 0));
        energy_figure(out, json_double(attempts, "joules", (double)NAN), json_text(attempts, "label", ""));
        buffer_printf(out, ", %.3f CPU seconds\n", json_double(attempts, "cpu_s", 0));
    }
    append_outs(out, cJSON_GetObjectItemCaseSensitive(record, "outs"));
    append_metrics(out, cJSON_GetObjectItemCaseSensitive(record, "metrics"));
    buffer_puts(out, "  (--json shows everything: components of the key, provenance, energy)\n");
}

static void show(void *context, const struct project *p, const struct instance *i) {
    struct shown *s = context;
    cJSON *record = NULL;
    s->select |= i->decl->type == STAGE_SELECT;
    if (i->decl->type == STAGE_SELECT || i->state != INSTANCE_DONE || s->code)
        return;
    s->code = store_record_find(p->store, &i->key, p->platform, &record, s->err);
    if (s->code)
        return;
    if (s->json) {
        if (s->count)
            buffer_puts(&s->out, ",\n");
        json_pretty(&s->out, record);
    } else {
        if (s->count)
            buffer_puts(&s->out, "\n");
        append_text(&s->out, record);
    }
    s->count++;
    cJSON_Delete(record);
}

/* One record is printed as itself, several as an array. */
static void print_shown(const struct shown *s) {
    if (s->json && s->count > 1)
        printf("[\n%s\n]\n", buffer_text(&s->out));
    else
        printf("%s%s", buffer_text(&s->out), s->json && s->count ? "\n" : "");
}

static int run(const struct arguments *a, struct error *err) {
    if (operand_count(a) < 2)
        return error_set(err, ERR_USAGE, "show: name the pipeline and a stage: retort show PIPELINE STAGE");
    struct project p;
    struct shown shown = {.json = argument_given(a, "json"), .err = err};
    int code = project_open(&p, a, PROJECT_STORE, err);
    if (code == 0)
        code = project_plan(&p, operands_from(a, 1), operand_count(a) - 1, err);
    if (code == 0)
        state_each_named(&p, show, &shown);
    if (code == 0)
        code = shown.code;
    if (code == 0 && shown.count == 0)
        code = error_set(err, ERR_NOT_FOUND, "%s has no record%s", operand(a, 1),
                         shown.select ? ": a select makes none; retort why shows its candidates"
                                      : " yet; retort why says what it waits for");
    if (code == 0)
        print_shown(&shown);
    buffer_close(&shown.out);
    project_close(&p);
    return code;
}

static const struct option options[] = {OPTION_JSON, OPTION_SET, OPTION_PARAMS, OPTION_STORE};

const struct command command_show = {
    .name = "show",
    .operands = "PIPELINE STAGE...",
    .summary = "a stage's record: outs, metrics, resources, energy, provenance",
    .doc = "Prints the action record of every named instance whose result is known. --json prints it whole.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
