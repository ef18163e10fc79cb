#include "engine/energy/forecast.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/energy/work.h"

enum { NEWEST = 64, NEAREST = 5 };

struct earlier {
    cJSON *record;
    size_t number;   /* in `work` */
    double distance; /* from what was last asked */
    bool used;
};

/* The records of one stage declaration. */
struct history {
    bool read;
    struct earlier *list;
    size_t count;
    struct work *work;
};

/* Of the instances that were predicted and have finished. */
struct comparison {
    size_t count;
    double expected_j, actual_j, expected_s, actual_s;
};

struct forecast {
    struct store *store;
    struct history *stages; /* by index of the declaration */
    size_t capacity;
    struct prediction *of; /* by index of the instance; records 0: none */
    size_t count;
    struct prediction_sum sum;
    struct comparison compared;
};

/* ---- records ---- */

static bool is_of_stage(const cJSON *record, const struct stage_decl *decl) {
    const char *name = json_text(record, "stage", "");
    size_t length = strcspn(name, "[");
    return strlen(decl->full_name) == length && strncmp(name, decl->full_name, length) == 0;
}

/* Commands have nothing in common but that they are commands. */
static bool is_like(const cJSON *record, const struct stage_decl *decl) {
    return decl->kind || is_of_stage(record, decl);
}

static void read_history(struct history *h, struct store *store, const struct instance *i) {
    const struct kind *kind = i->decl->kind;
    char *name = kind_uses(kind);
    cJSON **records = NULL;
    size_t count = 0;
    h->read = true;
    store_record_similar(store, instance_name(i), name, NEWEST, &records, &count, NULL);
    h->list = mem_array(count + 1, sizeof *h->list);
    h->work = work_create(kind);
    for (size_t k = 0; k < count; k++) {
        cJSON *record = records[k];
        if (!is_like(record, i->decl)) {
            cJSON_Delete(record);
            continue;
        }
        size_t number = work_add(h->work, cJSON_GetObjectItemCaseSensitive(record, "components"),
                                 cJSON_GetObjectItemCaseSensitive(record, "metrics"));
        h->list[h->count++] = (struct earlier){.record = record, .number = number};
    }
    free(records);
    free(name);
}

static struct history *history_of(struct forecast *f, const struct instance *i) {
    size_t had = f->capacity;
    mem_grow(f->stages, &f->capacity, i->decl->index + 1);
    for (size_t k = had; k < f->capacity; k++)
        f->stages[k] = (struct history){0};
    struct history *h = &f->stages[i->decl->index];
    if (!h->read)
        read_history(h, f->store, i);
    return h;
}

/* ---- how far ---- */

/* A number, also where it is a word of a command; NaN for all else. */
static double value_of(const cJSON *item) {
    char *end = NULL;
    if (cJSON_IsNumber(item))
        return item->valuedouble;
    if (!cJSON_IsString(item) || !item->valuestring[0])
        return (double)NAN;
    double value = strtod(item->valuestring, &end);
    return *end ? (double)NAN : value;
}

static double component_distance(const cJSON *a, const cJSON *b) {
    if (!a || !b)
        return 1;
    double x = value_of(a), y = value_of(b);
    if (x > 0 && y > 0)
        return fmin(1, fabs(log(x / y)));
    return json_equal(a, b) ? 0 : 1;
}

static double components_distance(const cJSON *a, const cJSON *b) {
    const cJSON *item;
    double sum = 0;
    cJSON_ArrayForEach(item, a)
        sum += component_distance(item, cJSON_GetObjectItemCaseSensitive(b, item->string));
    cJSON_ArrayForEach(item, b)
        if (!cJSON_GetObjectItemCaseSensitive(a, item->string))
            sum += 1;
    return sum;
}

/* Returns whether more is known of the instance than its name. */
static bool measure(struct history *h, const struct instance *i) {
    cJSON *components = i->keyed ? instance_components(i) : NULL;
    bool known = components != NULL;
    if (known)
        work_ask(h->work, components);
    for (size_t k = 0; k < h->count; k++) {
        const cJSON *record = h->list[k].record;
        if (components)
            h->list[k].distance =
                components_distance(components, cJSON_GetObjectItemCaseSensitive(record, "components"));
        else
            h->list[k].distance = strcmp(json_text(record, "stage", ""), instance_name(i)) == 0 ? 0
                                  : is_of_stage(record, i->decl)                                ? 1
                                                                                                : 2;
    }
    cJSON_Delete(components);
    return known;
}

/* Brings the nearest to the front; among equals the newer stays first. */
static size_t sort_nearest(struct history *h) {
    size_t count = h->count < NEAREST ? h->count : NEAREST;
    for (size_t k = 0; k < count; k++) {
        size_t best = k;
        for (size_t n = k + 1; n < h->count; n++)
            if (h->list[n].distance < h->list[best].distance)
                best = n;
        struct earlier nearest = h->list[best];
        memmove(&h->list[k + 1], &h->list[k], (best - k) * sizeof *h->list);
        h->list[k] = nearest;
    }
    return count;
}

/* ---- what they took ---- */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void spread(double *values, size_t count, double *median, double *low, double *high) {
    *median = *low = *high = (double)NAN;
    if (count == 0)
        return;
    qsort(values, count, sizeof *values, by_value);
    *low = values[0];
    *high = values[count - 1];
    *median = (values[(count - 1) / 2] + values[count / 2]) / 2;
}

