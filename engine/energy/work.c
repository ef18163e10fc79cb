#include "engine/energy/work.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"

/* A stage: the logarithms of its numeric parameters, NaN where one is not above 0; all else that it is made of as a
   sum of hashes, so that two stages that differ in one parameter alone are found by comparing sums. */
struct stage {
    double *logs;
    uint64_t *hashes; /* of each numeric parameter with its value */
    uint64_t rest;    /* of all else */
    double log_work;  /* less the proportional parameters; NaN: the metric is not there */
};

struct work {
    const struct kind *kind;
    size_t *params; /* indices of the kind's numeric parameters */
    bool *linear;   /* the work is proportional to it */
    size_t count;
    struct stage *stages, asked;
    size_t stage_count, stage_capacity;
    double *exponents; /* for what was asked; NaN: not worked out yet */
};

static bool is_linear(const struct kind *kind, const char *name) {
    for (const char *const *at = kind->work_linear; at && *at; at++)
        if (strcmp(*at, name) == 0)
            return true;
    return false;
}

struct work *work_create(const struct kind *kind) {
    struct work *w = mem_alloc(sizeof *w);
    size_t params = kind ? kind->param_count : 0;
    w->kind = kind;
    w->params = mem_array(params + 1, sizeof *w->params);
    w->linear = mem_array(params + 1, sizeof *w->linear);
    w->exponents = mem_array(params + 1, sizeof *w->exponents);
    for (size_t i = 0; i < params; i++) {
        if (kind->params[i].type != PARAM_INTEGER && kind->params[i].type != PARAM_NUMBER)
            continue;
        w->linear[w->count] = is_linear(kind, kind->params[i].name);
        w->params[w->count++] = i;
    }
    return w;
}

static void stage_close(struct stage *s) {
    free(s->logs);
    free(s->hashes);
}

void work_free(struct work *w) {
    if (!w)
        return;
    for (size_t i = 0; i < w->stage_count; i++)
        stage_close(&w->stages[i]);
    stage_close(&w->asked);
    free(w->stages);
    free(w->params);
    free(w->linear);
    free(w->exponents);
    free(w);
}

/* ---- what a stage is ---- */

/* FNV-1a. */
static uint64_t hash_text(uint64_t hash, const char *text) {
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return (hash ^ 0xff) * UINT64_C(1099511628211);
}

static uint64_t hash_item(const cJSON *item) {
    char *text = json_canonical_text(item);
    uint64_t hash = hash_text(hash_text(UINT64_C(14695981039346656037), item->string), text);
    free(text);
    return hash;
}

/* Which numeric parameter a component is; w->count: none. */
static size_t numeric_of(const struct work *w, const cJSON *component) {
    static const char prefix[] = "with.";
    size_t i = 0;
    if (!cJSON_IsNumber(component) || strncmp(component->string, prefix, strlen(prefix)) != 0)
        return w->count;
    while (i < w->count && strcmp(w->kind->params[w->params[i]].name, component->string + strlen(prefix)) != 0)
        i++;
    return i;
}

static void set_number(struct stage *s, size_t i, double value) {
    s->logs[i] = value > 0 ? log(value) : (double)NAN;
    memcpy(&s->hashes[i], &value, sizeof value);
}

static void stage_read(struct stage *out, const struct work *w, const cJSON *components) {
    const cJSON *item;
    *out = (struct stage){.log_work = (double)NAN};
    out->logs = mem_array(w->count + 1, sizeof *out->logs);
    out->hashes = mem_array(w->count + 1, sizeof *out->hashes);
    for (size_t i = 0; i < w->count; i++) { /* what equals its default is no component */
        const char *fallback = w->kind->params[w->params[i]].fallback;
        set_number(out, i, fallback ? strtod(fallback, NULL) : (double)NAN);
    }
    cJSON_ArrayForEach(item, components) {
        size_t i = numeric_of(w, item);
        if (i < w->count)
            set_number(out, i, item->valuedouble);
        else
            out->rest += hash_item(item);
    }
}

size_t work_add(struct work *w, const cJSON *components, const cJSON *metrics) {
    mem_grow(w->stages, &w->stage_capacity, w->stage_count + 1);
    struct stage *s = &w->stages[w->stage_count];
    stage_read(s, w, components);
    if (w->kind && w->kind->work)
        s->log_work = log(json_double(metrics, w->kind->work, (double)NAN));
    for (size_t i = 0; i < w->count; i++)
        if (w->linear[i])
            s->log_work -= s->logs[i];
    return w->stage_count++;
}

void work_ask(struct work *w, const cJSON *components) {
    stage_close(&w->asked);
    stage_read(&w->asked, w, components);
    for (size_t i = 0; i < w->count; i++)
        w->exponents[i] = (double)NAN;
}

/* ---- exponents ---- */

/* Whether two differ in parameter `i` alone, apart from proportional ones. */
static bool differ_only_in(const struct work *w, size_t i, const struct stage *a, const struct stage *b) {
    if (a->rest != b->rest || !isfinite(a->logs[i] - b->logs[i]) || a->hashes[i] == b->hashes[i])
        return false;
    for (size_t k = 0; k < w->count; k++)
        if (k != i && !w->linear[k] && a->hashes[k] != b->hashes[k])
            return false;
    return true;
}

/* By the two that are nearest to the value asked for; 0 where there are none. */
static double exponent(const struct work *w, size_t i) {
    double nearest = INFINITY, found = 0, at = w->asked.logs[i];
    for (size_t m = 0; m < w->stage_count; m++) {
        for (size_t n = m + 1; n < w->stage_count; n++) {
            const struct stage *a = &w->stages[m], *b = &w->stages[n];
            double distance = fabs(a->logs[i] - at) + fabs(b->logs[i] - at);
            if (!(distance < nearest) || !isfinite(a->log_work - b->log_work) || !differ_only_in(w, i, a, b))
                continue;
            nearest = distance;
            found = (a->log_work - b->log_work) / (a->logs[i] - b->logs[i]);
        }
    }
    return found;
}

double work_ratio(const struct work *w, size_t number) {
    const struct stage *earlier = &w->stages[number];
    double sum = 0;
    for (size_t i = 0; i < w->count; i++) {
        double difference = w->asked.logs[i] - earlier->logs[i];
        if (!isfinite(difference) || w->asked.hashes[i] == earlier->hashes[i])
            continue;
        if (!w->linear[i] && isnan(w->exponents[i]))
            w->exponents[i] = exponent(w, i);
        sum += difference * (w->linear[i] ? 1 : w->exponents[i]);
    }
    return exp(sum);
}
