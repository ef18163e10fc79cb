/* The random draws of {"sample": {"lr": {"log_uniform": [1e-5, 0.1]}}, "count": 50, "seed": 1}. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/sha256.h"
#include "engine/pipeline/axes.h"

/* The distributions: "choice" takes a list of values, the others two bounds. */
enum distribution { UNIFORM, LOG_UNIFORM, INTEGER, CHOICE, DISTRIBUTIONS };

static const char *const distribution_names[DISTRIBUTIONS] = {"uniform", "log_uniform", "integer", "choice"};

static const struct bounds {
    double least, most;
    const char *allowed;
} bounds[DISTRIBUTIONS] = {
    {-1e300, 1e300, "two numbers, the lower one first, as in [0, 0.5]"},
    {AXIS_LEAST, AXIS_MOST, "two numbers above zero, the lower one first, as in [1e-5, 0.1]"},
    {-1e9, 1e9, "two whole numbers to a billion, the lower one first, as in [1, 8]"},
    {0, 0, "a list of at least one value, as in [32, 64]"},
};

/* A member of each draw. */
struct dimension {
    const char *name;
    enum distribution distribution;
    const cJSON *list;
};

/* ---- reading ---- */

static bool list_fits(enum distribution distribution, const cJSON *list) {
    if (distribution == CHOICE)
        return cJSON_IsArray(list) && list->child;
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != 2)
        return false;
    double ends[2];
    for (int i = 0; i < 2; i++) {
        const cJSON *end = cJSON_GetArrayItem(list, i);
        ends[i] = cJSON_IsNumber(end) ? end->valuedouble : (double)NAN;
        if (!(ends[i] >= bounds[distribution].least && ends[i] <= bounds[distribution].most) ||
            (distribution == INTEGER && ends[i] != trunc(ends[i])))
            return false;
    }
    return ends[0] < ends[1];
}

/* Reads {"uniform": [0, 1]} and the like. */
static bool read_distribution(struct part *part, const cJSON *node, struct dimension *out) {
    const cJSON *only = cJSON_IsObject(node) ? node->child : NULL;
    enum distribution d = UNIFORM;
    while (only && d < DISTRIBUTIONS && strcmp(only->string, distribution_names[d]) != 0)
        d++;
    if (!only || only->next || d == DISTRIBUTIONS) {
        report_value(part, node, "\"%s\" is an object with one of %s, and its values; found %s", node->string,
                     join(part->reader, distribution_names, DISTRIBUTIONS),
                     !only        ? describe(part->reader, node)
                     : only->next ? "several members"
                                  : arena_printf(part->reader->arena, "\"%s\"", only->string));
        return false;
    }
    const cJSON *list = compile_constant(part, only);
    if (list && !list_fits(d, list))
        report_value(part, only, "\"%s\" is %s", only->string, bounds[d].allowed);
    *out = (struct dimension){node->string, d, list};
    return list && list_fits(d, list);
}

static bool read_dimension(struct part *part, const cJSON *node, struct dimension *out) {
    if (!need_name(part, node, "a member of a draw"))
        return false;
    if (strcmp(node->string, "label") != 0)
        return read_distribution(part, node, out);
    report_key(part, node, "\"label\" names the draw; give this member another name");
    return false;
}

static bool read_number_of(struct part *part, const cJSON *axis, const char *name, int least, int most, int *out) {
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(axis, name);
    if (!member)
        report_value(part, axis, "\"sample\" needs \"%s\" beside it, as in \"count\": 50, \"seed\": 1", name);
    return member && read_integer(part, member, least, most, out);
}

/* ---- drawing ---- */

/* From 0 to below 1. It depends on seed, index and name alone: more draws, or more members, change none of them. */
static double draw_share(int seed, int index, const char *name) {
    struct buffer text = {0};
    struct digest digest;
    uint64_t bits = 0;
    buffer_printf(&text, "retort-sample-1 %d %d %s", seed, index, name);
    sha256_bytes(&digest, buffer_text(&text), text.size);
    buffer_close(&text);
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | digest.bytes[i];
    return (double)(bits >> 11) * 0x1p-53;
}

static cJSON *draw(const struct dimension *d, double share) {
    if (d->distribution == CHOICE)
        return cJSON_Duplicate(cJSON_GetArrayItem(d->list, (int)(share * cJSON_GetArraySize(d->list))), true);
    double low = d->list->child->valuedouble, high = d->list->child->next->valuedouble;
    if (d->distribution == INTEGER)
        return cJSON_CreateNumber(low + floor(share * (high - low + 1)));
    return cJSON_CreateNumber(d->distribution == LOG_UNIFORM ? axis_geometric(low, high, share)
                                                             : axis_round(low + share * (high - low)));
}

static cJSON *draw_all(const struct dimension *dimensions, size_t width, int count, int seed) {
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < count; i++) {
        cJSON *value = cJSON_CreateObject();
        char label[32];
        snprintf(label, sizeof label, "draw-%d", i + 1);
        json_add_text(value, "label", label);
        for (size_t k = 0; k < width; k++)
            cJSON_AddItemToObject(value, dimensions[k].name,
                                  draw(&dimensions[k], draw_share(seed, i, dimensions[k].name)));
        cJSON_AddItemToArray(list, value);
    }
    return list;
}

/* Reads the members of a draw into `out`. False after a reported fault. */
static bool read_dimensions(struct part *part, const cJSON *spec, int count, struct dimension *out) {
    size_t size = 0; /* no draw is longer than the lists that it is drawn from */
    bool good = true;
    const cJSON *node;
    cJSON_ArrayForEach(node, spec) {
        bool read = read_dimension(part, node, out);
        struct buffer text = {0};
        if (read)
            json_canonical(&text, out->list);
        size += text.size + strlen(node->string);
        buffer_close(&text);
        good &= read;
        out++;
    }
    if (!good || size <= (size_t)MAX_FOLDED_BYTES / (size_t)count)
        return good;
    report_value(part, spec, "the draws of \"sample\" are too large together; make \"count\" or the lists smaller");
    return false;
}

cJSON *axis_sample(struct part *part, const cJSON *axis) {
    const cJSON *spec = cJSON_GetObjectItemCaseSensitive(axis, "sample");
    int count = 1, seed = 0;
    bool good = read_number_of(part, axis, "count", 1, MAX_AXIS_VALUES, &count);
    good &= read_number_of(part, axis, "seed", 0, INT_MAX, &seed);
    if (!need_object(part, spec, "\"sample\""))
        return NULL;
    size_t width = (size_t)cJSON_GetArraySize(spec);
    if (width == 0)
        report_value(part, spec,
                     "\"sample\" draws nothing; name a member, as in {\"lr\": {\"log_uniform\": [1e-5, 0.1]}}");
    struct dimension *dimensions = arena_array(part->reader->arena, width, sizeof *dimensions);
    good &= read_dimensions(part, spec, count, dimensions) && width > 0;
    return good ? draw_all(dimensions, width, count, seed) : NULL;
}
