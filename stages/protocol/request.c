#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "stages/protocol/attempt.h"

static const char argv[] = "argv", environment[] = "environment", program[] = "program", directory[] = "directory",
                  checkpoint[] = "checkpoint", stdout_log[] = "stdout", stderr_log[] = "stderr", log_path[] = "path",
                  log_kept[] = "kept", gpus[] = "gpus", memory_bytes[] = "memory_bytes",
                  log_limit[] = "log_limit_bytes", account[] = "account", account_path[] = "path",
                  account_first[] = "first_ms", account_every[] = "every_ms", account_record[] = "record",
                  isolation[] = "isolation", isolation_covers[] = "covers", isolation_keep[] = "keep",
                  isolation_binds[] = "binds";

static void add_list(cJSON *json, const char *name, char *const *list) {
    cJSON *array = cJSON_AddArrayToObject(json, name);
    for (; *list; list++)
        cJSON_AddItemToArray(array, cJSON_CreateStringReference(*list));
}

static void add_text(cJSON *json, const char *name, const char *text) {
    if (text)
        cJSON_AddItemToObject(json, name, cJSON_CreateStringReference(text));
}

static void add_log(cJSON *json, const char *name, const struct attempt_log *log) {
    cJSON *object = cJSON_AddObjectToObject(json, name);
    add_text(object, log_path, log->path);
    add_text(object, log_kept, log->kept);
}

static struct attempt_log read_log(const cJSON *json, const char *name) {
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(json, name);
    return (struct attempt_log){.path = json_text(object, log_path, NULL), .kept = json_text(object, log_kept, NULL)};
}

size_t attempt_log_gap(char out[ATTEMPT_LOG_GAP_SIZE], uintmax_t left_out) {
    return (size_t)snprintf(out, ATTEMPT_LOG_GAP_SIZE,
                            "\n[retort: %" PRIuMAX " bytes are left out here; run --max-log sets how many stay]\n",
                            left_out);
}

static void add_account(cJSON *json, const struct attempt_account *a) {
    if (!a->path)
        return;
    cJSON *object = cJSON_AddObjectToObject(json, account);
    add_text(object, account_path, a->path);
    cJSON_AddNumberToObject(object, account_first, a->first_ms);
    cJSON_AddNumberToObject(object, account_every, a->every_ms);
    cJSON_AddItemReferenceToObject(object, account_record, a->record);
}

/* Binds are a list of sources and targets in turn. */
static void add_isolation(cJSON *json, const struct isolation *x) {
    if (!x->covers)
        return;
    cJSON *object = cJSON_AddObjectToObject(json, isolation);
    add_list(object, isolation_covers, x->covers);
    add_list(object, isolation_keep, x->keep);
    cJSON *binds = cJSON_AddArrayToObject(object, isolation_binds);
    for (size_t i = 0; i < x->bind_count; i++) {
        cJSON_AddItemToArray(binds, cJSON_CreateStringReference(x->binds[i].source));
        cJSON_AddItemToArray(binds, cJSON_CreateStringReference(x->binds[i].target));
    }
}

cJSON *attempt_request_json(const struct attempt_request *r) {
    cJSON *json = cJSON_CreateObject();
    add_text(json, program, r->program);
    add_list(json, argv, r->argv);
    add_list(json, environment, r->environment);
    add_text(json, directory, r->directory);
    add_text(json, checkpoint, r->checkpoint);
    add_log(json, stdout_log, &r->logs[0]);
    add_log(json, stderr_log, &r->logs[1]);
    cJSON_AddNumberToObject(json, gpus, r->gpus);
    cJSON_AddNumberToObject(json, memory_bytes, r->memory_bytes);
    cJSON_AddNumberToObject(json, log_limit, r->log_limit_bytes);
    add_account(json, &r->account);
    add_isolation(json, &r->isolation);
    return json;
}

/* NULL where it is no list of texts. */
static char **read_list(const cJSON *json, const char *name) {
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(json, name), *item;
    size_t count = 0;
    if (!cJSON_IsArray(array))
        return NULL;
    char **list = mem_array((size_t)cJSON_GetArraySize(array) + 1, sizeof *list);
    cJSON_ArrayForEach(item, array) {
        if (!cJSON_IsString(item)) {
            free(list);
            return NULL;
        }
        list[count++] = item->valuestring;
    }
    return list;
}

/* False: it lacks a member. */
static bool read_isolation(struct isolation *out, const cJSON *json) {
    *out = (struct isolation){0};
    if (!json)
        return true;
    char **binds = read_list(json, isolation_binds);
    out->covers = read_list(json, isolation_covers);
    out->keep = read_list(json, isolation_keep);
    size_t count = 0;
    while (binds && binds[count])
        count++;
    struct isolation_bind *pairs = mem_array(count / 2 + 1, sizeof *pairs);
    for (size_t i = 0; i < count / 2; i++)
        pairs[i] = (struct isolation_bind){binds[2 * i], binds[2 * i + 1]};
    bool whole = out->covers && out->covers[0] && out->keep && binds;
    free(binds);
    out->binds = pairs;
    out->bind_count = count / 2;
    return whole;
}

int attempt_request_read(struct attempt_request *out, const cJSON *json, struct error *err) {
    const cJSON *a = cJSON_GetObjectItemCaseSensitive(json, account);
    *out = (struct attempt_request){.program = json_text(json, program, NULL),
                                    .argv = read_list(json, argv),
                                    .environment = read_list(json, environment),
                                    .directory = json_text(json, directory, NULL),
                                    .checkpoint = json_text(json, checkpoint, NULL),
                                    .logs = {read_log(json, stdout_log), read_log(json, stderr_log)},
                                    .gpus = json_double(json, gpus, 0),
                                    .memory_bytes = json_double(json, memory_bytes, 0),
                                    .log_limit_bytes = json_double(json, log_limit, 0),
                                    .account = {.path = json_text(a, account_path, NULL),
                                                .first_ms = (int)json_double(a, account_first, 0),
                                                .every_ms = (int)json_double(a, account_every, 0),
                                                .record = cJSON_GetObjectItemCaseSensitive(a, account_record)}};
    bool isolated = read_isolation(&out->isolation, cJSON_GetObjectItemCaseSensitive(json, isolation));
    bool whole = isolated && out->argv && out->argv[0] && out->environment && out->directory && out->logs[0].path &&
                 out->logs[0].kept && out->logs[1].path && out->logs[1].kept;
    return whole ? 0 : error_set(err, ERR_INVALID, "the attempt's request lacks a member");
}

void attempt_request_close(struct attempt_request *r) {
    free(r->argv);
    free(r->environment);
    free(r->isolation.covers);
    free(r->isolation.keep);
    free(r->isolation.binds);
    *r = (struct attempt_request){0};
}
