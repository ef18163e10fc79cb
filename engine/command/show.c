#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/data.h"
#include "engine/base/memory.h"
#include "engine/base/printable.h"
#include "engine/command/last_attempt.h"
#include "engine/command/states.h"
#include "engine/meter/meter.h"
#include "store/attempts.h"
#include "store/record_format.h"

/* A named instance and its record; NULL: the store has none. Then an uncached stage shows that of its last attempt. */
struct shown_record {
    const struct instance *instance;
    cJSON *record;
    bool is_other;          /* of an earlier key */
    struct texts withdrawn; /* runs that withdrew an earlier record of the key */
};

struct shown {
    struct shown_record *items;
    size_t count, capacity;
    const struct instance **others; /* named, and selects, or without a record */
    size_t other_count, other_capacity;
    int code;
    struct error *err;
};

static void append_outs(struct buffer *out, const struct record_view *r) {
    const cJSON *item;
    cJSON_ArrayForEach(item, r->outs) {
        char hex[DIGEST_HEX_SIZE];
        struct object o;
        record_out_read(&o, item, NULL);
        digest_hex(hex, &o.digest);
        buffer_printf(out, "  out %-16s %.12s  %" PRIu64 " bytes\n", item->string, hex, o.size);
    }
    cJSON_ArrayForEach(item, r->absent) {
        buffer_printf(out, "  out %-16s was not written\n", item->valuestring);
    }
}

static void append_metrics(struct buffer *out, const cJSON *metrics) {
    for (const cJSON *m = metrics ? metrics->child : NULL; m; m = m->next) {
        buffer_printf(out, "  metric %-22s ", m->string);
        data_put(out, m);
        buffer_puts(out, "\n");
    }
}

static void append_seconds(struct buffer *out, const char *name, double seconds) {
    if (isfinite(seconds))
        buffer_printf(out, "%s %.3f s", name, seconds);
    else
        buffer_printf(out, "%s unknown", name);
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
        append_seconds(out, ", CPU time", all.cpu_s);
        buffer_puts(out, "\n");
    }
}

static void append_programs(struct buffer *out, const struct record_view *r) {
    const cJSON *item;
    cJSON_ArrayForEach(item, r->programs) {
        const struct record_program p = record_program_read(item);
        buffer_printf(out, "  program %-12s %.12s  %s\n", p.name, p.sha256 ? p.sha256 : "not found",
                      p.path ? p.path : "");
    }
    if (!r->python)
        return;
    const struct record_python python = record_python_read(r->python);
    buffer_printf(out, "  python %s, %d packages, %s\n", *python.version ? python.version : "of unknown version",
                  cJSON_GetArraySize(python.packages), python.prefix);
    cJSON_ArrayForEach(item, python.packages) {
        buffer_printf(out, "    %s %s\n", item->string, item->valuestring);
    }
    cJSON_ArrayForEach(item, python.uncovered) {
        buffer_printf(out, "  imports from %s are not covered by the key\n", item->valuestring);
    }
}

static void append_gpus(struct buffer *out, const cJSON *gpus) {
    const cJSON *item;
    cJSON_ArrayForEach(item, gpus) {
        buffer_printf(out, "  gpu %s\n", item->valuestring);
    }
}

/* The larger of two peaks: that of the largest process, and that of all processes together where it is known. */
static void append_memory(struct buffer *out, const struct record_view *r) {
    double peak = fmax(r->max_rss_bytes, r->memory_peak_bytes);
    if (isfinite(peak))
        buffer_printf(out, ", peak memory %.1f MiB", peak / 1048576);
    if (isfinite(peak) && isfinite(r->memory_limit_bytes))
        buffer_printf(out, " of %.1f MiB declared (%s)", r->memory_limit_bytes / 1048576, r->memory_guard);
}

