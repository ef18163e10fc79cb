#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/base/printable.h"
#include "engine/command/failures.h"
#include "engine/command/last_attempt.h"
#include "engine/command/log_follow.h"
#include "engine/command/states.h"
#include "store/attempts.h"
#include "store/record_format.h"

struct logs {
    struct last_attempt *items;
    size_t count, capacity;
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
    struct buffer rest = {0};
    int code = log || errno == ENOENT ? 0 : error_errno(err, errno, "%s: cannot be opened", path);
    for (size_t size, whole = 0; log && (size = fread(piece, 1, sizeof piece, log)) > 0; whole += size) {
        if (whole == 0)
            printf("-- %s\n", stream);
        log_print_piece(&rest, piece, size);
        last = piece[size - 1];
    }
    log_end_pieces(&rest);
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
        (struct last_attempt){.instance = i, .attempt = record ? mem_strdup(record_read(record).attempt) : NULL};
    cJSON_Delete(record);
}

/* ---- all ---- */

/* How the attempt failed, if it did, and where its directory is. */
static void print_failure(const struct project *p, const struct last_attempt *log) {
    struct buffer text = {0};
    cJSON *record = NULL;
    if (store_attempt_read(p->store, log->attempt, &record, NULL) == 0) {
        const struct record_view r = record_read(record);
        if (strcmp(r.state, "failed") == 0) {
            buffer_puts(&text, "   ");
            failure_put(&text, r.end, r.reason);
            buffer_putc(&text, '\n');
            failure_put_directory(&text, p, log->instance);
        }
    }
    printable_print(stdout, buffer_text(&text));
    buffer_close(&text);
    cJSON_Delete(record);
}

static void print_head(const struct project *p, const struct last_attempt *log) {
    printable_printf(stdout, "== %s (attempt %s%s)\n", instance_name(log->instance), log->attempt,
                     !log->is_other ? ""
                     : log->instance->keyed
                         ? ", of an earlier key: the present one has no output yet"
                         : ", of a key that may be an earlier one: the present key is not known yet");
    print_failure(p, log);
}

static int print_logs(const struct logs *logs, const struct project *p, const char *named, struct error *err) {
    size_t shown = 0;
    int code = 0;
    for (size_t k = 0; code == 0 && k < logs->count; k++) {
        const char *attempt = logs->items[k].attempt;
        if (!attempt)
            continue;
        shown++;
        print_head(p, &logs->items[k]);
        code = print_stream(p, attempt, "stdout", err);
        if (code == 0)
            code = print_stream(p, attempt, "stderr", err);
    }
    return code == 0 && shown == 0
               ? error_set(err, ERR_NOT_FOUND, "%s was never started, or runs for the first time: --follow shows that",
                           named)
               : code;
}

static int follow(const struct logs *logs, const struct project *p, const char *named, struct error *err) {
    if (logs->count != 1)
        return error_set(err, ERR_USAGE, "log: --follow takes one instance; %s are %zu", named, logs->count);
    return log_follow(p, logs->items[0].instance, err);
}

static int run(const struct arguments *a, struct error *err) {
    struct project p;
    struct logs logs = {.err = err};
    int code = project_open(&p, a, PROJECT_STORE, err);
    if (code == 0)
        code = project_plan(&p, err);
    if (code == 0)
        state_each_named(&p, add_log, &logs);
    if (code == 0)
        code = logs.code;
    if (code == 0 && argument_given(a, "follow")) {
        code = follow(&logs, &p, operand(a, 1), err);
    } else if (code == 0) {
        code = last_attempts_find(logs.items, logs.count, &p, err);
        if (code == 0)
            code = print_logs(&logs, &p, operand(a, 1), err);
    }
    logs_close(&logs);
    project_close(&p);
    return code;
}

static const struct option options[] = {
    {"follow", 'f', NULL,
     "Print the output of a running instance as it grows, also of its further attempts, until it ends"},
    OPTIONS_PARAMS,
    OPTION_STORE,
};

const struct command command_log = {
    .name = "log",
    .operands = "[PIPELINE] STAGE...",
    .summary = "the output of a stage on stdout and stderr",
    .doc = "Prints the output of the attempt that made a stage's result or, of a stage without a result, of its last "
           "attempt. An attempt at an earlier key of the stage is marked.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
