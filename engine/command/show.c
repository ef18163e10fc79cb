#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/data.h"
#include "engine/base/memory.h"
#include "engine/command/states.h"
#include "engine/meter/meter.h"
#include "store/record_format.h"

struct shown {
    struct buffer out;
    bool json;
    size_t count;
    bool select; /* one was named */
    int code;
    struct error *err;
};

static void append_outs(struct buffer *out, const cJSON *outs) {
    const cJSON *item;
    cJSON_ArrayForEach(item, outs) {
        char hex[DIGEST_HEX_SIZE];
        struct object o;
        record_out_read(&o, item, NULL);
        digest_hex(hex, &o.digest);
        buffer_printf(out, "  out %-16s %.12s  %" PRIu64 " bytes\n", item->string, hex, o.size);
    }
}

static void append_metrics(struct buffer *out, const cJSON *metrics) {
    for (const cJSON *m = metrics ? metrics->child : NULL; m; m = m->next) {
        buffer_printf(out, "  metric %-22s ", m->string);
        data_put(out, m);
        buffer_puts(out, "\n");
    }
}

static void append_energy(struct buffer *out, const cJSON *energy) {
    const struct energy_view own = energy_view_read(energy), all = energy_view_all(energy);
    buffer_puts(out, "  energy ");
    energy_figure(out, own.joules, own.label);
    if (isfinite(own.uncertainty_j))
        buffer_printf(out, " (± %.2g J)", own.uncertainty_j);
    buffer_printf(out, ", source %s\n", *own.source ? own.source : "none");
    if (all.attempts > 1) {
        buffer_printf(out, "  all %.0f attempts that led to it ", all.attempts);
        energy_figure(out, all.joules, all.label);
        buffer_printf(out, ", %.3f CPU seconds\n", all.cpu_s);
    }
}

static void append_text(struct buffer *out, const cJSON *record) {
    const struct record_view r = record_read(record);
    buffer_printf(out, "%s\n  key %s\n  kind %s, run %s\n", r.stage, r.key, r.kind, r.run);
    buffer_printf(out, "  wall %.3f s, user %.3f s, system %.3f s, peak memory %.1f MiB\n", r.wall_s, r.user_s,
                  r.system_s, r.max_rss_bytes / 1048576);
    append_energy(out, r.energy);
    append_outs(out, r.outs);
    append_metrics(out, r.metrics);
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

static const struct option options[] = {OPTION_JSON, OPTIONS_PARAMS, OPTION_STORE};

const struct command command_show = {
    .name = "show",
    .operands = "[PIPELINE] STAGE...",
    .summary = "a stage's record: outs, metrics, resources, energy, provenance",
    .doc = "Prints the action record of every named instance whose result is known. --json prints it whole.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