static void append_text(struct buffer *out, const struct shown_record *item) {
    const struct record_view r = record_read(item->record);
    buffer_printf(out, "%s\n  key %s%s\n  kind %s, run %s\n", r.stage, r.key, item->is_other ? " (an earlier one)" : "",
                  r.kind, r.run);
    state_put_withdrawals(out, &item->withdrawn);
    append_seconds(out, "  wall", r.wall_s);
    append_seconds(out, ", user", r.user_s);
    append_seconds(out, ", system", r.system_s);
    append_memory(out, &r);
    buffer_puts(out, "\n");
    if (*r.source.url)
        buffer_printf(out, "  from %s#%s:%s\n", r.source.url, r.source.commit, r.source.path);
    append_programs(out, &r);
    append_gpus(out, r.gpus);
    append_energy(out, r.energy);
    append_outs(out, &r);
    append_metrics(out, r.metrics);
    buffer_puts(out, "  (--json shows everything: components of the key, provenance, energy)\n");
}

static void add(void *context, const struct project *p, const struct instance *i) {
    struct shown *s = context;
    cJSON *record = NULL;
    if (i->state != INSTANCE_DONE || i->decl->type == STAGE_SELECT) {
        mem_grow(s->others, &s->other_capacity, s->other_count + 1);
        s->others[s->other_count++] = i;
    }
    if (i->decl->type == STAGE_SELECT || s->code || (i->state != INSTANCE_DONE && i->decl->cache))
        return;
    if (i->state == INSTANCE_DONE)
        s->code = store_record_find(p->store, &i->key, p->platform, &record, s->err);
    mem_grow(s->items, &s->capacity, s->count + 1);
    struct shown_record *item = &s->items[s->count++];
    *item = (struct shown_record){.instance = i, .record = record};
    if (s->code == 0 && record)
        s->code = store_withdrawals(&item->withdrawn, p->store, &i->key, s->err);
}

/* Reads the record of an attempt that finished. */
static int read_attempt(struct shown_record *item, const struct project *p, const struct last_attempt *last,
                        struct error *err) {
    struct error why = {0};
    int code = store_attempt_read(p->store, last->attempt, &item->record, &why);
    if (code && code != ERR_NOT_FOUND)
        return error_set(err, code, "%s", why.message);
    item->is_other = last->is_other;
    if (code == 0 && strcmp(record_read(item->record).state, "finished") != 0) {
        cJSON_Delete(item->record);
        item->record = NULL;
    }
    return 0;
}

static int add_uncached(struct shown *s, const struct project *p, struct error *err) {
    struct last_attempt *last = mem_array(s->count + 1, sizeof *last);
    struct shown_record **open = mem_array(s->count + 1, sizeof *open);
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++)
        if (!s->items[i].record) {
            open[count] = &s->items[i];
            last[count++].instance = s->items[i].instance;
        }
    int code = last_attempts_find(last, count, p, err);
    for (size_t i = 0; i < count; i++) {
        if (code == 0 && last[i].attempt)
            code = read_attempt(open[i], p, &last[i], err);
        free(last[i].attempt);
    }
    free(open);
    free(last);
    return code;
}

/* Drops those that have none. */
static void keep_found(struct shown *s) {
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->items[i].record)
            s->items[kept++] = s->items[i];
    s->count = kept;
}

/* One record is printed as itself, several as an array. */
static void print_shown(const struct shown *s, bool json) {
    struct buffer out = {0};
    for (size_t i = 0; i < s->count; i++) {
        if (i)
            buffer_puts(&out, json ? ",\n" : "\n");
        if (json)
            json_pretty(&out, s->items[i].record);
        else
            append_text(&out, &s->items[i]);
    }
    if (json && s->count > 1)
        printf("[\n%s\n]\n", buffer_text(&out));
    else if (json)
        printf("%s\n", buffer_text(&out));
    else
        printable_print(stdout, buffer_text(&out));
    buffer_close(&out);
}

/* ---- instances without a record ---- */

static bool has_record(const struct shown *s, const struct instance *i) {
    for (size_t k = 0; k < s->count; k++)
        if (s->items[k].instance == i)
            return true;
    return false;
}

