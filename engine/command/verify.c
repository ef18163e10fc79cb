#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/data.h"
#include "engine/base/json.h"
#include "engine/base/printable.h"
#include "engine/command/trusted.h"
#include "engine/meter/meter.h"
#include "engine/verify/verify.h"

enum { SHORT_DIGEST = 12, SEEDS = 1000000 };

struct telling {
    bool json;
    const char *store;
    cJSON *stages; /* with --json */
};

/* ---- a stage, for people ---- */

static void print_text_side(const char *side, double line, const cJSON *text) {
    printable_printf(stdout, "      line %.0f %s %s\n", line, side,
                     cJSON_IsString(text) ? text->valuestring : "(is not there)");
}

static void print_byte(const char *side, const cJSON *byte) {
    if (cJSON_IsNumber(byte))
        printable_printf(stdout, " %s 0x%02x", side, (unsigned)byte->valueint);
    else
        printable_printf(stdout, " %s at its end", side);
}

static void print_first(const cJSON *first) {
    const cJSON *recorded = cJSON_GetObjectItemCaseSensitive(first, "recorded");
    const cJSON *now = cJSON_GetObjectItemCaseSensitive(first, "now");
    if (strcmp(json_text(first, "type", ""), "text") == 0) {
        print_text_side("recorded:", json_double(first, "line", 0), recorded);
        print_text_side("now:     ", json_double(first, "line", 0), now);
    } else {
        printable_printf(stdout, "      first differing byte at %.0f:", json_double(first, "offset", 0));
        print_byte("recorded", recorded);
        print_byte("and now", now);
        putchar('\n');
    }
}

static void print_differences(const cJSON *first) {
    const cJSON *file;
    if (!cJSON_IsObject(first))
        return;
    if (strcmp(json_text(first, "type", ""), "directory") != 0) {
        print_first(first);
        return;
    }
    cJSON_ArrayForEach(file, cJSON_GetObjectItemCaseSensitive(first, "files")) {
        const char *only = json_text(file, "only", NULL);
        printable_printf(stdout, "    %s%s%s\n", json_text(file, "path", "?"), only ? ": only " : "", only ? only : "");
        if (!only)
            print_first(file);
    }
    if (json_double(first, "more", 0) > 0)
        printable_printf(stdout, "    and %.0f more\n", json_double(first, "more", 0));
}

static void print_side(const char *side, const cJSON *out) {
    if (cJSON_IsObject(out))
        printable_printf(stdout, "%s %.*s (%.0f bytes, mode %s)", side, SHORT_DIGEST, json_text(out, "sha256", "?"),
                         json_double(out, "size", 0), json_text(out, "mode", "?"));
    else
        printable_printf(stdout, "%s not", side);
}

static void print_metric(const cJSON *metric, const cJSON *tolerance) {
    struct buffer text = {0};
    const cJSON *recorded = cJSON_GetObjectItemCaseSensitive(metric, "recorded");
    double difference = json_double(metric, "difference", (double)NAN);
    buffer_printf(&text, "    metric %s: recorded ", json_text(metric, "name", "?"));
    data_put(&text, recorded);
    buffer_puts(&text, ", now ");
    data_put(&text, cJSON_GetObjectItemCaseSensitive(metric, "now"));
    if (!isnan(difference)) {
        buffer_puts(&text, ", difference ");
        json_number(&text, difference);
        double was = 0;
        if (data_number(&was, recorded) && was != 0)
            buffer_printf(&text, " (%.3g %%)", 100 * fabs(difference / was));
    }
    if (cJSON_IsNumber(tolerance))
        buffer_printf(&text, ", allowed %.3g %%", 100 * tolerance->valuedouble);
    printable_printf(stdout, "%s\n", buffer_text(&text));
    buffer_close(&text);
}

/* Differences within a tolerance are printed too: the bytes differ. */
static void print_stage(const struct telling *t, const cJSON *stage) {
    const char *verdict = json_text(stage, "verdict", "?");
    const cJSON *item;
    printable_printf(stdout, "%-8s %s\n", verdict, json_text(stage, "stage", "?"));
    if (strcmp(verdict, "failed") == 0)
        printable_printf(stdout, "    %s\n", json_text(stage, "reason", "?"));
    if (strcmp(verdict, "differs") != 0)
        return;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(stage, "outs")) {
        printable_printf(stdout, "    out %s:", json_text(item, "name", "?"));
        print_side(" recorded", cJSON_GetObjectItemCaseSensitive(item, "recorded"));
        print_side(", now", cJSON_GetObjectItemCaseSensitive(item, "now"));
        putchar('\n');
        print_differences(cJSON_GetObjectItemCaseSensitive(item, "first"));
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(stage, "metrics"))
        print_metric(item, cJSON_GetObjectItemCaseSensitive(stage, "tolerance"));
    printable_printf(stdout, "    recorded by run %s; now: %s/attempts/%s.json\n",
                     json_text(cJSON_GetObjectItemCaseSensitive(stage, "recorded"), "run", "?"), t->store,
                     json_text(cJSON_GetObjectItemCaseSensitive(stage, "now"), "attempt", "?"));
}

static void on_judged(void *context, const cJSON *stage) {
    struct telling *t = context;
    if (t->json)
        cJSON_AddItemToArray(t->stages, cJSON_Duplicate(stage, true));
    else
        print_stage(t, stage);
    fflush(stdout);
}

static void on_started(void *context, const struct instance *i) {
    (void)context;
    printable_printf(stderr, "executing %s once more\n", instance_name(i));
}

/* ---- the end ---- */

