#include "engine/energy/share.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/meter/cgroup.h"
#include "engine/meter/cputime.h"
#include "engine/meter/meter.h"

enum { BESIDE_NAMES = 16 }; /* a record names so many and counts the rest */

/* Parts that are shared out separately: by CPU time, and by GPUs held. */
enum part { PROCESSOR, MEMORY, GPU, PARTS };

/* The sums of an attribution when a stage began. */
struct account {
    double wall_s, busy_s, used_j;
};

struct share {
    struct sharing *sharing;
    struct share *next; /* of the running stages */
    pid_t keeper;
    struct cpu_group *group; /* NULL: the process tree is used */
    double before_s;         /* CPU time at the beginning: the keeper has run other stages */
    char *stage;
    double gpus;  /* number that it holds */
    double cpu_s; /* at the last interval */
    uint64_t began_ns;
    struct meter_task *task; /* NULL once stopped */
    size_t row;              /* in all attributions */
    struct account accounts[PARTS];
    char *beside[BESIDE_NAMES];
    size_t beside_count;
    double parts_j[PARTS], joules, uncertainty_j; /* once stopped; with the model: `joules` at the last sample */
    struct energy_record record;
};

struct sharing {
    char *root;
    struct meter *meter;
    bool counts; /* false: the model, only for joules so far */
    size_t gpu_count;
    struct meter_task *whole; /* runs between stages too, and gives the counters' totals */
    struct attribution parts[PARTS];
    double *cpu_s, *gpu_s; /* of every row in the present interval */
    size_t cpu_capacity, gpu_capacity;
    struct meter_point last;
    uint64_t last_ns;
    struct share *running;
    double stages_j, unresolved_j;
};

struct sharing *sharing_open(const struct sharing_options *options) {
    const struct meter_options how = {
        .root = options->root, .gpus = options->gpus ? INFINITY : 0, .base = options->base, .no_thread = true};
    struct meter *meter = NULL;
    const char *why;
    if (meter_open_with(&meter, &how, NULL) < 0)
        return NULL;
    if (!meter_counts(meter, &why) && !options->model) {
        meter_close(meter);
        return NULL;
    }
    struct sharing *e = mem_alloc(sizeof *e);
    e->root = mem_strdup(options->root);
    e->meter = meter;
    e->counts = meter_counts(meter, &why);
    e->gpu_count = meter_gpu_count(meter);
    if (options->base) {
        e->parts[PROCESSOR].base = options->base->computation;
        e->parts[MEMORY].base = options->base->memory;
    }
    cpu_group_sweep(options->root);
    e->whole = meter_begin(meter, getpid());
    e->last_ns = clock_monotonic_ns();
    meter_latest(&e->last, meter);
    return e;
}

const char *sharing_word(const struct sharing *e) {
    return e->counts ? "measured" : "modelled";
}

uint64_t sharing_period_ms(const struct sharing *e) {
    return (uint64_t)(1000 / fmax(1, meter_sample_hz(e->meter)));
}

/* ---- intervals ---- */

/* CPU seconds of a stage so far. */
static double share_cpu_s(const struct share *s) {
    double seconds = s->group ? cpu_group_seconds(s->group) : (double)NAN;
    return isnan(seconds) ? cputime_tree(s->sharing->root, s->keeper) : s->before_s + seconds;
}

/* Reads the CPU time of every row since the last interval, and its seconds of GPUs; rows without a stage have none.
   Returns the sum of the latter. */
static double read_rows(struct sharing *e, double dt_s) {
    double held_s = 0;
    size_t rows = e->parts[PROCESSOR].count;
    mem_grow(e->cpu_s, &e->cpu_capacity, rows + 1);
    mem_grow(e->gpu_s, &e->gpu_capacity, rows + 1);
    memset(e->cpu_s, 0, rows * sizeof *e->cpu_s);
    memset(e->gpu_s, 0, rows * sizeof *e->gpu_s);
    for (struct share *s = e->running; s; s = s->next) {
        double cpu_s = share_cpu_s(s);
        e->cpu_s[s->row] = fmax(cpu_s - s->cpu_s, 0);
        e->gpu_s[s->row] = s->gpus * dt_s;
        held_s += e->gpu_s[s->row];
        s->cpu_s = fmax(cpu_s, s->cpu_s);
    }
    return held_s;
}

