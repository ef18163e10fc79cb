#include "stages/run/energy_processors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/suggest.h"
#include "engine/meter/data.h"

struct list {
    struct processor *rows;
    size_t count, capacity;
};

static struct processor *by_name(const struct list *list, const char *name) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->rows[i].name, name) == 0)
            return &list->rows[i];
    return NULL;
}

/* Sets `*out` to a member times `unit`, if the member is there and positive. */
static void read_figure(double *out, const cJSON *object, const char *name, double unit) {
    double value = json_double(object, name, 0);
    if (value > 0)
        *out = value * unit;
}

static void processor_read(struct processor *p, const cJSON *object) {
    double int8_flops_per_s = (double)NAN;
    read_figure(&p->cores, object, "cores", 1);
    read_figure(&p->clock_hz, object, "ghz", 1e9);
    read_figure(&p->flop_per_clock, object, "flop_per_clock", 1);
    read_figure(&p->power_w, object, "tdp_w", 1);
    read_figure(&p->kappa_f, object, "kappa_f", 1);
    read_figure(&p->convolution_a_j, object, "convolution_a_j", 1);
    read_figure(&p->convolution_b_j, object, "convolution_b_j", 1);
    read_figure(&p->memory_j_per_byte, object, "memory_j_per_byte", 1);
    read_figure(&int8_flops_per_s, object, "int8_tops", 1e12);
    double product = p->cores * p->clock_hz * p->flop_per_clock;
    if (!isnan(product))
        p->flops_per_s = product;
    else if (!isnan(int8_flops_per_s))
        p->flops_per_s = int8_flops_per_s;
}

static void list_add(struct list *list, const cJSON *objects) {
    const double unknown = (double)NAN;
    const cJSON *object;
    cJSON_ArrayForEach(object, objects) {
        const char *name = json_text(object, "name", "");
        struct processor *p = by_name(list, name);
        if (!p) {
            mem_grow(list->rows, &list->capacity, list->count + 1);
            p = &list->rows[list->count++];
            *p = (struct processor){.cores = unknown,
                                    .clock_hz = unknown,
                                    .flop_per_clock = unknown,
                                    .power_w = unknown,
                                    .flops_per_s = unknown,
                                    .kappa_f = unknown,
                                    .convolution_a_j = unknown,
                                    .convolution_b_j = unknown,
                                    .memory_j_per_byte = unknown};
            snprintf(p->name, sizeof p->name, "%s", name);
        }
        processor_read(p, object);
    }
}

int processor_find(const struct processor **out, const struct processor *list, size_t count, const char *name,
                   struct error *err) {
    const char **names = mem_array(count, sizeof *names);
    struct buffer all = {0};
    *out = NULL;
    for (size_t i = 0; i < count; i++) {
        names[i] = list[i].name;
        buffer_printf(&all, "%s%s", i ? ", " : "; there are ", list[i].name);
        if (strcmp(list[i].name, name) == 0)
            *out = &list[i];
    }
    char *suggestion = suggest_text(name, names, count, buffer_text(&all));
    int rc = *out ? 0 : error_set(err, ERR_INVALID, "no processor \"%s\"%s", name, suggestion);
    free(suggestion);
    buffer_close(&all);
    free(names);
    return rc;
}

static int keep_only(struct list *list, const cJSON *only, struct error *err) {
    struct list kept = {0};
    const cJSON *name;
    int rc = 0;
    cJSON_ArrayForEach(name, only) {
        const struct processor *p;
        if ((rc = processor_find(&p, list->rows, list->count, name->valuestring, err)) || !p)
            break;
        mem_grow(kept.rows, &kept.capacity, kept.count + 1);
        kept.rows[kept.count++] = *p;
    }
    free(list->rows);
    *list = kept;
    return rc;
}

int processors_read(struct processor **out, size_t *count, const cJSON *own, const cJSON *only, struct error *err) {
    struct list list = {0};
    cJSON *table = NULL;
    int rc = meter_processors(&table, err);
    if (rc == 0) {
        list_add(&list, cJSON_GetObjectItemCaseSensitive(table, "processors"));
        list_add(&list, own);
        if (cJSON_GetArraySize(only) > 0)
            rc = keep_only(&list, only, err);
    }
    cJSON_Delete(table);
    *out = list.rows;
    *count = list.count;
    return rc;
}
