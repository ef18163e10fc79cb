#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "stages/protocol/attempt.h"

static const char exit_status[] = "exit", signal_number[] = "signal", error_text[] = "error", survivors[] = "survivors",
                  start[] = "start", end[] = "end", wall_s[] = "wall_s", user_s[] = "user_s", system_s[] = "system_s",
                  max_rss_bytes[] = "max_rss_bytes", read_bytes[] = "read_bytes", written_bytes[] = "written_bytes",
                  stdout_bytes[] = "stdout_bytes", stderr_bytes[] = "stderr_bytes", energy[] = "energy",
                  resources[] = "resources", provenance[] = "provenance", last[] = "last", memory[] = "memory",
                  memory_limit[] = "limit_bytes", memory_guard[] = "guard", memory_peak[] = "peak_bytes",
                  memory_exceeded[] = "exceeded", in_cgroup[] = "cgroup", watched[] = "watched";

static void add_number(cJSON *json, const char *name, double value) {
    cJSON_AddItemToObject(json, name, isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull());
}

static void add_text(cJSON *json, const char *name, const char *text) {
    cJSON_AddItemToObject(json, name, text && *text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

static void add_energy(cJSON *json, const struct attempt_result *r) {
    json_add_copy(json, energy, r->energy);
}

static void add_end(cJSON *json, const struct attempt_result *r) {
    add_text(json, start, r->start);
    add_text(json, end, r->end);
    add_number(json, exit_status, r->exit >= 0 ? r->exit : (double)NAN);
    add_number(json, signal_number, r->signal > 0 ? r->signal : (double)NAN);
    add_number(json, survivors, r->survivors);
}

static const char *attempt_memory_guard(const struct attempt_memory *m) {
    return m->in_cgroup ? in_cgroup : watched;
}

static void add_memory(cJSON *json, const struct attempt_memory *m) {
    if (m->limit_bytes <= 0)
        return;
    cJSON *object = cJSON_AddObjectToObject(json, memory);
    add_number(object, memory_limit, m->limit_bytes);
    add_text(object, memory_guard, attempt_memory_guard(m));
    add_number(object, memory_peak, m->peak_bytes);
    cJSON_AddBoolToObject(object, memory_exceeded, m->exceeded);
}

static struct attempt_memory read_memory(const cJSON *json) {
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(json, memory);
    return (struct attempt_memory){.limit_bytes = json_double(object, memory_limit, 0),
                                   .in_cgroup = strcmp(json_text(object, memory_guard, ""), in_cgroup) == 0,
                                   .peak_bytes = json_double(object, memory_peak, (double)NAN),
                                   .exceeded = json_bool(object, memory_exceeded, false)};
}

static void add_usage(cJSON *json, const struct attempt_result *r) {
    add_number(json, user_s, r->user_s);
    add_number(json, system_s, r->system_s);
    add_number(json, max_rss_bytes, r->max_rss_bytes);
    add_memory(json, &r->memory);
    add_number(json, read_bytes, r->read_bytes);
    add_number(json, written_bytes, r->written_bytes);
}

void attempt_result_init(struct attempt_result *out) {
    *out = (struct attempt_result){.exit = -1,
                                   .survivors = (double)NAN,
                                   .wall_s = (double)NAN,
                                   .user_s = (double)NAN,
                                   .system_s = (double)NAN,
                                   .max_rss_bytes = (double)NAN,
                                   .read_bytes = (double)NAN,
                                   .written_bytes = (double)NAN,
                                   .stdout_bytes = (double)NAN,
                                   .stderr_bytes = (double)NAN};
}

cJSON *attempt_result_json(const struct attempt_result *r) {
    cJSON *json = cJSON_CreateObject();
    add_text(json, error_text, r->error);
    add_end(json, r);
    add_number(json, wall_s, r->wall_s);
    add_usage(json, r);
    add_number(json, stdout_bytes, r->stdout_bytes);
    add_number(json, stderr_bytes, r->stderr_bytes);
    add_energy(json, r);
    cJSON_AddBoolToObject(json, last, r->last);
    return json;
}

static cJSON *group(cJSON *record, const char *name) {
    cJSON *object = cJSON_GetObjectItemCaseSensitive(record, name);
    return object ? object : cJSON_AddObjectToObject(record, name);
}

void attempt_result_record(cJSON *record, const struct attempt_result *r) {
    add_number(record, wall_s, r->wall_s);
    add_number(group(record, resources), wall_s, r->wall_s);
    add_usage(group(record, resources), r);
    add_energy(record, r);
    add_end(group(record, provenance), r);
}

int attempt_result_read(struct attempt_result *out, cJSON *json, struct error *err) {
    const char *why = json_text(json, error_text, NULL);
    if (!cJSON_IsObject(json))
        return error_set(err, ERR_INVALID, "the keeper's result is no object");
    *out = (struct attempt_result){.exit = (int)json_double(json, exit_status, -1),
                                   .signal = (int)json_double(json, signal_number, 0),
                                   .error = why ? mem_strdup(why) : NULL,
                                   .survivors = json_double(json, survivors, (double)NAN),
                                   .wall_s = json_double(json, wall_s, (double)NAN),
                                   .user_s = json_double(json, user_s, (double)NAN),
                                   .system_s = json_double(json, system_s, (double)NAN),
                                   .max_rss_bytes = json_double(json, max_rss_bytes, (double)NAN),
                                   .memory = read_memory(json),
                                   .read_bytes = json_double(json, read_bytes, (double)NAN),
                                   .written_bytes = json_double(json, written_bytes, (double)NAN),
                                   .stdout_bytes = json_double(json, stdout_bytes, (double)NAN),
                                   .stderr_bytes = json_double(json, stderr_bytes, (double)NAN),
                                   .last = json_bool(json, last, false)};
    snprintf(out->start, sizeof out->start, "%s", json_text(json, start, ""));
    snprintf(out->end, sizeof out->end, "%s", json_text(json, end, ""));
    out->energy = cJSON_DetachItemFromObjectCaseSensitive(json, energy);
    if (cJSON_IsNull(out->energy)) {
        cJSON_Delete(out->energy);
        out->energy = NULL;
    }
    return 0;
}

void attempt_result_close(struct attempt_result *r) {
    free(r->error);
    cJSON_Delete(r->energy);
    *r = (struct attempt_result){0};
}