/* Shares out the counters' joules since the last call. Call after each sample of the meter. */
static void share_out(struct sharing *e) {
    struct meter_point now;
    if (!meter_latest(&now, e->meter))
        return;
    uint64_t now_ns = clock_monotonic_ns();
    double dt_s = (double)(now_ns - e->last_ns) / 1e9;
    double memory_j = isnan(now.memory_j) ? 0 : now.memory_j - e->last.memory_j;
    double gpu_j = isnan(now.gpu_j) ? 0 : now.gpu_j - e->last.gpu_j;
    double joules = now.joules - e->last.joules;
    double busy_s = now.busy_s - e->last.busy_s;
    double held_s = read_rows(e, dt_s);
    attribution_add(&e->parts[PROCESSOR], dt_s, joules - memory_j - gpu_j, busy_s, e->cpu_s);
    attribution_add(&e->parts[MEMORY], dt_s, memory_j, busy_s, e->cpu_s);
    attribution_add(&e->parts[GPU], dt_s, gpu_j, fmax(held_s, (double)e->gpu_count * dt_s), e->gpu_s);
    e->last = now;
    e->last_ns = now_ns;
}

/* Applies the model to the present use of the stage's processes. */
static void model_so_far(struct share *s) {
    struct energy_record record;
    const char *root = s->sharing->root;
    const struct meter_usage usage = {.cpu_s = share_cpu_s(s) - s->before_s,
                                      .wall_s = (double)(clock_working_ns() - s->began_ns) / 1e9,
                                      .memory_bytes = cputime_tree_peak(root, s->keeper)};
    meter_so_far(s->task, &usage, &record);
    double gpu_j = s->sharing->gpu_count ? record.gpu_j * fmin(1, s->gpus / (double)s->sharing->gpu_count) : 0;
    double joules = record.computation_j + record.memory_j + (isfinite(gpu_j) ? gpu_j : 0);
    s->joules = fmax(s->joules, isfinite(joules) ? joules : 0);
}

void sharing_sample(struct sharing *e) {
    for (struct share *s = e->running; s && !e->counts; s = s->next)
        model_so_far(s);
    if (!e->counts)
        return;
    meter_sample(e->meter);
    share_out(e);
}

/* ---- a stage ---- */

/* A row, free in all attributions. */
static size_t free_row(struct sharing *e) {
    size_t row = 0;
    for (; row < e->parts[PROCESSOR].count; row++) {
        const struct share *s = e->running;
        while (s && s->row != row)
            s = s->next;
        if (!s)
            break;
    }
    for (size_t k = 0; k < PARTS; k++) {
        if (row == e->parts[k].count)
            attribution_stage(&e->parts[k]);
        e->parts[k].rows[row] = (struct attribution_row){0};
    }
    return row;
}

static void stand_beside(struct share *s, const struct share *other) {
    if (s->beside_count < BESIDE_NAMES)
        s->beside[s->beside_count] = mem_strdup(other->stage);
    s->beside_count++;
}

struct share *share_begin(struct sharing *e, pid_t keeper, const char *stage, double gpus) {
    if (!e)
        return NULL;
    struct share *s = mem_alloc(sizeof *s);
    s->sharing = e;
    s->keeper = keeper;
    s->gpus = gpus;
    s->stage = mem_strdup(stage);
    s->before_s = s->cpu_s = cputime_tree(e->root, keeper);
    s->group = cpu_group_create(e->root, keeper);
    s->task = meter_begin(e->meter, keeper);
    share_out(e);
    s->began_ns = clock_working_ns();
    s->row = free_row(e);
    for (size_t k = 0; k < PARTS; k++)
        s->accounts[k] = (struct account){e->parts[k].wall_s, e->parts[k].busy_s, e->parts[k].used_j};
    for (struct share *other = e->running; other; other = other->next) {
        stand_beside(s, other);
        stand_beside(other, s);
    }
    s->next = e->running;
    e->running = s;
    return s;
}

/* The uncertainty of this stage's row, from the attribution over the time of the stage. */
static double uncertainty(const struct share *s, enum part part, double resolution_j) {
    const struct attribution *a = &s->sharing->parts[part];
    const struct account *began = &s->accounts[part];
    struct attribution_row row = a->rows[s->row];
    const struct attribution own = {.base = a->base,
                                    .rows = &row,
                                    .count = 1,
                                    .wall_s = a->wall_s - began->wall_s,
                                    .busy_s = a->busy_s - began->busy_s,
                                    .used_j = a->used_j - began->used_j};
    return attribution_uncertainty(&own, 0, resolution_j, part == GPU ? 0 : cputime_tick_s());
}

