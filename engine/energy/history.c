#include "engine/energy/history.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/meter/meter.h"

enum { NEAREST = 5 };

/* A component of a key, ready to be compared. */
struct component {
    uint64_t name, value; /* hashes */
    double log;           /* logarithm of a number above 0; NaN: it is none */
};

struct scale {
    const char *work; /* the metric; NULL: there is none */
    struct component *defaults;
    bool *linear; /* the work is proportional to the parameter */
    size_t count;
};

/* Describes a stage. Comparing `rest` and the parameters finds stages that differ in one parameter alone. */
struct traits {
    struct component *list; /* by name */
    size_t count;
    struct component *params; /* parameters of the scale: the given value, else the default */
    uint64_t rest;            /* sum of the hashes of all else */
};

struct sample {
    char *stage, *attempt;
    struct traits traits;
    double log_work; /* without the proportional parameters; NaN: the metric is missing */
    double wall_s, joules;
    char label[16];
    bool used;
};

struct history {
    const struct scale *scale;
    struct sample **list; /* the newest last */
    size_t count;
    struct traits asked;
    double *exponents; /* for the stage that is predicted; NaN: not computed yet */
};

/* ---- components ---- */

/* FNV-1a. */
static uint64_t hash_text(const char *text) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return hash;
}

/* The logarithm of a number, also of one that is a word of a command. */
static double log_of(const cJSON *value) {
    char *end = NULL;
    double number = (double)NAN;
    if (cJSON_IsNumber(value))
        number = value->valuedouble;
    else if (cJSON_IsString(value) && value->valuestring[0])
        number = strtod(value->valuestring, &end);
    return number > 0 && !(end && *end) ? log(number) : (double)NAN;
}

static struct component component_of(const char *name, const cJSON *value) {
    char *text = value ? json_canonical_text(value) : mem_strdup("");
    const struct component c = {hash_text(name), hash_text(text), log_of(value)};
    free(text);
    return c;
}

struct scale *scale_create(const struct kind *kind) {
    struct scale *s = mem_alloc(sizeof *s);
    s->count = kind ? kind->param_count : 0;
    s->work = kind ? kind->work : NULL;
    s->defaults = mem_array(s->count + 1, sizeof *s->defaults);
    s->linear = mem_array(s->count + 1, sizeof *s->linear);
    for (size_t i = 0; i < s->count; i++) {
        const struct param *p = &kind->params[i];
        char *name = mem_printf("with.%s", p->name);
        cJSON *value = p->fallback ? cJSON_Parse(p->fallback) : NULL;
        s->defaults[i] = component_of(name, value);
        for (const char *const *at = kind->work_linear; at && *at; at++)
            s->linear[i] |= strcmp(*at, p->name) == 0;
        cJSON_Delete(value);
        free(name);
    }
    return s;
}

void scale_free(struct scale *s) {
    if (!s)
        return;
    free(s->defaults);
    free(s->linear);
    free(s);
}

static int by_name(const void *a, const void *b) {
    const struct component *x = a, *y = b;
    return x->name < y->name ? -1 : x->name > y->name;
}

static void traits_read(struct traits *t, const struct scale *scale, const cJSON *components) {
    const cJSON *item;
    *t = (struct traits){.list = mem_array((size_t)cJSON_GetArraySize(components) + 1, sizeof *t->list),
                         .params = mem_array(scale->count + 1, sizeof *t->params)};
    memcpy(t->params, scale->defaults, scale->count * sizeof *t->params);
    cJSON_ArrayForEach(item, components) {
        const struct component c = component_of(item->string, item);
        size_t i = 0;
        while (i < scale->count && scale->defaults[i].name != c.name)
            i++;
        if (i < scale->count)
            t->params[i] = c;
        else
            t->rest += c.name * UINT64_C(31) + c.value;
        t->list[t->count++] = c;
    }
    qsort(t->list, t->count, sizeof *t->list, by_name);
}

static void traits_close(struct traits *t) {
    free(t->list);
    free(t->params);
}

/* ---- samples ---- */

struct sample *sample_create(const struct scale *scale, const struct record_view *record) {
    struct sample *s = mem_alloc(sizeof *s);
    const struct energy_view energy = energy_view_all(record->energy);
    s->stage = mem_strdup(record->stage);
    s->attempt = mem_strdup(record->attempt);
    traits_read(&s->traits, scale, record->components);
    s->wall_s = energy.attempts > 1 ? energy.wall_s : record->wall_s; /* it was resumed */
    s->joules = energy.joules;
    snprintf(s->label, sizeof s->label, "%s", energy.label);
    s->log_work = scale->work ? log(json_double(record->metrics, scale->work, (double)NAN)) : (double)NAN;
    for (size_t i = 0; i < scale->count; i++)
        if (scale->linear[i])
            s->log_work -= s->traits.params[i].log;
    return s;
}

void sample_free(struct sample *s) {
    if (!s)
        return;
    traits_close(&s->traits);
    free(s->stage);
    free(s->attempt);
    free(s);
}

bool sample_is_used(const struct sample *s) {
    return s->used;
}

const char *sample_attempt(const struct sample *s) {
    return s->attempt;
}

bool sample_is_of(const struct sample *s, const char *stage) {
    size_t length = strcspn(s->stage, "[");
    return strlen(stage) == length && strncmp(s->stage, stage, length) == 0;
}

