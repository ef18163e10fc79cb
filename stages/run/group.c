#include "stages/run/group.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

/* Keeps "a" + "bc" and "ab" + "c" apart. */
enum { KEY_SEPARATOR = '\x1f' };

static struct group *group_find(struct groups *g, const char *key) {
    for (size_t i = 0; i < g->count; i++)
        if (strcmp(g->group[i].key, key) == 0)
            return &g->group[i];
    mem_grow(g->group, &g->capacity, g->count + 1);
    g->group[g->count] = (struct group){.key = mem_strdup(key)};
    return &g->group[g->count++];
}

void groups_make(struct groups *out, const struct rows *rows, const struct group *within, const cJSON *names) {
    struct buffer key = {0};
    *out = (struct groups){0};
    for (size_t i = 0; i < (within ? within->count : rows->count); i++) {
        size_t index = within ? within->rows[i] : i;
        buffer_clear(&key);
        for (const cJSON *name = names->child; name; name = name->next) {
            row_text(&key, &rows->row[index], name->valuestring);
            buffer_putc(&key, KEY_SEPARATOR);
        }
        struct group *g = group_find(out, buffer_text(&key));
        mem_grow(g->rows, &g->capacity, g->count + 1);
        g->rows[g->count++] = index;
    }
    buffer_close(&key);
}

void groups_close(struct groups *g) {
    for (size_t i = 0; i < g->count; i++) {
        free(g->group[i].key);
        free(g->group[i].rows);
    }
    free(g->group);
    *g = (struct groups){0};
}

enum spread spread_read(const char *name) {
    return strcmp(name, "std") == 0 ? SPREAD_STD : strcmp(name, "range") == 0 ? SPREAD_RANGE : SPREAD_NONE;
}

static bool alike(const struct rows *rows, size_t a, size_t b, const char *name) {
    struct buffer x = {0}, y = {0};
    row_text(&x, &rows->row[a], name);
    row_text(&y, &rows->row[b], name);
    bool same = strcmp(buffer_text(&x), buffer_text(&y)) == 0;
    buffer_close(&x);
    buffer_close(&y);
    return same;
}

/* A row's labels and its "curve", for a message. */
static void row_describe(struct buffer *out, const struct row *row) {
    const cJSON *curve = cJSON_GetObjectItemCaseSensitive(row->values, "curve");
    for (const cJSON *label = row->labels ? row->labels->child : NULL; label; label = label->next) {
        buffer_printf(out, "%s%s=", out->size ? ", " : "", label->string);
        value_text(out, label);
    }
    if (curve)
        buffer_printf(out, "%scurve=", out->size ? ", " : "");
    value_text(out, curve);
}

static int fault_alike(const struct row *a, const struct row *b, const char *name, struct error *err) {
    struct buffer first = {0}, second = {0};
    row_describe(&first, a);
    row_describe(&second, b);
    int rc = error_set(err, ERR_INVALID,
                       "two values of \"%s\" fall on one place (%s; %s): add the label by which they differ to what "
                       "tells rows apart, or take the mean over it with average_over",
                       name, buffer_text(&first), buffer_text(&second));
    buffer_close(&first);
    buffer_close(&second);
    return rc;
}

static int check_distinct(const struct rows *rows, const size_t *members, size_t count, const char *name,
                          const char *average_over, struct error *err) {
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (!*average_over || alike(rows, members[i], members[k], average_over))
                return fault_alike(&rows->row[members[k]], &rows->row[members[i]], name, err);
    return 0;
}

static void mean_spread(struct mean *m, const double *values, enum spread spread) {
    double squares = 0, low = values[0], high = values[0];
    for (size_t i = 0; i < m->count; i++) {
        squares += (values[i] - m->value) * (values[i] - m->value);
        low = fmin(low, values[i]);
        high = fmax(high, values[i]);
    }
    double deviation = m->count > 1 ? sqrt(squares / (double)(m->count - 1)) : 0;
    m->has_spread = spread != SPREAD_NONE && m->count > 1;
    m->low = spread == SPREAD_STD ? m->value - deviation : spread == SPREAD_RANGE ? low : m->value;
    m->high = spread == SPREAD_STD ? m->value + deviation : spread == SPREAD_RANGE ? high : m->value;
}

int group_mean(struct mean *out, const struct rows *rows, const struct group *g, const char *name,
               const char *average_over, enum spread spread, struct error *err) {
    double *values = mem_array(g->count, sizeof *values);
    size_t *members = mem_array(g->count, sizeof *members);
    double sum = 0;
    *out = (struct mean){0};
    for (size_t i = 0; i < g->count; i++) {
        const struct row *row = &rows->row[g->rows[i]];
        double other;
        if (row_number(&values[out->count], row, name)) {
            sum += values[out->count];
            members[out->count++] = g->rows[i];
        } else if (row_nonfinite(&other, row, name) && out->left_out++ == 0) {
            out->other = other;
        }
    }
    int rc = check_distinct(rows, members, out->count, name, average_over, err);
    if (!rc && out->count) {
        out->value = sum / (double)out->count;
        mean_spread(out, values, spread);
    }
    free(values);
    free(members);
    return rc;
}

void group_name(struct buffer *out, const struct rows *rows, const struct group *g, const cJSON *names) {
    const struct row *row = &rows->row[g->rows[0]];
    for (const cJSON *name = names->child; name; name = name->next) {
        const cJSON *value = row_value(row, name->valuestring);
        if (!value)
            continue;
        if (out->size)
            buffer_puts(out, ", ");
        if (!cJSON_IsString(value) && !cJSON_IsObject(value)) /* a bare number says nothing */
            buffer_printf(out, "%s=", name->valuestring);
        row_text(out, row, name->valuestring);
    }
}