double share_joules(const struct share *s) {
    double joules = 0;
    if (!s)
        return 0;
    if (!s->task || !s->sharing->counts)
        return s->joules;
    for (size_t k = 0; k < PARTS; k++)
        joules += s->sharing->parts[k].rows[s->row].joules;
    return joules;
}

static void leave(struct share *s) {
    struct share **link = &s->sharing->running;
    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
}

void share_stop(struct share *s) {
    if (!s || !s->task)
        return;
    struct sharing *e = s->sharing;
    const struct meter_usage usage = {.cpu_s = share_cpu_s(s) - s->before_s,
                                      .wall_s = (double)(clock_working_ns() - s->began_ns) / 1e9,
                                      .alone = s->beside_count == 0};
    if (!e->counts)
        model_so_far(s);
    meter_end(s->task, &usage, &s->record);
    share_out(e);
    s->joules = share_joules(s);
    s->task = NULL;
    leave(s);
    if (!e->counts)
        return;
    for (size_t k = 0; k < PARTS; k++)
        s->parts_j[k] = e->parts[k].rows[s->row].joules;
    s->uncertainty_j = uncertainty(s, PROCESSOR, s->record.resolution_j) + uncertainty(s, MEMORY, 0) +
                       uncertainty(s, GPU, s->record.gpu_resolution_j);
    *(s->record.label == ENERGY_MEASURED ? &e->stages_j : &e->unresolved_j) += s->joules;
}

void share_free(struct share *s) {
    if (!s)
        return;
    share_stop(s);
    cpu_group_free(s->group);
    for (size_t i = 0; i < s->beside_count && i < BESIDE_NAMES; i++)
        free(s->beside[i]);
    free(s->stage);
    free(s);
}

static void add_beside(cJSON *record, const struct share *s) {
    cJSON *beside = cJSON_AddObjectToObject(record, "beside");
    json_add_number(beside, "count", (double)s->beside_count);
    cJSON *stages = cJSON_AddArrayToObject(beside, "stages");
    for (size_t i = 0; i < s->beside_count && i < BESIDE_NAMES; i++)
        cJSON_AddItemToArray(stages, cJSON_CreateString(s->beside[i]));
}

cJSON *share_record(struct share *s, const cJSON *kept) {
    share_stop(s);
    cpu_group_free(s->group);
    s->group = NULL;
    struct energy_record own = s->record;
    if (!s->sharing->counts)
        return kept ? cJSON_Duplicate(kept, true) : NULL;
    if (own.label == ENERGY_MEASURED) {
        own.joules = s->joules;
        own.uncertainty_j = s->uncertainty_j;
        own.gpu_j = s->gpus > 0 && s->sharing->gpu_count ? s->parts_j[GPU] : (double)NAN;
        if (!isnan(own.memory_j)) {
            own.memory_j = s->parts_j[MEMORY];
            own.computation_j = s->parts_j[PROCESSOR];
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
        json_add_copy(to, name, item);
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

static cJSON *describe(struct sharing *e, const struct energy_record *whole) {
    static const char *const members[] = {"label",    "why",        "source",  "counter_j", "counter_s",
                                          "baseline", "share_rule", "samples", "domains"};
    bool known = whole->label == ENERGY_MEASURED;
    const double unknown = (double)NAN;
    double other_j = 0, idle_j = 0;
    for (size_t k = 0; k < PARTS; k++) {
        other_j += e->parts[k].other_j;
        idle_j += e->parts[k].idle_j;
    }
    cJSON *table = cJSON_CreateObject();
    cJSON *record = energy_record_json(whole);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        copy(table, record, members[i]);
    json_add_number(table, "stages_j", known ? e->stages_j : unknown);
    json_add_number(table, "unresolved_j", known ? e->unresolved_j : unknown);
    json_add_number(table, "other_j", known ? other_j : unknown);
    json_add_number(table, "idle_j", known ? idle_j : unknown);
    add_series(table, e->meter);
    cJSON_Delete(record);
    return table;
}

cJSON *sharing_close(struct sharing *e) {
    if (!e)
        return NULL;
    struct energy_record whole;
    const struct meter_usage usage = {.cpu_s = cputime_tree(e->root, getpid())};
    meter_end(e->whole, &usage, &whole);
    share_out(e);
    cJSON *table = e->counts ? describe(e, &whole) : NULL;
    for (size_t k = 0; k < PARTS; k++)
        attribution_close(&e->parts[k]);
    meter_close(e->meter);
    free(e->cpu_s);
    free(e->gpu_s);
    free(e->root);
    free(e);
    return table;
}
