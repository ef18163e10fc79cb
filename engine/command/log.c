#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/command/states.h"
#include "store/record_format.h"
#include "store/run_file.h"

struct logs {
    size_t shown;
    int code;
    struct error *err;
};

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

/* The last attempt at an instance that a run's document tells, if it is of this pipeline. */
static void note_attempt(char **out, const struct project *p, const struct instance *i, const cJSON *tree) {
    const struct run_file run = run_file_read(tree);
    const cJSON *item;
    if (strcmp(run.pipeline, p->pipeline->name) != 0)
        return;
    cJSON_ArrayForEach(item, run.stages) {
        const struct run_file_stage stage = run_file_stage_read(item);
        if (stage.attempt && strcmp(stage.stage, instance_name(i)) == 0) {
            free(*out);
            *out = mem_strdup(stage.attempt);
        }
    }
}

static int find_last_attempt(char **out, const struct project *p, const struct instance *i, struct error *err) {
    char **ids = NULL;
    size_t count = 0;
    int code = store_run_list(p->store, &ids, &count, err);
    for (size_t k = 0; k < count; k++) {
        cJSON *run = NULL;
        struct error why = {0};
        int read = code || *out ? ERR_NOT_FOUND : store_run_read(p->store, ids[k], &run, &why);
        if (read == 0)
            note_attempt(out, p, i, run);
        else if (read == ERR_CORRUPT) /* it may have been the last one */
            fprintf(stderr, "%s\n", why.message);
        else if (read != ERR_NOT_FOUND)
            code = error_set(err, read, "%s", why.message);
        cJSON_Delete(run);
        free(ids[k]);
    }
    free(ids);
    return code;
}

/* The attempt of the record, or, of a stage that has none, the last one that a run made; NULL: there is none. */
static int find_attempt(char **out, const struct project *p, const struct instance *i, struct error *err) {
    cJSON *record = NULL;
    *out = NULL;
    int code = i->state == INSTANCE_DONE ? store_record_find(p->store, &i->key, p->platform, &record, err) : 0;
    if (record)
        *out = mem_strdup(record_read(record).attempt);
    cJSON_Delete(record);
    if (*out || (code && code != ERR_NOT_FOUND))
        return code;
    return find_last_attempt(out, p, i, err);
}

static void print_log(void *context, const struct project *p, const struct instance *i) {
    struct logs *logs = context;
    char *attempt = NULL;
    if (i->decl->type == STAGE_SELECT || logs->code)
        return;
    logs->code = find_attempt(&attempt, p, i, logs->err);
    if (attempt) {
        printf("== %s (attempt %s)\n", instance_name(i), attempt);
        logs->code = print_stream(p, attempt, "stdout", logs->err);
        if (logs->code == 0)
            logs->code = print_stream(p, attempt, "stderr", logs->err);
        logs->shown++;
    }
    free(attempt);
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
        state_each_named(&p, print_log, &logs);
    if (code == 0)
        code = logs.code;
    if (code == 0 && logs.shown == 0)
        code = error_set(err, ERR_NOT_FOUND, "%s was never started", operand(a, 1));
    project_close(&p);
    return code;
}

static const struct option options[] = {OPTION_SET, OPTION_PARAMS, OPTION_STORE};

const struct command command_log = {
    .name = "log",
    .operands = "PIPELINE STAGE...",
    .summary = "what a stage wrote to stdout and stderr",
    .doc = "Prints the output of the attempt that made a stage's result or, of a stage without a result, of its last "
           "attempt.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