static void print_summary(const struct verify_summary *s, long seed) {
    struct buffer text = {0};
    buffer_printf(&text,
                  "%zu of %zu recorded stages executed once more (seed %ld): %zu same, %zu within their tolerance, %zu "
                  "differ, %zu failed; energy ",
                  s->same + s->within + s->differ + s->failed, s->recorded, seed, s->same, s->within, s->differ,
                  s->failed);
    energy_figure(&text, s->joules, s->label);
    printable_printf(stdout, "%s\n", buffer_text(&text));
    if (s->unrecorded > 0)
        printable_printf(stdout, "%zu more are not recorded; retort run makes them\n", s->unrecorded);
    buffer_close(&text);
}

static void print_json(const struct telling *t, const struct verify_summary *s, double share, long seed) {
    struct buffer text = {0};
    cJSON *all = cJSON_CreateObject();
    cJSON_AddNumberToObject(all, "seed", (double)seed);
    cJSON_AddNumberToObject(all, "sample", share);
    cJSON_AddNumberToObject(all, "recorded", (double)s->recorded);
    cJSON_AddNumberToObject(all, "unrecorded", (double)s->unrecorded);
    cJSON_AddNumberToObject(all, "chosen", (double)s->chosen);
    cJSON_AddNumberToObject(all, "same", (double)s->same);
    cJSON_AddNumberToObject(all, "within", (double)s->within);
    cJSON_AddNumberToObject(all, "differ", (double)s->differ);
    cJSON_AddNumberToObject(all, "failed", (double)s->failed);
    cJSON *energy = cJSON_AddObjectToObject(all, "energy");
    cJSON_AddItemToObject(energy, "joules", isnan(s->joules) ? cJSON_CreateNull() : cJSON_CreateNumber(s->joules));
    cJSON_AddStringToObject(energy, "label", s->label);
    cJSON_AddItemReferenceToObject(all, "stages", t->stages);
    json_pretty(&text, all);
    printf("%s\n", buffer_text(&text));
    buffer_close(&text);
    cJSON_Delete(all);
}

/* ---- options ---- */

static int read_share(const struct arguments *a, double *out, struct error *err) {
    const char *text = argument_value(a, "sample", "100%");
    char *end;
    double percent = strtod(text, &end);
    if (end == text || strcmp(end, "%") != 0 || !(percent > 0 && percent <= 100))
        return error_set(err, ERR_USAGE, "verify: --sample takes a share such as 10%%, not \"%s\"", text);
    *out = percent / 100;
    return 0;
}

static int verify(struct project *p, const struct verify_options *asked, bool json, struct error *err) {
    struct verify_summary summary;
    struct telling t = {.json = json, .store = store_directory(p->store), .stages = cJSON_CreateArray()};
    struct verify_options options = *asked;
    options.stage_program = p->stage_program;
    options.committed = p->committed;
    options.context = &t;
    options.judged = on_judged;
    options.started = on_started;
    int code = verify_stages(p->pipeline, p->plan, p->store, &options, &summary, err);
    if (summary.chosen > 0 && json)
        print_json(&t, &summary, options.share, (long)options.seed);
    else if (summary.chosen > 0)
        print_summary(&summary, (long)options.seed);
    cJSON_Delete(t.stages);
    return code;
}

static int run(const struct arguments *a, struct error *err) {
    struct verify_options options = {0};
    struct project p = {0};
    long seed;
    int code = read_share(a, &options.share, err);
    if (code == 0)
        code = argument_count(a, "seed", 1, (long)(clock_monotonic_ns() % SEEDS) + 1, &seed, err);
    if (code == 0)
        code = project_limits(&options.limits, a, err);
    if (code)
        return code;
    options.seed = (uint64_t)seed;
    code = project_open(&p, a, PROJECT_STORE, err);
    if (code == 0)
        code = trusted_require(&p, false, err);
    options.all = p.target_count == 0;
    if (code == 0)
        code = project_gpus(&options.gpus, &options.limits, &p, a, err);
    if (code == 0) {
        store_hold(p.store);
        code = project_plan(&p, err);
    }
    options.covers = code == 0 ? project_covers(&p, a) : NULL;
    options.no_sandbox = argument_given(a, "no-sandbox");
    if (code == 0)
        code = verify(&p, &options, argument_given(a, "json"), err);
    gpus_free(options.gpus);
    project_close(&p);
    return code;
}

static const struct option options[] = {
    {"sample", 0, "N%", "Execute only this share of the recorded stages, chosen by the seed (default 100%)"},
    {"seed", 0, "N", "Choose the stages of the verification that printed this seed"},
    OPTION_JOBS,
    OPTION_GPUS,
    OPTION_NO_ISOLATION,
    OPTION_NO_SANDBOX,
    OPTION_JSON,
    OPTIONS_PARAMS,
    OPTION_STORE,
};

const struct command command_verify = {
    .name = "verify",
    .operands = "[PIPELINE] [STAGE...]",
    .summary = "execute recorded stages once more and compare",
    .doc = "Executes recorded stages again with their recorded inputs, in directories of their own, and compares the "
           "bytes of every out.\n"
           "For some stages only metrics are compared, within the tolerance. These are stages declared "
           "\"deterministic\": false, kinds that measure the machine, and kinds with a tolerance (retort kinds) whose "
           "record is from another platform.\n"
           "Differences are shown side by side; the records do not change. The record of each execution is kept among "
           "the store's attempts. Exit status 1 means that a stage differs, or failed.",
    .options = options,
    .option_count = COUNT(options),
    .starts_programs = true,
    .run = run,
};
