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
                  isolation_binds[] = "binds", sandbox[] = "sandbox", sandbox_read[] = "read",
                  sandbox_write[] = "write", sandbox_binds[] = "binds", sandbox_home[] = "home",
                  sandbox_network[] = "network", sandbox_namespaces[] = "namespaces", sandbox_rights[] = "rights";

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

/* A list of sources and targets in turn. */
static void add_binds(cJSON *json, const char *name, const struct isolation_bind *binds, size_t count) {
    cJSON *array = cJSON_AddArrayToObject(json, name);
    for (size_t i = 0; i < count; i++) {
        cJSON_AddItemToArray(array, cJSON_CreateStringReference(binds[i].source));
        cJSON_AddItemToArray(array, cJSON_CreateStringReference(binds[i].target));
    }
}

static void add_sandbox(cJSON *json, const struct sandbox *s) {
    if (!s->read)
        return;
    cJSON *object = cJSON_AddObjectToObject(json, sandbox);
    add_list(object, sandbox_read, s->read);
    add_list(object, sandbox_write, s->write);
    add_binds(object, sandbox_binds, s->binds, s->bind_count);
    add_text(object, sandbox_home, s->home);
    cJSON_AddBoolToObject(object, sandbox_network, s->network);
    cJSON_AddBoolToObject(object, sandbox_namespaces, s->means.namespaces);
    cJSON_AddNumberToObject(object, sandbox_rights, s->means.rights);
}

static void add_isolation(cJSON *json, const struct isolation *x) {
    if (!x->covers)
        return;
    cJSON *object = cJSON_AddObjectToObject(json, isolation);
    add_list(object, isolation_covers, x->covers);
    add_list(object, isolation_keep, x->keep);
    add_binds(object, isolation_binds, x->binds, x->bind_count);
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
    add_sandbox(json, &r->sandbox);
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

/* False: it is no list of texts. The caller frees the pairs. */
static bool read_binds(struct isolation_bind **out, size_t *count, const cJSON *json, const char *name) {
    char **binds = read_list(json, name);
    *count = 0;
    while (binds && binds[*count])
        ++*count;
    *count /= 2;
    *out = mem_array(*count + 1, sizeof **out);
    for (size_t i = 0; i < *count; i++)
        (*out)[i] = (struct isolation_bind){binds[2 * i], binds[2 * i + 1]};
    bool whole = binds != NULL;
    free(binds);
    return whole;
}

/* False: it lacks a member. */
static bool read_sandbox(struct sandbox *out, const cJSON *json) {
    *out = (struct sandbox){0};
    if (!json)
        return true;
    out->read = read_list(json, sandbox_read);
    out->write = read_list(json, sandbox_write);
    out->home = json_text(json, sandbox_home, NULL);
    out->network = json_bool(json, sandbox_network, false);
    out->means.namespaces = json_bool(json, sandbox_namespaces, false);
    out->means.rights = (int)json_double(json, sandbox_rights, 0);
    return read_binds(&out->binds, &out->bind_count, json, sandbox_binds) && out->read && out->write;
}

/* False: it lacks a member. */
static bool read_isolation(struct isolation *out, const cJSON *json) {
    *out = (struct isolation){0};
    if (!json)
        return true;
    out->covers = read_list(json, isolation_covers);
    out->keep = read_list(json, isolation_keep);
    return read_binds(&out->binds, &out->bind_count, json, isolation_binds) && out->covers && out->covers[0] &&
           out->keep;
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
    bool sandboxed = read_sandbox(&out->sandbox, cJSON_GetObjectItemCaseSensitive(json, sandbox));
    bool whole = isolated && sandboxed && out->argv && out->argv[0] && out->environment && out->directory &&
                 out->logs[0].path && out->logs[0].kept && out->logs[1].path && out->logs[1].kept;
    return whole ? 0 : error_set(err, ERR_INVALID, "the attempt's request lacks a member");
}

void attempt_request_close(struct attempt_request *r) {
    free(r->argv);
    free(r->environment);
    free(r->isolation.covers);
    free(r->isolation.keep);
    free(r->isolation.binds);
    free(r->sandbox.read);
    free(r->sandbox.write);
    free(r->sandbox.binds);
    *r = (struct attempt_request){0};
}
