/* What a stage took that was interrupted and went on from its checkpoint: all attempts that worked on it, in this run and
   in earlier ones, those of killed engines too. The attempt's own figures stay what they are: sums over runs add those. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/run/internal.h"
#include "store/attempts.h"

struct total {
    const char *label; /* of the last attempt: joules of others are not added to its own */
    size_t count, unknown;
    double joules, cpu_s, wall_s;
};

static void total_add(struct total *t, const cJSON *energy) {
    double joules = json_double(energy, "joules", (double)NAN);
    t->count++;
    t->cpu_s += json_double(energy, "cpu_s", 0);
    t->wall_s += json_double(energy, "wall_s", 0);
    if (isfinite(joules) && strcmp(json_text(energy, "label", ""), t->label) == 0)
        t->joules += joules;
    else
        t->unknown++;
}

/* One of which nothing is left is one whose figures are not known, as is one of no known length; one that never began
   took nothing. */
static void add_earlier(struct total *total, cJSON *names, struct store *store, const char *attempt) {
    cJSON *record = NULL;
    store_attempt_read(store, attempt, &record, NULL);
    if (json_double(record, "wall_s", (double)NAN) != 0) {
        total_add(total, cJSON_GetObjectItemCaseSensitive(record, "energy"));
        cJSON_AddItemToArray(names, mem_checked(cJSON_CreateString(attempt)));
    }
    cJSON_Delete(record);
}

static cJSON *describe(const struct total *t, cJSON *earlier) {
    cJSON *attempts = mem_checked(cJSON_CreateObject());
    cJSON_AddNumberToObject(attempts, "count", (double)t->count);
    cJSON_AddNumberToObject(attempts, "unknown", (double)t->unknown);
    cJSON_AddStringToObject(attempts, "label", t->label);
    cJSON_AddItemToObject(attempts, "joules",
                          t->unknown < t->count ? cJSON_CreateNumber(t->joules) : cJSON_CreateNull());
    cJSON_AddNumberToObject(attempts, "cpu_s", t->cpu_s);
    cJSON_AddNumberToObject(attempts, "wall_s", t->wall_s);
    cJSON_AddItemToObject(attempts, "earlier", earlier);
    return attempts;
}

void run_energy_resumed(struct task *t) {
    cJSON *energy = cJSON_GetObjectItemCaseSensitive(t->outcome.result, "energy");
    char **names = NULL;
    size_t count = 0;
    if (!cJSON_IsObject(energy) || !t->attempt->checkpoint)
        return;
    struct total total = {.label = json_text(energy, "label", "unavailable")};
    cJSON *earlier = mem_checked(cJSON_CreateArray());
    store_checkpoint_attempts(t->run->store, &t->instance->key, t->run->platform, &names, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], t->attempt->id) != 0)
            add_earlier(&total, earlier, t->run->store, names[i]);
        free(names[i]);
    }
    free(names);
    if (total.count == 0) {
        cJSON_Delete(earlier);
        return;
    }
    total_add(&total, energy);
    cJSON_AddItemToObject(energy, "attempts", describe(&total, earlier));
}
