#include "engine/energy/forecast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"

struct samples {
    struct sample **list; /* the newest first */
    size_t count, capacity;
};

/* The stages of one kind. */
struct group {
    const struct kind *kind; /* NULL: the group of commands */
    struct scale *scale;
    struct samples newest;
};

/* Sums over instances that were predicted and have finished. */
struct comparison {
    size_t count;
    double expected_j, actual_j, expected_s, actual_s;
};

struct forecast {
    struct store *store;
    struct samples all;
    struct group *groups;
    size_t group_count, group_capacity;
    struct history **stages; /* by index of the declaration; NULL: not read yet */
    size_t stage_count;
    struct prediction *of; /* by index of the instance; records 0: none */
    size_t count;
    struct prediction_sum sum;
    struct comparison compared;
};

/* ---- records ---- */

static void samples_add(struct samples *to, struct sample *s) {
    mem_grow(to->list, &to->capacity, to->count + 1);
    to->list[to->count++] = s;
}

static struct sample *new_sample(struct forecast *f, const struct group *g, const struct record_view *record) {
    struct sample *s = sample_create(g->scale, record);
    samples_add(&f->all, s);
    return s;
}

/* The sample of a record, if the group holds it already; NULL: it does not. */
static struct sample *find_sample(const struct group *g, const struct record_view *record) {
    for (size_t k = 0; k < g->newest.count; k++)
        if (strcmp(sample_attempt(g->newest.list[k]), record->attempt) == 0)
            return g->newest.list[k];
    return NULL;
}

static void read_samples(struct samples *out, struct forecast *f, const struct group *g, enum record_group group,
                         const char *name) {
    cJSON **records = NULL;
    size_t count = 0;
    store_record_newest(f->store, group, name, HISTORY_MOST, &records, &count, NULL);
    for (size_t k = 0; k < count; k++) {
        const struct record_view record = record_read(records[k]);
        struct sample *s = find_sample(g, &record);
        samples_add(out, s ? s : new_sample(f, g, &record));
        cJSON_Delete(records[k]);
    }
    free(records);
}

static struct group *group_of(struct forecast *f, const struct kind *kind) {
    for (size_t k = 0; k < f->group_count; k++)
        if (f->groups[k].kind == kind)
            return &f->groups[k];
    mem_grow(f->groups, &f->group_capacity, f->group_count + 1);
    struct group *g = &f->groups[f->group_count++];
    *g = (struct group){.kind = kind, .scale = scale_create(kind)};
    if (kind) {
        struct samples newest = {0};
        char *name = kind_uses(kind);
        read_samples(&newest, f, g, RECORDS_OF_KIND, name);
        g->newest = newest;
        free(name);
    }
    return g;
}

/* The history of a declaration, read once: its own records and, for a kind, then the newest of other stages. */
static struct history *history_of(struct forecast *f, const struct stage_decl *decl) {
    struct history *h = f->stages[decl->index];
    if (h)
        return h;
    const struct group *g = group_of(f, decl->kind);
    struct samples own = {0};
    read_samples(&own, f, g, RECORDS_OF_STAGE, decl->full_name);
    h = f->stages[decl->index] = history_create(g->scale);
    for (size_t k = g->newest.count; k-- > 0;)
        if (!sample_is_of(g->newest.list[k], decl->full_name))
            history_add(h, g->newest.list[k]);
    for (size_t k = own.count; k-- > 0;)
        history_add(h, own.list[k]);
    free(own.list);
    return h;
}

bool forecast_ask(struct forecast *f, const struct instance *i, struct prediction *out) {
    struct history *h = history_of(f, i->decl);
    *out = (struct prediction){0};
    if (history_count(h) == 0)
        return false;
    cJSON *components = i->keyed ? instance_components(i) : NULL;
    *out = history_predict(h, instance_name(i), components);
    cJSON_Delete(components);
    return true;
}

void forecast_learn(struct forecast *f, const struct instance *i, const cJSON *metrics, const cJSON *energy,
                    double wall_s) {
    cJSON *components = instance_components(i);
    const struct record_view record = {.stage = instance_name(i),
                                       .attempt = "",
                                       .components = components,
                                       .metrics = metrics,
                                       .energy = energy,
                                       .wall_s = wall_s};
    history_add(history_of(f, i->decl), new_sample(f, group_of(f, i->decl->kind), &record));
    cJSON_Delete(components);
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
    for (size_t k = 0; k < f->all.count; k++)
        used += sample_is_used(f->all.list[k]);
    return used;
}

struct forecast *forecast_create(const struct pipeline *pipeline, struct plan *plan, struct store *store) {
    struct forecast *f = mem_alloc(sizeof *f);
    struct instance *const *all = plan_instances(plan, &f->count);
    f->store = store;
    f->stage_count = pipeline->stage_count;
    f->stages = mem_array(f->stage_count + 1, sizeof(struct history *));
    f->of = mem_array(f->count + 1, sizeof *f->of);
    store_read_begin(store);
    for (size_t k = 0; k < f->count; k++) {
        store_read_tick(store);
        if (!instance_is_open(all[k]))
            continue;
        forecast_ask(f, all[k], &f->of[k]);
        add_to_sum(&f->sum, all[k], &f->of[k]);
    }
    store_read_end(store, NULL);
    f->sum.without += plan_unexpanded(plan, NULL, 0);
    f->sum.records = count_used(f);
    return f;
}

void forecast_free(struct forecast *f) {
    if (!f)
        return;
    for (size_t k = 0; k < f->stage_count; k++)
        history_free(f->stages[k]);
    for (size_t k = 0; k < f->group_count; k++) {
        scale_free(f->groups[k].scale);
        free(f->groups[k].newest.list);
    }
    for (size_t k = 0; k < f->all.count; k++)
        sample_free(f->all.list[k]);
    free(f->all.list);
    free(f->groups);
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
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "label", forecast_label(f));
    for (size_t k = 0; k < sizeof members / sizeof *members; k++)
        json_add_number(out, members[k].name, members[k].value);
    return out;
}