bool forecast_ask(struct forecast *f, const struct instance *i, struct prediction *out) {
    struct history *h = history_of(f, i);
    double seconds[NEAREST], joules[NEAREST];
    size_t timed = 0, counted = 0;
    *out = (struct prediction){0};
    bool known = measure(h, i);
    out->records = sort_nearest(h);
    for (size_t k = 0; k < out->records; k++) {
        const cJSON *record = h->list[k].record;
        const cJSON *energy = cJSON_GetObjectItemCaseSensitive(record, "energy");
        const char *label = json_text(energy, "label", "");
        const cJSON *attempts = cJSON_GetObjectItemCaseSensitive(energy, "attempts"); /* it was resumed */
        double wall_s = json_double(attempts, "wall_s", json_double(record, "wall_s", (double)NAN));
        double spent_j = json_double(attempts ? attempts : energy, "joules", (double)NAN);
        double ratio = known ? work_ratio(h->work, h->list[k].number) : 1;
        h->list[k].used = true;
        if (isfinite(wall_s))
            seconds[timed++] = wall_s * ratio;
        if (!isfinite(spent_j) || (out->label[0] && strcmp(out->label, label) != 0))
            continue;
        snprintf(out->label, sizeof out->label, "%s", label);
        joules[counted++] = spent_j * ratio;
    }
    spread(seconds, timed, &out->wall_s, &out->low_s, &out->high_s);
    spread(joules, counted, &out->joules, &out->low_j, &out->high_j);
    return out->records > 0;
}

/* ---- all of a plan ---- */

static void add_to_sum(struct prediction_sum *sum, const struct instance *i, const struct prediction *p) {
    if (!p->records) {
        sum->without++;
        return;
    }
    sum->stages++;
    if (isfinite(p->wall_s)) {
        sum->wall_s += p->wall_s;
        sum->cpu_s += p->wall_s * i->decl->resources.cpus;
    }
    if (!isfinite(p->joules))
        return;
    sum->joules += p->joules;
    sum->low_j += p->low_j;
    sum->high_j += p->high_j;
    sum->measured |= strcmp(p->label, "measured") == 0;
    sum->modelled |= strcmp(p->label, "modelled") == 0;
}

static size_t count_used(const struct forecast *f) {
    size_t used = 0;
    for (size_t i = 0; i < f->capacity; i++)
        for (size_t k = 0; k < f->stages[i].count; k++)
            used += f->stages[i].list[k].used;
    return used;
}

struct forecast *forecast_create(struct plan *plan, struct store *store) {
    struct forecast *f = mem_alloc(sizeof *f);
    f->store = store;
    struct instance *const *all = plan_instances(plan, &f->count);
    f->of = mem_array(f->count + 1, sizeof *f->of);
    for (size_t k = 0; k < f->count; k++) {
        const struct instance *i = all[k];
        if (!instance_is_open(i))
            continue;
        forecast_ask(f, i, &f->of[k]);
        add_to_sum(&f->sum, i, &f->of[k]);
    }
    f->sum.without += plan_unexpanded(plan, NULL, 0);
    f->sum.records = count_used(f);
    return f;
}

void forecast_free(struct forecast *f) {
    if (!f)
        return;
    for (size_t i = 0; i < f->capacity; i++) {
        for (size_t k = 0; k < f->stages[i].count; k++)
            cJSON_Delete(f->stages[i].list[k].record);
        free(f->stages[i].list);
        work_free(f->stages[i].work);
    }
    free(f->stages);
    free(f->of);
    free(f);
}

const struct prediction *forecast_of(const struct forecast *f, const struct instance *i) {
    return i->index < f->count && f->of[i->index].records ? &f->of[i->index] : NULL;
}

const struct prediction_sum *forecast_sum(const struct forecast *f) {
    return &f->sum;
}

const char *forecast_label(const struct forecast *f) {
    if (f->sum.measured && f->sum.modelled)
        return "measured and modelled";
    return f->sum.measured ? "measured" : f->sum.modelled ? "modelled" : "";
}

/* ---- how far off it was ---- */

void forecast_compare(struct forecast *f, const struct instance *i, double joules, const char *label, double wall_s) {
    const struct prediction *p = forecast_of(f, i);
    if (!p || !isfinite(p->joules) || !isfinite(joules) || strcmp(label, p->label) != 0)
        return;
    f->compared.count++;
    f->compared.expected_j += p->joules;
    f->compared.actual_j += joules;
    f->compared.expected_s += p->wall_s;
    f->compared.actual_s += wall_s;
}

cJSON *forecast_json(const struct forecast *f) {
    const struct comparison *c = &f->compared;
    const struct {
        const char *name;
        double value;
    } members[] = {{"stages", (double)f->sum.stages},
                   {"without", (double)f->sum.without},
                   {"records", (double)f->sum.records},
                   {"expected_j", f->sum.joules},
                   {"low_j", f->sum.low_j},
                   {"high_j", f->sum.high_j},
                   {"expected_cpu_s", f->sum.cpu_s},
                   {"compared", (double)c->count},
                   {"compared_j", c->expected_j},
                   {"actual_j", c->actual_j},
                   {"error", c->actual_j / c->expected_j - 1},
                   {"compared_s", c->expected_s},
                   {"actual_s", c->actual_s},
                   {"time_error", c->actual_s / c->expected_s - 1}};
    cJSON *out = mem_checked(cJSON_CreateObject());
    mem_checked(cJSON_AddStringToObject(out, "label", forecast_label(f)));
    for (size_t k = 0; k < sizeof members / sizeof *members; k++)
        mem_checked(isfinite(members[k].value) ? cJSON_AddNumberToObject(out, members[k].name, members[k].value)
                                               : cJSON_AddNullToObject(out, members[k].name));
    return out;
}
