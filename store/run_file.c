#include "store/run_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"

static const cJSON *member(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

struct run_file run_file_read(const cJSON *run) {
    const cJSON *energy = member(run, "energy"), *prediction = member(run, "prediction");
    return (struct run_file){
        .id = json_text(run, "id", ""),
        .pipeline = json_text(run, "pipeline", ""),
        .overrides = member(run, "overrides"),
        .origin = record_source_read(member(run, "origin")),
        .ended = member(run, "ended") != NULL,
        .exit = json_double(run, "exit", (double)NAN),
        .wall_s = json_double(run, "wall_s", (double)NAN),
        .counts = member(run, "counts"),
        .stages = member(run, "stages"),
        .energy = energy,
        .rows = member(energy, "rows"),
        .prediction =
            {
                .label = json_text(prediction, "label", ""),
                .compared = json_double(prediction, "compared", 0),
                .compared_j = json_double(prediction, "compared_j", (double)NAN),
                .error = json_double(prediction, "error", (double)NAN),
            },
    };
}

double run_file_count(const struct run_file *run, const char *state) {
    return json_double(run->counts, state, (double)NAN);
}

struct run_file_stage run_file_stage_read(const cJSON *item) {
    return (struct run_file_stage){
        .stage = json_text(item, "stage", ""),
        .key = json_text(item, "key", ""),
        .state = json_text(item, "state", ""),
        .left_out = json_bool(item, "left_out", false),
        .attempt = json_text(item, "attempt", NULL),
    };
}

/* Each of "stages" begins with its name: what follows is of this stage, up to the next name. */
bool run_file_may_tell_attempt(const char *text, const char *name) {
    static const char attempt[] = "\"attempt\": \"", end[] = "\n}\n";
    size_t length = strlen(text);
    if (length < sizeof end || strcmp(text + length - (sizeof end - 1), end) != 0)
        return true;
    char *stage = mem_printf("\"stage\": %s", name);
    bool may = false;
    for (const char *at = text; !may && (at = strstr(at, stage)); at++) {
        const char *next = strstr(at + 1, "\"stage\": ");
        size_t size = next ? (size_t)(next - at) : strlen(at);
        may = memmem(at, size, attempt, sizeof attempt - 1) != NULL;
    }
    free(stage);
    return may;
}

struct run_file_row run_file_row_read(const cJSON *item) {
    return (struct run_file_row){
        .part = json_text(item, "row", ""),
        .stage = json_text(item, "stage", ""),
        .kind = json_text(item, "kind", ""),
    };
}

/* ---- writing ---- */

static void add_time(cJSON *object, const char *name, double wall_s) {
    char text[CLOCK_TEXT_SIZE];
    clock_format(text, wall_s);
    json_add_text(object, name, text);
}

cJSON *run_file_head(const char *id, const char *pipeline, const cJSON *overrides, double began_s) {
    cJSON *head = cJSON_CreateObject();
    json_add_text(head, "id", id);
    json_add_text(head, "pipeline", pipeline);
    cJSON *kept = overrides ? cJSON_Duplicate(overrides, true) : cJSON_CreateObject();
    cJSON_AddItemToObject(head, "overrides", kept);
    add_time(head, "began", began_s);
    return head;
}

cJSON *run_file_end(const struct run_file_end *end) {
    cJSON *run = cJSON_CreateObject();
    json_add_text(run, "file", end->file);
    if (end->origin)
        cJSON_AddItemToObject(run, "origin", end->origin);
    add_time(run, "ended", end->ended_s);
    json_add_number(run, "wall_s", end->wall_s);
    json_add_number(run, "exit", end->exit);
    json_add_text(run, "platform", end->platform);
    json_add_text(run, "results", end->results);
    cJSON *counts = cJSON_AddObjectToObject(run, "counts");
    json_add_number(counts, "known", (double)end->known);
    json_add_number(counts, "finished", (double)end->finished);
    json_add_number(counts, "failed", (double)end->failed);
    json_add_number(counts, "interrupted", (double)end->interrupted);
    json_add_number(counts, "skipped", (double)end->skipped);
    cJSON_AddItemToObject(run, "energy", end->energy);
    cJSON_AddItemToObject(run, "prediction", end->prediction);
    return run;
}

static void put_member(struct buffer *out, const char *name, const char *text) {
    buffer_puts(out, name);
    if (text)
        json_string(out, text);
    else
        buffer_puts(out, "null");
}

void run_file_add_stage(struct buffer *stages, const struct run_file_stage *stage, const char *reason) {
    put_member(stages, stages->size == 0 ? "[\n    {\"stage\": " : ",\n    {\"stage\": ", stage->stage);
    put_member(stages, ", \"key\": ", stage->key);
    put_member(stages, ", \"state\": ", stage->state);
    if (stage->attempt)
        put_member(stages, ", \"attempt\": ", stage->attempt);
    if (stage->left_out)
        buffer_puts(stages, ", \"left_out\": true");
    if (reason)
        put_member(stages, ", \"reason\": ", reason);
    buffer_putc(stages, '}');
}

void run_file_set_stages(cJSON *run, struct buffer *stages) {
    buffer_puts(stages, stages->size == 0 ? "[]" : "\n  ]");
    cJSON *raw = cJSON_CreateNull();
    raw->type = cJSON_Raw;
    raw->valuestring = buffer_detach(stages);
    cJSON_AddItemToObject(run, "stages", raw);
}