struct history *history_create(const struct scale *scale) {
    struct history *h = mem_alloc(sizeof *h);
    h->scale = scale;
    h->list = mem_array(HISTORY_MOST, sizeof *h->list);
    h->exponents = mem_array(scale->count + 1, sizeof *h->exponents);
    return h;
}

void history_free(struct history *h) {
    if (!h)
        return;
    traits_close(&h->asked);
    free(h->list);
    free(h->exponents);
    free(h);
}

void history_add(struct history *h, struct sample *s) {
    if (h->count == HISTORY_MOST)
        memmove(h->list, h->list + 1, --h->count * sizeof *h->list);
    h->list[h->count++] = s;
}

size_t history_count(const struct history *h) {
    return h->count;
}

/* ---- work ---- */

/* Whether two differ in parameter `i` alone, apart from proportional ones. */
static bool differ_only_in(const struct scale *scale, size_t i, const struct traits *a, const struct traits *b) {
    if (a->rest != b->rest || !isfinite(a->params[i].log - b->params[i].log) ||
        a->params[i].value == b->params[i].value)
        return false;
    for (size_t k = 0; k < scale->count; k++)
        if (k != i && !scale->linear[k] && a->params[k].value != b->params[k].value)
            return false;
    return true;
}

/* The exponent from the two samples nearest to the predicted value; 0: there are none. */
static double exponent(const struct history *h, size_t i) {
    double nearest = INFINITY, found = 0, at = h->asked.params[i].log;
    for (size_t m = 0; m < h->count; m++) {
        for (size_t n = m + 1; n < h->count; n++) {
            const struct sample *a = h->list[m], *b = h->list[n];
            double x = a->traits.params[i].log, y = b->traits.params[i].log;
            double distance = fabs(x - at) + fabs(y - at);
            if (!(distance < nearest) || !isfinite(a->log_work - b->log_work) ||
                !differ_only_in(h->scale, i, &a->traits, &b->traits))
                continue;
            nearest = distance;
            found = (a->log_work - b->log_work) / (x - y);
        }
    }
    return found;
}

/* The work of the predicted stage, divided by that of an earlier one. */
static double ratio(struct history *h, const struct traits *earlier) {
    double sum = 0;
    for (size_t i = 0; i < h->scale->count; i++) {
        double difference = h->asked.params[i].log - earlier->params[i].log;
        if (!isfinite(difference) || difference == 0)
            continue;
        if (isnan(h->exponents[i]))
            h->exponents[i] = h->scale->linear[i] ? 1 : exponent(h, i);
        sum += difference * h->exponents[i];
    }
    return exp(sum);
}

/* ---- the nearest ---- */

static double component_distance(const struct component *a, const struct component *b) {
    double apart = fabs(a->log - b->log);
    if (isfinite(apart))
        return fmin(1, apart);
    return a->value == b->value ? 0 : 1;
}

static double distance(const struct traits *a, const struct traits *b) {
    double sum = 0;
    size_t i = 0, k = 0;
    while (i < a->count && k < b->count) {
        int order = by_name(&a->list[i], &b->list[k]);
        sum += order ? 1 : component_distance(&a->list[i], &b->list[k]);
        i += order <= 0;
        k += order >= 0;
    }
    return sum + (double)(a->count - i) + (double)(b->count - k);
}

/* The distance of two names: equal, of the same stage, of another stage. */
static double name_distance(const char *a, const char *b) {
    size_t length = strcspn(a, "[");
    return strcmp(a, b) == 0 ? 0 : strcspn(b, "[") == length && strncmp(a, b, length) == 0 ? 1 : 2;
}

/* Nearest first; among equals the newer. */
static size_t find_nearest(struct sample **out, const struct history *h, const char *stage, bool by_components) {
    double distances[NEAREST];
    size_t count = 0;
    for (size_t k = h->count; k-- > 0;) {
        struct sample *s = h->list[k];
        double d = by_components ? distance(&h->asked, &s->traits) : name_distance(stage, s->stage);
        size_t at = count;
        for (; at > 0 && d < distances[at - 1]; at--)
            if (at < NEAREST) {
                distances[at] = distances[at - 1];
                out[at] = out[at - 1];
            }
        if (at == NEAREST)
            continue;
        distances[at] = d;
        out[at] = s;
        count += count < NEAREST;
    }
    return count;
}

/* ---- the prediction ---- */

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

static void ask(struct history *h, const cJSON *components) {
    traits_close(&h->asked);
    traits_read(&h->asked, h->scale, components);
    for (size_t i = 0; i < h->scale->count; i++)
        h->exponents[i] = (double)NAN;
}

struct prediction history_predict(struct history *h, const char *stage, const cJSON *components) {
    struct prediction p = {0};
    struct sample *nearest[NEAREST];
    double seconds[NEAREST], joules[NEAREST];
    size_t timed = 0, counted = 0;
    if (components)
        ask(h, components);
    p.records = find_nearest(nearest, h, stage, components != NULL);
    for (size_t k = 0; k < p.records; k++) {
        struct sample *s = nearest[k];
        double times = components ? ratio(h, &s->traits) : 1;
        s->used = true;
        if (isfinite(s->wall_s))
            seconds[timed++] = s->wall_s * times;
        if (!isfinite(s->joules) || (p.label[0] && strcmp(p.label, s->label) != 0))
            continue;
        memcpy(p.label, s->label, sizeof p.label);
        joules[counted++] = s->joules * times;
    }
    spread(seconds, timed, &p.wall_s, &p.low_s, &p.high_s);
    spread(joules, counted, &p.joules, &p.low_j, &p.high_j);
    return p;
}
