#include "engine/run/energy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/meter/cputime.h"
#include "engine/meter/meter.h"

enum { BESIDE_NAMES = 16 }; /* a record names so many and counts the rest */

/* A row of both attributions, and where their sums stood when it began. */
struct account {
    size_t row;
    double wall_s, busy_s, used_j;
};

struct energy_share {
    struct run_energy *energy;
    struct energy_share *next; /* while it runs */
    pid_t keeper;
    char *stage;
    double cpu_s; /* as of the last interval */
    uint64_t began_ns;
    struct meter_task *task; /* NULL once stopped */
    struct account processor, memory;
    char *beside[BESIDE_NAMES];
    size_t beside_count;
    double joules, memory_j, uncertainty_j; /* once stopped */
    struct energy_record record;
};

struct run_energy {
    char *root;
    struct meter *meter;
    struct meter_task *whole; /* keeps the counters going between stages, and says what they counted in all */
    struct attribution processor, memory;
    double *cpu_s; /* of every row in the interval at hand */
    size_t cpu_capacity;
    struct meter_point last;
    uint64_t last_ns;
    struct energy_share *running;
    double stages_j, unresolved_j;
};

struct run_energy *energy_open(const char *root) {
    const struct meter_options options = {.root = root, .no_thread = true};
    struct meter *meter = NULL;
    const char *why;
    if (meter_open_with(&meter, &options, NULL) < 0)
        return NULL;
    if (!meter_counts(meter, &why)) {
        meter_close(meter);
        return NULL;
    }
    struct run_energy *e = mem_alloc(sizeof *e);
    e->root = mem_strdup(root);
    e->meter = meter;
    e->whole = meter_begin(meter, getpid());
    e->last_ns = clock_monotonic_ns();
    meter_latest(&e->last, meter);
    return e;
}

uint64_t energy_period_ms(const struct run_energy *e) {
    return (uint64_t)(1000 / fmax(1, meter_sample_hz(e->meter)));
}

/* ---- intervals ---- */

/* CPU time of every row since the last interval; of rows that nobody has, none. */
static void read_rows(struct run_energy *e) {
    mem_grow(e->cpu_s, &e->cpu_capacity, e->processor.count + 1);
    memset(e->cpu_s, 0, e->cpu_capacity * sizeof *e->cpu_s);
    for (struct energy_share *s = e->running; s; s = s->next) {
        double cpu_s = cputime_tree(e->root, s->keeper);
        e->cpu_s[s->processor.row] = fmax(cpu_s - s->cpu_s, 0);
        s->cpu_s = fmax(cpu_s, s->cpu_s);
    }
}

/* Shares out what the counters said since the last call. Behind each sample that the meter takes. */
static void share_out(struct run_energy *e) {
    struct meter_point now;
    if (!meter_latest(&now, e->meter))
        return;
    uint64_t now_ns = clock_monotonic_ns();
    double dt_s = (double)(now_ns - e->last_ns) / 1e9;
    double memory_j = isnan(now.memory_j) ? 0 : now.memory_j - e->last.memory_j;
    double joules = now.joules - e->last.joules;
    double busy_s = now.busy_s - e->last.busy_s;
    read_rows(e);
    attribution_add(&e->processor, dt_s, joules - memory_j, busy_s, e->cpu_s);
    attribution_add(&e->memory, dt_s, memory_j, busy_s, e->cpu_s);
    e->last = now;
    e->last_ns = now_ns;
}

void energy_sample(struct run_energy *e) {
    meter_sample(e->meter);
    share_out(e);
}

/* ---- a stage ---- */

static struct account account_begin(const struct attribution *a, size_t row) {
    return (struct account){row, a->wall_s, a->busy_s, a->used_j};
}

/* A row that no running stage has, in both attributions. */
static size_t free_row(struct run_energy *e) {
    for (size_t row = 0; row < e->processor.count; row++) {
        const struct energy_share *s = e->running;
        while (s && s->processor.row != row)
            s = s->next;
        if (s)
            continue;
        e->processor.rows[row] = e->memory.rows[row] = (struct attribution_row){0};
        return row;
    }
    attribution_stage(&e->memory);
    return attribution_stage(&e->processor);
}

static void stand_beside(struct energy_share *s, const struct energy_share *other) {
    if (s->beside_count < BESIDE_NAMES)
        s->beside[s->beside_count] = mem_strdup(other->stage);
    s->beside_count++;
}

struct energy_share *energy_begin(struct run_energy *e, pid_t keeper, const char *stage) {
    if (!e)
        return NULL;
    struct energy_share *s = mem_alloc(sizeof *s);
    s->energy = e;
    s->keeper = keeper;
    s->stage = mem_strdup(stage);
    s->task = meter_begin(e->meter, keeper);
    share_out(e);
    s->began_ns = e->last_ns;
    size_t row = free_row(e);
    s->processor = account_begin(&e->processor, row);
    s->memory = account_begin(&e->memory, row);
    for (struct energy_share *other = e->running; other; other = other->next) {
        stand_beside(s, other);
        stand_beside(other, s);
    }
    s->next = e->running;
    e->running = s;
    return s;
}

static const struct attribution_row *row_of(const struct attribution *a, const struct account *account) {
    return &a->rows[account->row];
}

