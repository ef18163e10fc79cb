#include <math.h>

#include "engine/base/csv.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "stages/run/curve_gain.h"
#include "stages/run/table.h"

static double mean_value(const struct mean *m) {
    return m->count ? m->value : (double)NAN;
}

/* The deviation of a single value is not known. */
static double mean_deviation(const struct mean *m) {
    return m->count > 1 ? m->high - m->value : (double)NAN;
}

static bool shows_deviation(const struct gains *g) {
    return *g->average_over && g->spread == SPREAD_STD;
}

static bool shows_range(const struct gains *g) {
    return *g->average_over && g->spread == SPREAD_RANGE;
}

static const char *comparison_word(const struct comparison *c) {
    return c->gain.count ? "reached" : c->reached ? "partly reached" : "not reached";
}

static const struct row *comparison_row(const struct gains *g, const struct comparison *c) {
    return &g->pairs.row[c->pairs->rows[0]];
}

static void csv_text(struct buffer *out, const struct row *row, const char *name) {
    struct buffer text = {0};
    row_text(&text, row, name);
    csv_cell(out, buffer_text(&text));
    buffer_close(&text);
}

static void csv_number(struct buffer *out, double value) {
    if (isfinite(value))
        json_number(out, value);
    buffer_putc(out, ',');
}

void gains_csv(struct buffer *out, const struct gains *g) {
    const cJSON *name;
    cJSON_ArrayForEach(name, g->names) {
        csv_cell(out, name->valuestring);
        buffer_putc(out, ',');
    }
    buffer_printf(out, "gain_db,%sreached,pairs,sinr_db,baseline_sinr_db,word,note\n",
                  shows_deviation(g) ? "gain_db_std,"
                  : shows_range(g)   ? "gain_db_min,gain_db_max,"
                                     : "");
    for (size_t i = 0; i < g->groups.count; i++) {
        const struct comparison *c = &g->comparisons[i];
        cJSON_ArrayForEach(name, g->names) {
            csv_text(out, comparison_row(g, c), name->valuestring);
            buffer_putc(out, ',');
        }
        csv_number(out, mean_value(&c->gain));
        if (shows_deviation(g))
            csv_number(out, mean_deviation(&c->gain));
        if (shows_range(g)) {
            csv_number(out, c->gain.count ? c->gain.low : (double)NAN);
            csv_number(out, c->gain.count ? c->gain.high : (double)NAN);
        }
        buffer_printf(out, "%zu,%zu,", c->reached, c->pairs->count);
        csv_number(out, mean_value(&c->at));
        csv_number(out, mean_value(&c->baseline_at));
        buffer_printf(out, "%s,", comparison_word(c));
        csv_cell(out, c->note);
        buffer_putc(out, '\n');
    }
}

/* Takes over `value`. */
static void member_set(cJSON *object, const char *name, cJSON *value) {
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    cJSON_AddItemToObject(object, name, mem_checked(value));
}

static void number_set(cJSON *object, const char *name, double value) {
    member_set(object, name, isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull());
}

static cJSON *pair_json(const struct row *row) {
    cJSON *pair = cJSON_Duplicate(row->labels, true);
    for (const cJSON *value = row->values->child; value; value = value->next)
        member_set(pair, value->string, cJSON_Duplicate(value, true));
    return pair;
}

static cJSON *comparison_json(const struct gains *g, const struct comparison *c) {
    cJSON *object = cJSON_CreateObject(), *pairs = cJSON_CreateArray();
    const cJSON *name;
    cJSON_ArrayForEach(name, g->names) {
        const cJSON *value = row_value(comparison_row(g, c), name->valuestring);
        if (value)
            member_set(object, name->valuestring, cJSON_Duplicate(value, true));
    }
    number_set(object, "gain_db", mean_value(&c->gain));
    if (shows_deviation(g))
        number_set(object, "gain_db_std", mean_deviation(&c->gain));
    if (shows_range(g)) {
        number_set(object, "gain_db_min", c->gain.count ? c->gain.low : (double)NAN);
        number_set(object, "gain_db_max", c->gain.count ? c->gain.high : (double)NAN);
    }
    number_set(object, "reached", (double)c->reached);
    number_set(object, "sinr_db", mean_value(&c->at));
    number_set(object, "baseline_sinr_db", mean_value(&c->baseline_at));
    member_set(object, "word", cJSON_CreateString(comparison_word(c)));
    member_set(object, "note", cJSON_CreateString(c->note));
    for (size_t i = 0; i < c->pairs->count; i++)
        cJSON_AddItemToArray(pairs, pair_json(&g->pairs.row[c->pairs->rows[i]]));
    member_set(object, "pairs", pairs);
    return object;
}

