/* Times, resources and joules of the attempt. */
#include <math.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/scratch.h"
#include "engine/meter/cputime.h"
#include "stages/keeper/internal.h"

/* A meter counts the GPUs of one attempt; most hold none, and share it. */
static void open_meter(struct keeper *k) {
    const struct meter_options options = {.root = "/", .gpus = k->attempt.request->gpus};
    if (k->meter && k->meter_gpus == k->attempt.request->gpus)
        return;
    meter_close(k->meter);
    k->meter = NULL;
    k->meter_gpus = k->attempt.request->gpus;
    k->meter_error = (struct error){0};
    if (meter_open_with(&k->meter, &options, &k->meter_error) < 0)
        k->meter = NULL;
}

void keeper_begin_meter(struct keeper *k) {
    if (!k->attempt.leader)
        return;
    open_meter(k);
    if (k->meter)
        k->attempt.metered = meter_begin(k->meter, k->attempt.leader);
}

/* An attempt that never ran used nothing and has no energy. */
static cJSON *no_energy(const struct keeper *k) {
    cJSON *unavailable = cJSON_CreateObject();
    cJSON_AddStringToObject(unavailable, "label", "unavailable");
    cJSON_AddNullToObject(unavailable, "joules");
    cJSON_AddStringToObject(unavailable, "why", k->meter_error.code ? k->meter_error.message : "it did not start");
    return unavailable;
}

/* The end is the start plus the time that has passed: somebody may set the wall clock in between. */
static void format_times(const struct keeper *k, struct attempt_result *out, uint64_t end_ns) {
    out->wall_s = k->attempt.started_ns ? (double)(end_ns - k->attempt.started_ns) / 1e9 : 0;
    clock_format(out->start, k->attempt.started_s);
    clock_format(out->end, k->attempt.started_s + k->attempt.stopped_s + out->wall_s);
}

void keeper_describe(struct keeper *k, struct attempt_result *out) {
    struct energy_record record;
    bool started = k->attempt.started_ns && !k->attempt.error;
    *out =
        (struct attempt_result){.exit = started && WIFEXITED(k->attempt.status) ? WEXITSTATUS(k->attempt.status) : -1,
                                .signal = started && WIFSIGNALED(k->attempt.status) ? WTERMSIG(k->attempt.status) : 0,
                                .error = k->attempt.error ? mem_strdup(k->attempt.error) : NULL,
                                .survivors = (double)k->attempt.survivors,
                                .user_s = k->attempt.user_s,
                                .system_s = k->attempt.system_s,
                                .max_rss_bytes = k->attempt.usage.memory_bytes,
                                .memory = k->attempt.memory,
                                .read_bytes = k->attempt.read_bytes,
                                .written_bytes = k->attempt.written_bytes,
                                .stdout_bytes = k->attempt.log_bytes[0],
                                .stderr_bytes = k->attempt.log_bytes[1],
                                .last = k->disturbed};
    format_times(k, out, k->attempt.ended_ns);
    k->attempt.usage.wall_s = out->wall_s;
    if (k->attempt.metered)
        meter_end(k->attempt.metered, &k->attempt.usage, &record);
    out->energy = k->attempt.metered ? energy_record_json(&record) : no_energy(k);
    k->attempt.metered = NULL;
}

/* The living are counted by /proc, the reaped exactly. */
void keeper_describe_so_far(struct keeper *k, struct attempt_result *out) {
    struct energy_record record;
    attempt_result_init(out);
    format_times(k, out, clock_working_ns());
    struct meter_usage used = {.cpu_s = k->attempt.usage.cpu_s + cputime_tree("/", k->attempt.leader),
                               .wall_s = out->wall_s,
                               .memory_bytes =
                                   fmax(k->attempt.usage.memory_bytes, cputime_tree_peak("/", k->attempt.leader))};
    out->max_rss_bytes = used.memory_bytes;
    if (k->attempt.metered)
        meter_so_far(k->attempt.metered, &used, &record);
    out->energy = k->attempt.metered ? energy_record_json(&record) : no_energy(k);
}

void keeper_write_account(const struct keeper *k, const struct attempt_result *r, const char *state) {
    const struct attempt_account *account = &k->attempt.request->account;
    struct buffer text = {0};
    cJSON *record = cJSON_Duplicate(account->record, true);
    cJSON_AddStringToObject(record, "state", state);
    attempt_result_record(record, r);
    json_canonical(&text, record);
    scratch_write(account->path, text.data, text.size, NULL);
    buffer_close(&text);
    cJSON_Delete(record);
}
