/* The difference of two runs for people. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/data.h"
#include "engine/base/json.h"
#include "engine/plan/why.h"
#include "engine/report/run_diff.h"
#include "engine/report/table.h"

enum { DIGITS = 6, SHORT_DIGEST = 12 };

struct page {
    struct buffer *out;
    enum run_diff_format format;
};

static const cJSON *member(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static void put_heading(const struct page *p, const char *text) {
    buffer_printf(p->out, p->format == RUN_DIFF_MARKDOWN ? "\n## %s\n\n" : "\n%s\n", text);
}

typedef void fill_row(struct table *t, const cJSON *item);

/* A table under its heading, a row for each item; without an item neither. */
static void put_table(const struct page *p, const char *heading, const cJSON *items, fill_row *fill) {
    if (cJSON_GetArraySize(items) == 0)
        return;
    struct table *t = table_create();
    const cJSON *item;
    cJSON_ArrayForEach(item, items) {
        table_row(t);
        fill(t, item);
    }
    put_heading(p, heading);
    table_print(p->out, t, p->format == RUN_DIFF_MARKDOWN ? TABLE_MARKDOWN : TABLE_TEXT);
    table_free(t);
}

/* A side that has no value is left empty. */
static void add_side(struct table *t, const char *side, const cJSON *change) {
    const cJSON *value = member(change, side);
    if (cJSON_IsNull(value))
        table_text(t, side, "");
    else
        table_value(t, side, value);
}

static void fill_change(struct table *t, const cJSON *item) {
    table_text(t, "name", json_text(item, "name", ""));
    add_side(t, "before", item);
    add_side(t, "after", item);
}

static void fill_made(struct table *t, const cJSON *item) {
    fill_change(t, item);
    table_number(t, "stages", json_double(item, "stages", (double)NAN), DIGITS);
}

/* ---- stages ---- */

static void put_line(const struct page *p, const char *text) {
    buffer_printf(p->out, p->format == RUN_DIFF_MARKDOWN ? "  - `%s`\n" : "    %s\n", text);
}

static void put_components(const struct page *p, const cJSON *stage) {
    const cJSON *item;
    cJSON_ArrayForEach(item, member(stage, "components")) {
        const cJSON *before = member(item, "before"), *after = member(item, "after");
        struct buffer line = {0};
        why_put_change(&line, &(struct why_change){json_text(item, "name", ""), cJSON_IsNull(before) ? NULL : before,
                                                   cJSON_IsNull(after) ? NULL : after});
        put_line(p, buffer_text(&line));
        buffer_close(&line);
    }
}

static void put_outs(const struct page *p, const cJSON *stage) {
    const cJSON *item;
    cJSON_ArrayForEach(item, member(stage, "outs")) {
        char line[256];
        snprintf(line, sizeof line, "out %s: %.*s -> %.*s", json_text(item, "name", ""), SHORT_DIGEST,
                 json_text(member(item, "before"), "sha256", "(none)"), SHORT_DIGEST,
                 json_text(member(item, "after"), "sha256", "(none)"));
        put_line(p, line);
    }
}

static void put_metrics(const struct page *p, const cJSON *stage) {
    const cJSON *item;
    cJSON_ArrayForEach(item, member(stage, "metrics")) {
        struct buffer line = {0};
        double difference = json_double(item, "difference", (double)NAN);
        buffer_printf(&line, "metric %s: ", json_text(item, "name", ""));
        data_put(&line, member(item, "before"));
        buffer_puts(&line, " -> ");
        data_put(&line, member(item, "after"));
        if (isfinite(difference))
            buffer_printf(&line, " (%+.*g)", DIGITS, difference);
        put_line(p, buffer_text(&line));
        buffer_close(&line);
    }
}

static void put_cause(struct buffer *out, const cJSON *stage) {
    static const char *const texts[][2] = {{"bytes", ": the same key gave other bytes"},
                                           {"state", ": it ended otherwise"},
                                           {"added", ": only in the second run"},
                                           {"removed", ": only in the first run"}};
    const char *changed = json_text(stage, "changed", "");
    bool itself = strcmp(changed, "itself") == 0;
    const cJSON *item;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(changed, texts[i][0]) == 0)
            buffer_puts(out, texts[i][1]);
    cJSON_ArrayForEach(item, member(stage, "follows")) {
        buffer_printf(out, "%s%s",
                      item->prev->next ? ", "
                      : itself         ? ": by itself, and follows "
                                       : ": follows ",
                      item->valuestring);
    }
}

static void put_states(struct buffer *out, const cJSON *stage) {
    const cJSON *states = member(stage, "state");
    const char *before = cJSON_GetStringValue(cJSON_GetArrayItem(states, 0));
    const char *after = cJSON_GetStringValue(cJSON_GetArrayItem(states, 1));
    if (before && after && strcmp(json_text(stage, "changed", ""), "state") == 0)
        buffer_printf(out, ", %s -> %s", before, after);
}

