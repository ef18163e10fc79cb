#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/printable.h"
#include "engine/command/plan_predict.h"
#include "engine/command/states.h"

static bool is_shown(const struct instance *i) {
    return i->wanted && i->decl->type != STAGE_SELECT;
}

static void print_json_row(struct buffer *out, const char *stage, const char *key, const char *state,
                           const char *reason) {
    bool first = out->data[out->size - 1] == '\n'; /* behind the bracket */
    buffer_puts(out, first ? "{\"stage\":" : ",\n{\"stage\":");
    json_string(out, stage);
    buffer_puts(out, ",\"key\":");
    if (key)
        json_string(out, key);
    else
        buffer_puts(out, "null");
    buffer_printf(out, ",\"state\":\"%s\",\"reason\":", state);
    json_string(out, reason);
    buffer_puts(out, "}");
}

static void print_cell(struct buffer *out, const char *text, size_t width) {
    size_t length = strlen(text);
    buffer_append(out, text, length);
    for (; length < width; length++)
        buffer_putc(out, ' ');
    buffer_putc(out, ' ');
}

static void print_text_row(struct buffer *out, const char *stage, const char *state, const char *reason) {
    print_cell(out, state, 8);
    print_cell(out, stage, 44);
    buffer_puts(out, reason);
    buffer_putc(out, '\n');
}

static void print_row(struct buffer *out, bool json, const char *stage, const char *key, const char *state,
                      const char *reason) {
    if (json)
        print_json_row(out, stage, key, state, reason);
    else
        print_text_row(out, stage, state, strcmp(reason, "known") == 0 ? "" : reason);
}

/* "its instances follow from list": the stage whose rows an axis waits for. The caller frees. */
static char *reason_unexpanded(const struct stage_decl *stage) {
    for (size_t i = 0; i < stage->matrix.axis_count; i++) {
        const struct axis *axis = &stage->matrix.axes[i];
        if (axis->rows)
            return mem_printf("its instances follow from %s", axis->values->as.reference->stage->full_name);
    }
    return mem_strdup("its matrix depends on results still to come");
}

/* Prints one row for each stage whose instances are unknown yet. */
static void print_unexpanded(struct buffer *out, const struct project *p, bool json) {
    size_t count = plan_unexpanded(p->plan, NULL, 0);
    const struct stage_decl **stages = mem_array(count + 1, sizeof(const struct stage_decl *));
    plan_unexpanded(p->plan, stages, count);
    for (size_t k = 0; k < count; k++) {
        char *reason = reason_unexpanded(stages[k]);
        if (stages[k]->type != STAGE_SELECT)
            print_row(out, json, stages[k]->full_name, NULL, "waiting", reason);
        free(reason);
    }
    free(stages);
}

/* With --predict one object holds both parts: {"plan": [...], "prediction": {...}}. */
static void print_prediction(struct buffer *out, const struct project *p, bool json, bool wanted) {
    struct plan_prediction x;
    if (json && !wanted)
        return;
    plan_predict(&x, p);
    bool any = wanted && x.sum->stages + x.sum->without > 0;
    if (json) {
        cJSON *sum = plan_prediction_json(&x);
        buffer_puts(out, ",\"prediction\":");
        json_canonical(out, sum);
        buffer_puts(out, ",\n\"stages\":");
        cJSON_Delete(sum);
    } else {
        plan_prediction_line(out, &x);
        buffer_puts(out, any ? "\n" : "");
    }
    if (json || any) {
        struct table *rows = plan_prediction_rows(&x);
        table_print(out, rows, json ? TABLE_JSON : TABLE_TEXT);
        table_free(rows);
    }
    if (json)
        buffer_puts(out, "}\n");
    plan_prediction_close(&x);
}

static void print_counts(struct buffer *out, bool json, const size_t counts[3], size_t left_out, size_t omitted) {
    if (json) {
        buffer_puts(out, "\n]\n");
        return;
    }
    buffer_printf(out, "%zu known, %zu to run, %zu waiting", counts[0], counts[1], counts[2]);
    if (left_out > 0)
        buffer_printf(out, ", %zu left out by a quorum", left_out);
    if (omitted > 0)
        buffer_printf(out, ", %zu left out by \"when\"", omitted);
    buffer_putc(out, '\n');
}

static void print_plan(const struct project *p, const struct failures *failures, bool json, bool predict) {
    struct buffer out = {0};
    struct earlier_records earlier = {.store = p->store, .failures = failures};
    size_t count, counts[3] = {0}, left_out = 0;
    struct instance *const *all = plan_instances(p->plan, &count);
    if (json)
        buffer_puts(&out, predict ? "{\"plan\":[\n" : "[\n");
    store_read_begin(p->store);
    for (size_t k = 0; k < count; k++) {
        const struct instance *i = all[k];
        store_read_tick(p->store);
        if (!is_shown(i))
            continue;
        struct buffer reason = {0};
        char key[DIGEST_HEX_SIZE];
        digest_hex(key, &i->key);
        state_reason(&reason, &earlier, p->plan, i);
        print_row(&out, json, instance_name(i), i->keyed ? key : NULL, state_name(p->plan, i), buffer_text(&reason));
        buffer_close(&reason);
        if (plan_was_left_out(p->plan, i))
            left_out++;
        else
            counts[i->state == INSTANCE_DONE ? 0 : i->state == INSTANCE_KEYED ? 1 : 2]++;
    }
    store_read_end(p->store, NULL);
    earlier_close(&earlier);
    print_unexpanded(&out, p, json);
    print_counts(&out, json, counts, left_out, plan_omitted(p->plan));
    print_prediction(&out, p, json, predict);
    if (json)
        fputs(buffer_text(&out), stdout);
    else
        printable_print(stdout, buffer_text(&out));
    buffer_close(&out);
}

static void say(void *context, const char *line) {
    (void)context;
    fprintf(stderr, "%s\n", line);
}

static int run(const struct arguments *a, struct error *err) {
    struct project p;
    struct failures failures = {0};
    int code = project_open(&p, a, PROJECT_STORE_OR_EMPTY, err);
    if (code == 0)
        p.drift = drift_create(p.facts);
    p.refuses_faults = true;
    p.recall = RECALL_REMEMBERED;
    if (code == 0)
        code = project_plan(&p, err);
    if (code == 0)
        drift_report(p.drift, p.store, p.platform, say, NULL);
    if (code == 0)
        code = failures_find(&failures, &p, err);
    if (code == 0)
        print_plan(&p, &failures, argument_given(a, "json"), argument_given(a, "predict"));
    failures_close(&failures);
    project_close(&p);
    return code;
}

static const struct option options[] = {
    {"predict", 0, NULL, "Add the expected seconds and joules of each stage"},
    OPTION_JSON,
    OPTIONS_PARAMS,
    OPTION_STORE,
};

const struct command command_plan = {
    .name = "plan",
    .operands = "[PIPELINE] [STAGE...]",
    .summary = "show what would run and why, running nothing",
    .doc = "Lists every stage with its state and the reason. A stage is known, or it has to run because no record has "
           "its key. Or it waits: its key or its instances depend on results still to come. If the last attempt at "
           "the key failed, the reason says when and how. An instance that a quorum goes on without is known.\n"
           "The last line predicts time and joules from the median of the nearest earlier records, with their spread; "
           "modelled joules are labelled.\n"
           "--json prints one array of {\"stage\",\"key\",\"state\",\"reason\"}; with --predict an object with "
           "\"plan\", that array, \"prediction\", the sums, and \"stages\", a row each.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