void gains_json(struct buffer *out, const struct gains *g) {
    cJSON *root = cJSON_CreateObject(), *rows = cJSON_CreateArray();
    const cJSON *baseline = cJSON_GetObjectItemCaseSensitive(stage_with(g->stage), "baseline");
    number_set(root, "ber", g->ber);
    member_set(root, "baseline", cJSON_Duplicate(baseline, true));
    for (size_t i = 0; i < g->groups.count; i++)
        cJSON_AddItemToArray(rows, comparison_json(g, &g->comparisons[i]));
    member_set(root, "rows", rows);
    json_pretty(out, root);
    buffer_putc(out, '\n');
    cJSON_Delete(root);
}

static void markdown_label(struct buffer *out, const struct row *row, const char *name) {
    struct buffer text = {0};
    row_text(&text, row, name);
    markdown_text(out, buffer_text(&text));
    buffer_close(&text);
}

static void markdown_gain(struct buffer *out, const struct gains *g, const struct comparison *c) {
    if (!c->gain.count) {
        buffer_puts(out, comparison_word(c));
        return;
    }
    buffer_printf(out, "%+.2f", c->gain.value);
    if (shows_deviation(g) && c->gain.count > 1)
        buffer_printf(out, " ± %.2f", mean_deviation(&c->gain));
    if (shows_range(g) && c->gain.count > 1)
        buffer_printf(out, " (%+.2f to %+.2f)", c->gain.low, c->gain.high);
}

static void markdown_mean(struct buffer *out, const struct mean *m) {
    if (m->count)
        buffer_printf(out, "%.2f", m->value);
}

static void markdown_line(struct buffer *out, const struct gains *g, const struct comparison *c) {
    const cJSON *name;
    cJSON_ArrayForEach(name, g->names) {
        buffer_puts(out, "| ");
        markdown_label(out, comparison_row(g, c), name->valuestring);
        buffer_putc(out, ' ');
    }
    buffer_puts(out, "| ");
    markdown_gain(out, g, c);
    buffer_puts(out, " | ");
    markdown_mean(out, &c->at);
    buffer_puts(out, " | ");
    markdown_mean(out, &c->baseline_at);
    buffer_printf(out, " | %zu of %zu |\n", c->reached, c->pairs->count);
}

static void markdown_head(struct buffer *out, const struct gains *g) {
    const cJSON *name, *baseline = cJSON_GetObjectItemCaseSensitive(stage_with(g->stage), "baseline");
    buffer_printf(out, "**Gain at a bit error rate of %g over ", g->ber);
    cJSON_ArrayForEach(name, baseline) {
        struct buffer text = {0};
        buffer_printf(&text, "%s%s=", name == baseline->child ? "" : ", ", name->string);
        value_text(&text, name);
        markdown_text(out, buffer_text(&text));
        buffer_close(&text);
    }
    buffer_puts(out, "**\n\n");
    cJSON_ArrayForEach(name, g->names) {
        buffer_puts(out, "| ");
        markdown_text(out, name->valuestring);
        buffer_putc(out, ' ');
    }
    buffer_puts(out, "| gain, dB | SINR, dB | baseline's, dB | reached |\n");
    cJSON_ArrayForEach(name, g->names) {
        buffer_puts(out, "|---");
    }
    buffer_puts(out, "|---:|---:|---:|---:|\n");
}

void gains_markdown(struct buffer *out, const struct gains *g) {
    const char *separator = "\n";
    markdown_head(out, g);
    for (size_t i = 0; i < g->groups.count; i++)
        markdown_line(out, g, &g->comparisons[i]);
    for (size_t i = 0; i < g->groups.count; i++) {
        const struct comparison *c = &g->comparisons[i];
        struct buffer name = {0};
        if (!*c->note)
            continue;
        group_name(&name, &g->pairs, c->pairs, g->names);
        buffer_printf(out, "%s- ", separator);
        markdown_text(out, buffer_text(&name));
        buffer_puts(out, ": ");
        markdown_text(out, c->note);
        buffer_putc(out, '\n');
        separator = "";
        buffer_close(&name);
    }
}
