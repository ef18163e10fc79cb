#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/printable.h"
#include "engine/command/project.h"
#include "engine/report/run_diff.h"
#include "store/attempts.h"
#include "store/run_file.h"

/* A run and the records of its stages. */
struct side {
    cJSON *run;
    cJSON **records;
    size_t count;
};

static void side_close(struct side *side) {
    for (size_t i = 0; i < side->count; i++)
        cJSON_Delete(side->records[i]);
    free(side->records);
    cJSON_Delete(side->run);
}

/* The record of a key; of an uncached stage that of its attempt. NULL: there is none. */
static int find_record(cJSON **out, struct store *store, const struct run_file_stage *stage, struct error *err) {
    struct digest key;
    struct error none = {0};
    int code = ERR_NOT_FOUND;
    *out = NULL;
    if (digest_parse(&key, stage->key))
        code = store_record_find(store, &key, NULL, out, &none);
    if (code == ERR_NOT_FOUND && stage->attempt && strcmp(stage->state, "finished") == 0)
        code = store_attempt_read(store, stage->attempt, out, &none);
    return code == 0 || code == ERR_NOT_FOUND || code == ERR_CORRUPT ? 0 : error_set(err, code, "%s", none.message);
}

static int read_side(struct side *side, struct store *store, const char *id, struct error *err) {
    int code = store_run_read(store, id, &side->run, err);
    if (code < 0)
        return code;
    const cJSON *item, *stages = run_file_read(side->run).stages;
    if (!stages)
        return error_set(err, ERR_NOT_FOUND, "run %s was killed or still runs: its file lists no stages", id);
    side->records = mem_array((size_t)cJSON_GetArraySize(stages) + 1, sizeof *side->records);
    cJSON_ArrayForEach(item, stages) {
        const struct run_file_stage stage = run_file_stage_read(item);
        code = find_record(&side->records[side->count++], store, &stage, err);
        if (code < 0)
            return code;
    }
    return 0;
}

/* Finds the newest run before `than` of the same pipeline that tells its stages. */
static int find_earlier(char **out, struct store *store, const cJSON *than, struct error *err) {
    const struct run_file latest = run_file_read(than);
    struct texts ids = {0};
    int code = store_run_list(store, &ids, err);
    for (size_t i = 0; code == 0 && !*out && i < ids.count; i++) {
        cJSON *run = NULL;
        if (strcmp(ids.list[i], latest.id) < 0 && store_run_read(store, ids.list[i], &run, NULL) == 0) {
            const struct run_file r = run_file_read(run);
            if (r.stages && strcmp(r.pipeline, latest.pipeline) == 0)
                *out = mem_strdup(ids.list[i]);
        }
        cJSON_Delete(run);
    }
    texts_close(&ids);
    if (code == 0 && !*out)
        return error_set(err, ERR_NOT_FOUND, "there is no earlier run of %s to compare run %s with", latest.pipeline,
                         latest.id);
    return code;
}

static int read_sides(struct side *before, struct side *after, struct store *store, const struct arguments *a,
                      struct error *err) {
    const char *first = operand(a, 0), *second = operand(a, 1);
    char *earlier = NULL;
    int code = read_side(after, store, second ? second : "latest", err);
    if (code == 0 && !first) {
        code = find_earlier(&earlier, store, after->run, err);
        first = earlier;
    }
    if (code == 0)
        code = read_side(before, store, first, err);
    free(earlier);
    return code;
}

static void print(const cJSON *diff, const struct arguments *a) {
    struct buffer out = {0};
    if (argument_given(a, "json")) {
        json_pretty(&out, diff);
        buffer_putc(&out, '\n');
        fputs(buffer_text(&out), stdout);
    } else {
        run_diff_put(&out, diff, argument_given(a, "markdown") ? RUN_DIFF_MARKDOWN : RUN_DIFF_TEXT);
        printable_print(stdout, buffer_text(&out));
    }
    buffer_close(&out);
}

static int run(const struct arguments *a, struct error *err) {
    struct store *store = NULL;
    struct side before = {0}, after = {0};
    int code = operand_count(a) > 2 ? error_set(err, ERR_USAGE, "diff compares two runs") : 0;
    if (code == 0)
        code = project_open_store(&store, a, err);
    if (code == 0)
        code = read_sides(&before, &after, store, a, err);
    if (code == 0) {
        cJSON *diff = run_diff(&(struct run_side){before.run, (const cJSON *const *)before.records},
                               &(struct run_side){after.run, (const cJSON *const *)after.records});
        print(diff, a);
        cJSON_Delete(diff);
    }
    side_close(&before);
    side_close(&after);
    store_close(store);
    return code;
}

static const struct option options[] = {
    {"markdown", 0, NULL, "Print Markdown"},
    OPTION_JSON,
    OPTION_STORE,
};

const struct command command_diff = {
    .name = "diff",
    .operands = "[RUN [RUN]]",
    .summary = "the differences between two runs",
    .doc = "Compares two runs. Without RUN it compares the latest with the one before it of the same pipeline, and one "
           "RUN is compared with the latest. `retort runs` lists them.\n"
           "It shows the overrides that differ, then the stages that changed by themselves (a command, a parameter, a "
           "file), then those that follow from them. It shows their outs, metrics and energy, and metrics also as mean "
           "and standard deviation over the instances of a stage.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