/* A select makes no record: its table is shown. */
static size_t print_selects(const struct shown *s, const struct project *p, bool json) {
    struct buffer out = {0};
    size_t count = 0;
    for (size_t k = 0; k < s->other_count; k++) {
        const struct instance *i = s->others[k];
        const cJSON *table = i->decl->type == STAGE_SELECT ? plan_select_table(p->plan, i) : NULL;
        if (!table)
            continue;
        count++;
        if (json) {
            json_pretty(&out, table);
        } else {
            buffer_printf(&out, "%s: ", instance_name(i));
            plan_select_choice(&out, p->plan, i);
            buffer_putc(&out, '\n');
            plan_select_text(&out, p->plan, i);
        }
        buffer_putc(&out, '\n');
    }
    printable_print(stdout, buffer_text(&out));
    buffer_close(&out);
    return count;
}

static void put_failure(struct buffer *out, const struct project *p, const struct failures *failures,
                        const struct instance *i) {
    const struct failure *f = failures_get(failures, i);
    bool failed = i->state == INSTANCE_FAILED && !plan_select_table(p->plan, i);
    if (!f && !failed)
        return;
    buffer_printf(out, "%s has no record: %sit ", instance_name(i),
                  plan_was_left_out(p->plan, i) ? "a quorum goes on without it; " : "");
    if (f)
        failure_put(out, f->when, f->reason);
    else
        buffer_puts(out, i->reason);
    buffer_putc(out, '\n');
    failure_put_directory(out, p, i);
}

/* Says on stderr how those failed that have no record. Returns how many did. */
static int print_failures(size_t *told, const struct shown *s, const struct project *p, struct error *err) {
    struct failures failures;
    struct buffer out = {0};
    int code = failures_find(&failures, p, err);
    for (size_t k = 0; code == 0 && k < s->other_count; k++) {
        size_t before = out.size;
        if (!has_record(s, s->others[k]))
            put_failure(&out, p, &failures, s->others[k]);
        *told += out.size > before;
    }
    printable_print(stderr, buffer_text(&out));
    failures_close(&failures);
    buffer_close(&out);
    return code;
}

static int print_others(const struct shown *s, const struct project *p, const char *named, bool json,
                        struct error *err) {
    size_t tables = print_selects(s, p, json), failed = 0;
    int code = print_failures(&failed, s, p, err);
    if (code == 0 && s->count + tables == 0)
        code = error_set(err, ERR_NOT_FOUND, "%s has no record%s", named,
                         failed ? ": see above" : " yet; retort why says what it waits for");
    return code;
}

static void shown_close(struct shown *s) {
    for (size_t i = 0; i < s->count; i++) {
        texts_close(&s->items[i].withdrawn);
        cJSON_Delete(s->items[i].record);
    }
    free(s->items);
    free(s->others);
}

static int run(const struct arguments *a, struct error *err) {
    struct project p;
    struct shown shown = {.err = err};
    int code = project_open(&p, a, PROJECT_STORE, err);
    if (code == 0)
        code = project_plan(&p, err);
    if (code == 0)
        state_each_named(&p, add, &shown);
    if (code == 0)
        code = shown.code;
    if (code == 0)
        code = add_uncached(&shown, &p, err);
    keep_found(&shown);
    if (code == 0 && shown.count > 0)
        print_shown(&shown, argument_given(a, "json"));
    if (code == 0 && shown.other_count > 0)
        code = print_others(&shown, &p, operand(a, 1), argument_given(a, "json"), err);
    shown_close(&shown);
    project_close(&p);
    return code;
}

static const struct option options[] = {OPTION_JSON, OPTIONS_PARAMS, OPTION_STORE};

const struct command command_show = {
    .name = "show",
    .operands = "[PIPELINE] STAGE...",
    .summary = "a stage's record: outs, metrics, resources, energy, provenance",
    .doc = "Prints the action record of every named instance whose result is known. For a stage with \"cache\": false "
           "it is the record of its last attempt. --json prints it whole. Of a select it prints the table of its "
           "candidates. If a stage failed, it says when and how.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
