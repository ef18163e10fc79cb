#include "store/run_file.h"

#include <math.h>

#include "engine/base/json.h"

static const cJSON *member(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

struct run_file run_file_read(const cJSON *run) {
    const cJSON *energy = member(run, "energy"), *prediction = member(run, "prediction");
    return (struct run_file){
        .id = json_text(run, "id", ""),
        .pipeline = json_text(run, "pipeline", ""),
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
        .attempt = json_text(item, "attempt", NULL),
    };
}

struct run_file_row run_file_row_read(const cJSON *item) {
    return (struct run_file_row){
        .part = json_text(item, "row", ""),
        .stage = json_text(item, "stage", ""),
        .kind = json_text(item, "kind", ""),
    };
}
