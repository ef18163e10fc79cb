#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/bytemap.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/command/states.h"
#include "store/record_format.h"
#include "store/run_file.h"

struct log {
    const struct instance *instance;
    char *attempt; /* NULL: none was found yet */
};

struct logs {
    struct log *items;
    size_t count, capacity;
    size_t missing; /* that have no attempt */
    int code;
    struct error *err;
};

static void logs_close(struct logs *logs) {
    for (size_t i = 0; i < logs->count; i++)
        free(logs->items[i].attempt);
    free(logs->items);
}

/* A log may be of any size: it is passed on piece by piece. An empty one is not kept. */
static int print_stream(const struct project *p, const char *attempt, const char *stream, struct error *err) {
    char *path = store_log_path(p->store, attempt, stream);
    FILE *log = fopen(path, "rbe");
    char piece[1 << 14], last = '\n';
    int code = log || errno == ENOENT ? 0 : error_errno(err, errno, "%s: cannot be opened", path);
    for (size_t size, whole = 0; log && (size = fread(piece, 1, sizeof piece, log)) > 0; whole += size) {
        if (whole == 0)
            printf("-- %s\n", stream);
        fwrite(piece, 1, size, stdout);
        last = piece[size - 1];
    }
    if (log && ferror(log))
        code = error_errno(err, errno, "%s: cannot be read", path);
    if (last != '\n')
        putchar('\n');
    if (log)
        fclose(log);
    free(path);
    return code;
}

/* The attempt of the record. */
static void add_log(void *context, const struct project *p, const struct instance *i) {
    struct logs *logs = context;
    cJSON *record = NULL;
    if (i->decl->type == STAGE_SELECT || logs->code)
        return;
    int code = i->state == INSTANCE_DONE ? store_record_find(p->store, &i->key, p->platform, &record, logs->err) : 0;
    logs->code = code == ERR_NOT_FOUND ? 0 : code;
    mem_grow(logs->items, &logs->capacity, logs->count + 1);
    logs->items[logs->count++] =
        (struct log){.instance = i, .attempt = record ? mem_strdup(record_read(record).attempt) : NULL};
    logs->missing += record == NULL;
    cJSON_Delete(record);
}

/* ---- of stages without a record, the last attempt that a run made ---- */

/* How the names of all that are missing begin in JSON. The caller frees. */
static char *common_name(const struct logs *logs) {
    char *common = NULL;
    for (size_t k = 0; k < logs->count; k++) {
        if (logs->items[k].attempt)
            continue;
        struct buffer name = {0};
        size_t length = 0;
        json_string(&name, instance_name(logs->items[k].instance));
        while (common && common[length] && common[length] == name.data[length])
            length++;
        if (common)
            common[length] = '\0';
        else
            common = mem_strdup(name.data);
        buffer_close(&name);
    }
    return common;
}

static void index_missing(struct bytemap *out, const struct logs *logs) {
    for (size_t k = 0; k < logs->count; k++) {
        const char *name = instance_name(logs->items[k].instance);
        if (!logs->items[k].attempt && !bytemap_get(out, name, strlen(name)))
            bytemap_put(out, name, strlen(name), &logs->items[k]);
    }
}

/* From the document of a run, if it is of this pipeline. */
static void note_attempts(struct logs *logs, const struct bytemap *missing, const struct project *p,
                          const cJSON *tree) {
    const struct run_file run = run_file_read(tree);
    const cJSON *item;
    if (strcmp(run.pipeline, p->pipeline->name) != 0)
        return;
    cJSON_ArrayForEach(item, run.stages) {
        const struct run_file_stage stage = run_file_stage_read(item);
        struct log *log = stage.attempt ? bytemap_get(missing, stage.stage, strlen(stage.stage)) : NULL;
        if (!log || log->attempt)
            continue;
        log->attempt = mem_strdup(stage.attempt);
        logs->missing--;
    }
}

static int search_run(struct logs *logs, const struct bytemap *missing, const struct project *p, const char *id,
                      const char *name, struct error *err) {
    struct error why = {0};
    cJSON *run = NULL;
    int code = store_run_may_tell_attempt(p->store, id, name) ? store_run_read(p->store, id, &run, &why) : 0;
    if (code == ERR_CORRUPT) /* it may have been the last one */
        fprintf(stderr, "%s\n", why.message);
    else if (code < 0 && code != ERR_NOT_FOUND)
        return error_set(err, code, "%s", why.message);
    if (run)
        note_attempts(logs, missing, p, run);
    cJSON_Delete(run);
    return 0;
}

/* The newest run first. */
static int search_runs(struct logs *logs, const struct project *p, struct error *err) {
    struct bytemap missing = {0};
    char **ids = NULL, *name = common_name(logs);
    size_t count = 0;
    index_missing(&missing, logs);
    int code = store_run_list(p->store, &ids, &count, err);
    for (size_t k = 0; k < count; k++) {
        if (code == 0 && logs->missing > 0)
            code = search_run(logs, &missing, p, ids[k], name, err);
        free(ids[k]);
    }
    free(ids);
    free(name);
    bytemap_close(&missing);
    return code;
}

/* ---- all ---- */

static int print_logs(const struct logs *logs, const struct project *p, const char *named, struct error *err) {
    int code = logs->missing < logs->count ? 0 : error_set(err, ERR_NOT_FOUND, "%s was never started", named);
    for (size_t k = 0; code == 0 && k < logs->count; k++) {
        const char *attempt = logs->items[k].attempt;
        if (!attempt)
            continue;
        printf("== %s (attempt %s)\n", instance_name(logs->items[k].instance), attempt);
        code = print_stream(p, attempt, "stdout", err);
        if (code == 0)
            code = print_stream(p, attempt, "stderr", err);
    }
    return code;
}

static int run(const struct arguments *a, struct error *err) {
    if (operand_count(a) < 2)
        return error_set(err, ERR_USAGE, "log: name the pipeline and a stage: retort log PIPELINE STAGE");
    struct project p;
    struct logs logs = {.err = err};
    int code = project_open(&p, a, PROJECT_STORE, err);
    if (code == 0)
        code = project_plan(&p, operands_from(a, 1), operand_count(a) - 1, err);
    if (code == 0)
        state_each_named(&p, add_log, &logs);
    if (code == 0)
        code = logs.code;
    if (code == 0 && logs.missing > 0)
        code = search_runs(&logs, &p, err);
    if (code == 0)
        code = print_logs(&logs, &p, operand(a, 1), err);
    logs_close(&logs);
    project_close(&p);
    return code;
}

static const struct option options[] = {OPTIONS_PARAMS, OPTION_STORE};

const struct command command_log = {
    .name = "log",
    .operands = "[PIPELINE] STAGE...",
    .summary = "the output of a stage on stdout and stderr",
    .doc = "Prints the output of the attempt that made a stage's result or, of a stage without a result, of its last "
           "attempt.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