/* The attribution as it was while the stage ran, with this one row. */
static double uncertainty(const struct attribution *a, const struct account *account, double resolution_j) {
    struct attribution_row row = *row_of(a, account);
    const struct attribution own = {.base = a->base,
                                    .rows = &row,
                                    .count = 1,
                                    .wall_s = a->wall_s - account->wall_s,
                                    .busy_s = a->busy_s - account->busy_s,
                                    .used_j = a->used_j - account->used_j};
    return attribution_uncertainty(&own, 0, resolution_j, cputime_tick_s());
}

double energy_joules(const struct energy_share *s) {
    if (!s)
        return 0;
    if (!s->task)
        return s->joules;
    return row_of(&s->energy->processor, &s->processor)->joules + row_of(&s->energy->memory, &s->memory)->joules;
}

static void leave(struct energy_share *s) {
    struct energy_share **link = &s->energy->running;
    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
}

void energy_stop(struct energy_share *s) {
    if (!s || !s->task)
        return;
    struct run_energy *e = s->energy;
    const struct meter_usage usage = {.cpu_s = cputime_tree(e->root, s->keeper),
                                      .wall_s = (double)(clock_monotonic_ns() - s->began_ns) / 1e9,
                                      .alone = s->beside_count == 0};
    meter_end(s->task, &usage, &s->record);
    share_out(e);
    s->joules = energy_joules(s);
    s->memory_j = row_of(&e->memory, &s->memory)->joules;
    s->uncertainty_j =
        uncertainty(&e->processor, &s->processor, s->record.resolution_j) + uncertainty(&e->memory, &s->memory, 0);
    s->task = NULL;
    leave(s);
    *(s->record.label == ENERGY_MEASURED ? &e->stages_j : &e->unresolved_j) += s->joules;
}

void energy_share_free(struct energy_share *s) {
    if (!s)
        return;
    energy_stop(s);
    for (size_t i = 0; i < s->beside_count && i < BESIDE_NAMES; i++)
        free(s->beside[i]);
    free(s->stage);
    free(s);
}

static void set_number(cJSON *object, const char *name, double value) {
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    mem_checked(isfinite(value) ? cJSON_AddNumberToObject(object, name, value) : cJSON_AddNullToObject(object, name));
}

static void add_beside(cJSON *record, const struct energy_share *s) {
    cJSON *beside = mem_checked(cJSON_AddObjectToObject(record, "beside"));
    set_number(beside, "count", (double)s->beside_count);
    cJSON *stages = mem_checked(cJSON_AddArrayToObject(beside, "stages"));
    for (size_t i = 0; i < s->beside_count && i < BESIDE_NAMES; i++)
        cJSON_AddItemToArray(stages, mem_checked(cJSON_CreateString(s->beside[i])));
}

cJSON *energy_record(struct energy_share *s, const cJSON *kept) {
    energy_stop(s);
    struct energy_record own = s->record;
    if (own.label == ENERGY_MEASURED) {
        own.joules = s->joules;
        own.uncertainty_j = s->uncertainty_j;
        if (!isnan(own.memory_j)) {
            own.memory_j = s->memory_j;
            own.computation_j = s->joules - s->memory_j;
        }
    }
    own.usage.cpu_s = json_double(kept, "cpu_s", own.usage.cpu_s);
    own.usage.wall_s = json_double(kept, "wall_s", own.usage.wall_s);
    own.usage.memory_bytes = json_double(kept, "memory_bytes", (double)NAN);
    cJSON *record = energy_record_json(&own);
    add_beside(record, s);
    return record;
}

/* ---- the end ---- */

static void copy(cJSON *to, const cJSON *from, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, name);
    if (item)
        cJSON_AddItemToObject(to, name, mem_checked(cJSON_Duplicate(item, true)));
}

static void add_series(cJSON *table, struct meter *meter) {
    struct meter_point *points = NULL;
    struct buffer text = {0};
    size_t count = meter_series(&points, meter);
    meter_series_json(&text, points, count);
    cJSON_AddItemToObject(table, "series", mem_checked(cJSON_Parse(buffer_text(&text))));
    buffer_close(&text);
    free(points);
}

static cJSON *describe(struct run_energy *e, const struct energy_record *whole) {
    static const char *const members[] = {"label",    "why",        "source",  "counter_j", "counter_s",
                                          "baseline", "share_rule", "samples", "domains"};
    bool known = whole->label == ENERGY_MEASURED;
    const double unknown = (double)NAN;
    cJSON *table = mem_checked(cJSON_CreateObject());
    cJSON *record = energy_record_json(whole);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        copy(table, record, members[i]);
    set_number(table, "stages_j", known ? e->stages_j : unknown);
    set_number(table, "unresolved_j", known ? e->unresolved_j : unknown);
    set_number(table, "other_j", known ? e->processor.other_j + e->memory.other_j : unknown);
    set_number(table, "idle_j", known ? e->processor.idle_j + e->memory.idle_j : unknown);
    add_series(table, e->meter);
    cJSON_Delete(record);
    return table;
}

cJSON *energy_close(struct run_energy *e) {
    if (!e)
        return NULL;
    struct energy_record whole;
    const struct meter_usage usage = {.cpu_s = cputime_tree(e->root, getpid())};
    meter_end(e->whole, &usage, &whole);
    share_out(e);
    cJSON *table = describe(e, &whole);
    attribution_close(&e->processor);
    attribution_close(&e->memory);
    meter_close(e->meter);
    free(e->cpu_s);
    free(e->root);
    free(e);
    return table;
}
