#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/printable.h"
#include "engine/command/states.h"
#include "engine/plan/why.h"
#include "store/record_format.h"

struct explanation {
    struct buffer text;
    struct earlier_records earlier;
    struct failures failures;
};

/* The PATH on which the stage finds its programs now; NULL: it holds places in the stage's directory. */
static const char *search_path(const struct project *p, const struct instance *i, const cJSON *components) {
    const cJSON *declared = cJSON_GetObjectItemCaseSensitive(components, "env.PATH");
    return declared ? cJSON_GetStringValue(declared) : facts_stage_path(p->facts, i->decl);
}

static void explain_program(struct buffer *out, struct facts *facts, const struct record_program *program,
                            const char *search) {
    char now[DIGEST_HEX_SIZE];
    struct digest digest;
    if (facts_program(facts, program->name, search, &digest, NULL) < 0) {
        buffer_printf(out, "  the program %s, which made it, is missing now\n", program->name);
        return;
    }
    digest_hex(now, &digest);
    if (strcmp(now, program->sha256) != 0)
        buffer_printf(
            out, "  the program %s has changed since: %.12s -> %.12s (\"pin\": [\"%s\"] would put it in the key)\n",
            program->name, program->sha256, now, program->name);
}

static void explain_python(struct buffer *out, const struct project *p, const struct instance *i, const cJSON *python) {
    const struct record_python recorded = record_python_read(python);
    const struct interpreter *now = python ? interpreter_of_stage(p->facts, i->decl) : NULL;
    char hex[DIGEST_HEX_SIZE];
    if (!now)
        return;
    digest_hex(hex, &now->digest);
    if (strcmp(hex, recorded.sha256) == 0)
        return;
    buffer_puts(out, "  its Python environment has changed since: ");
    drift_difference(out, &recorded, now);
    buffer_putc(out, '\n');
}

/* A program enters the key by its name alone. This says if another program has that name now. */
static void explain_programs(struct buffer *out, const struct project *p, const struct instance *i,
                             const cJSON *record) {
    const struct record_view r = record_read(record);
    const char *search = search_path(p, i, r.components);
    const cJSON *item;
    if (strcmp(r.kind, "cmd") != 0 || !search)
        return; /* the key holds a kind's version instead */
    cJSON_ArrayForEach(item, r.programs) {
        const struct record_program program = record_program_read(item);
        if (program.sha256)
            explain_program(out, p->facts, &program, search);
    }
    explain_python(out, p, i, r.python);
}

static void explain_known(struct buffer *out, const struct project *p, const struct instance *i) {
    char key[DIGEST_HEX_SIZE];
    cJSON *record = NULL;
    struct texts withdrawn;
    digest_hex(key, &i->key);
    buffer_printf(out, "known: key %.12s has a record\n", key);
    if (store_record_find(p->store, &i->key, p->platform, &record, NULL) == 0)
        explain_programs(out, p, i, record);
    if (store_withdrawals(&withdrawn, p->store, &i->key, NULL) == 0)
        state_put_withdrawals(out, &withdrawn);
    texts_close(&withdrawn);
    cJSON_Delete(record);
}

static void explain_run(struct explanation *x, const struct project *p, const struct instance *i) {
    struct buffer *out = &x->text, lines = {0};
    if (failures_get(&x->failures, i))
        failure_put_directory(out, p, i);
    cJSON *components = instance_components(i);
    const cJSON *nearest = earlier_nearest(&x->earlier, i, components);
    if (!nearest) {
        buffer_puts(out, "  no earlier record of this stage or its kind\n");
        cJSON_Delete(components);
        return;
    }
    const struct record_view earlier = record_read(nearest);
    why_difference(&lines, components, earlier.components);
    buffer_printf(out, "  against the nearest earlier record, %s of run %s%s\n", earlier.stage, earlier.run,
                  lines.size > 0 ? ":" : ": the same key");
    for (const char *line = buffer_text(&lines); *line;) {
        size_t length = strcspn(line, "\n");
        buffer_printf(out, "    %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
    explain_programs(out, p, i, nearest);
    buffer_close(&lines);
    cJSON_Delete(components);
}

static void explain_select(struct buffer *out, const struct project *p, const struct instance *i) {
    const cJSON *table = plan_select_table(p->plan, i);
    if (!table)
        return;
    json_pretty(out, table);
    buffer_puts(out, "\n");
}

static void explain(void *context, const struct project *p, const struct instance *i) {
    struct explanation *x = context;
    struct buffer *out = &x->text, reason = {0};
    state_reason(&reason, &x->earlier, p->plan, i);
    buffer_printf(out, "%s: ", instance_name(i));
    if (i->decl->type == STAGE_SELECT) {
        buffer_printf(out, "%s\n", i->state == INSTANCE_DONE ? "selected" : buffer_text(&reason));
        explain_select(out, p, i);
    } else if (i->state == INSTANCE_DONE) {
        explain_known(out, p, i);
    } else if (i->state == INSTANCE_FAILED && i->keyed) { /* a run remembers it */
        buffer_printf(out, "%s\n", buffer_text(&reason));
        failure_put_directory(out, p, i);
    } else {
        buffer_printf(out, "%s: %s\n", i->state == INSTANCE_KEYED ? "runs" : "waiting", buffer_text(&reason));
        if (i->state == INSTANCE_KEYED)
            explain_run(x, p, i);
    }
    buffer_close(&reason);
}

static int run(const struct arguments *a, struct error *err) {
    struct project p;
    struct explanation x = {0};
    int code = project_open(&p, a, PROJECT_STORE_OR_EMPTY, err);
    p.recall = RECALL_REMEMBERED;
    if (code == 0)
        code = project_plan(&p, err);
    if (code == 0)
        code = failures_find(&x.failures, &p, err);
    x.earlier.store = p.store;
    x.earlier.failures = &x.failures;
    if (code == 0)
        state_each_named(&p, explain, &x);
    if (code == 0 && x.text.size == 0)
        buffer_printf(&x.text, "%s: its instances depend on results still to come\n", operand(a, 1));
    printable_print(stdout, buffer_text(&x.text));
    buffer_close(&x.text);
    earlier_close(&x.earlier);
    failures_close(&x.failures);
    project_close(&p);
    return code;
}

static const struct option options[] = {OPTIONS_PARAMS, OPTION_STORE};

const struct command command_why = {
    .name = "why",
    .operands = "[PIPELINE] STAGE...",
    .summary = "explain why a stage is known or would run",
    .doc = "Prints for each named instance that it is known, or which component of its key changed, with both values, "
           "against the nearest earlier record. If the last attempt at the key failed, it says when and how, and "
           "where its log and its directory are. For a select it shows the candidates and the winner.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