static void put_stage(const struct page *p, const cJSON *stage) {
    buffer_printf(p->out, p->format == RUN_DIFF_MARKDOWN ? "- **%s**" : "  %s", json_text(stage, "stage", ""));
    put_cause(p->out, stage);
    put_states(p->out, stage);
    buffer_putc(p->out, '\n');
    put_components(p, stage);
    put_outs(p, stage);
    put_metrics(p, stage);
}

static size_t name_length(const cJSON *stage) {
    return strcspn(json_text(stage, "stage", ""), "[");
}

/* Whether both are instances of one stage in which the same parts changed. */
static bool are_alike(const cJSON *a, const cJSON *b) {
    const char *x = json_text(a, "stage", ""), *y = json_text(b, "stage", "");
    const cJSON *i = cJSON_GetArrayItem(member(a, "components"), 0);
    const cJSON *k = cJSON_GetArrayItem(member(b, "components"), 0);
    if (name_length(a) != name_length(b) || strncmp(x, y, name_length(a)) != 0 ||
        strcmp(json_text(a, "changed", ""), json_text(b, "changed", "")) != 0)
        return false;
    for (; i && k && strcmp(json_text(i, "name", ""), json_text(k, "name", "")) == 0; k = k->next)
        i = i->next;
    return !i && !k;
}

static void put_more(const struct page *p, const cJSON *stage, size_t more) {
    if (more > 0)
        buffer_printf(p->out, "%sand %zu more of %.*s, in which the same parts changed\n",
                      p->format == RUN_DIFF_MARKDOWN ? "- " : "  ", more, (int)name_length(stage),
                      json_text(stage, "stage", ""));
}

/* Of instances that are alike the first is shown. */
static void put_stages(const struct page *p, const char *heading, const cJSON *stages, bool follow) {
    const cJSON *item, *shown = NULL;
    size_t more = 0;
    cJSON_ArrayForEach(item, stages) {
        if ((strcmp(json_text(item, "changed", ""), "inputs") == 0) != follow)
            continue;
        if (shown && are_alike(shown, item)) {
            more++;
            continue;
        }
        if (!shown)
            put_heading(p, heading);
        put_more(p, shown, more);
        more = 0;
        shown = item;
        put_stage(p, item);
    }
    put_more(p, shown, more);
}

/* ---- sums ---- */

static void add_series(struct table *t, const char *column, const cJSON *series) {
    struct buffer text = {0};
    double sd = json_double(series, "sd", (double)NAN);
    buffer_printf(&text, "%.*g", DIGITS, json_double(series, "mean", (double)NAN));
    if (isfinite(sd))
        buffer_printf(&text, " ± %.2g", sd);
    table_text(t, column, buffer_text(&text));
    buffer_close(&text);
}

static void fill_spread(struct table *t, const cJSON *item) {
    table_text(t, "stage", json_text(item, "stage", ""));
    table_text(t, "metric", json_text(item, "metric", ""));
    table_number(t, "instances", json_double(item, "count", (double)NAN), DIGITS);
    add_series(t, "before", member(item, "before"));
    add_series(t, "after", member(item, "after"));
    add_series(t, "difference", member(item, "difference"));
}

static void fill_energy(struct table *t, const cJSON *item) {
    static const char *const columns[] = {"before", "after", "difference"};
    table_text(t, "label", json_text(item, "label", ""));
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        table_number(t, columns[i], json_double(item, columns[i], (double)NAN), DIGITS);
}

static const char *text_at(const cJSON *list, int index) {
    const char *text = cJSON_GetStringValue(cJSON_GetArrayItem(list, index));
    return text ? text : "";
}

void run_diff_put(struct buffer *out, const cJSON *diff, enum run_diff_format format) {
    const struct page p = {out, format};
    const cJSON *runs = member(diff, "runs"), *pipelines = member(diff, "pipelines");
    const cJSON *stages = member(diff, "stages");
    int differ = cJSON_GetArraySize(stages);
    double same = json_double(diff, "same", 0);
    buffer_printf(out, "%s%s of %s -> %s of %s\n", format == RUN_DIFF_MARKDOWN ? "# " : "", text_at(runs, 0),
                  text_at(pipelines, 0), text_at(runs, 1), text_at(pipelines, 1));
    buffer_printf(out, "%s%d stages differ, %.0f are the same.\n", format == RUN_DIFF_MARKDOWN ? "\n" : "", differ,
                  same);
    put_table(&p, "Overrides", member(diff, "overrides"), fill_change);
    put_table(&p, "Where they were made", member(diff, "made"), fill_made);
    put_stages(&p, "What changed", stages, false);
    put_stages(&p, "What follows from it", stages, true);
    put_table(&p, "Metrics (mean ± standard deviation over the instances of both runs)", member(diff, "metrics"),
              fill_spread);
    put_table(&p, "Energy of the stages (J)", member(diff, "energy"), fill_energy);
}
