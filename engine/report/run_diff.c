#include "engine/report/run_diff.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/bytemap.h"
#include "engine/base/data.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/meter/meter.h"
#include "engine/plan/why.h"
#include "store/record_format.h"
#include "store/run_file.h"

/* A stage of one of the runs. */
struct stage {
    struct run_file_stage run;
    const cJSON *record; /* NULL: none */
    bool differs;
};

struct side {
    struct run_file file;
    struct stage *stages;
    size_t count;
    struct bytemap by_name;
    struct bytemap by_out; /* digest in hex -> the first stage that made it */
};

struct comparison {
    struct side before, after;
    cJSON *tree, *made, *stages;
    double same;
};

static void side_index(struct side *side, struct stage *stage) {
    const char *name = stage->run.stage;
    if (!bytemap_get(&side->by_name, name, strlen(name)))
        bytemap_put(&side->by_name, name, strlen(name), stage);
    const cJSON *out, *outs = record_read(stage->record).outs;
    cJSON_ArrayForEach(out, outs) {
        const char *digest = json_text(out, "sha256", "");
        if (!bytemap_get(&side->by_out, digest, strlen(digest)))
            bytemap_put(&side->by_out, digest, strlen(digest), stage);
    }
}

static void side_open(struct side *side, const struct run_side *from) {
    *side = (struct side){.file = run_file_read(from->run)};
    side->stages = mem_array((size_t)cJSON_GetArraySize(side->file.stages) + 1, sizeof *side->stages);
    const cJSON *item;
    cJSON_ArrayForEach(item, side->file.stages) {
        side->stages[side->count] = (struct stage){run_file_stage_read(item), from->records[side->count], false};
        side_index(side, &side->stages[side->count++]);
    }
}

static void side_close(struct side *side) {
    bytemap_close(&side->by_name);
    bytemap_close(&side->by_out);
    free(side->stages);
}

static struct stage *side_find(const struct side *side, const char *name) {
    return bytemap_get(&side->by_name, name, strlen(name));
}

/* ---- changes of named values ---- */

static cJSON *add_change(cJSON *list, const char *name, const cJSON *before, const cJSON *after) {
    cJSON *change = cJSON_CreateObject();
    cJSON_AddStringToObject(change, "name", name);
    json_add_copy(change, "before", before);
    json_add_copy(change, "after", after);
    cJSON_AddItemToArray(list, change);
    return change;
}

typedef void visit_change(cJSON *list, const char *name, const cJSON *before, const cJSON *after);

static void add_plain(cJSON *list, const char *name, const cJSON *before, const cJSON *after) {
    add_change(list, name, before, after);
}

/* Members that differ, in the order of `after`, then those of `before` alone. */
static void each_change(cJSON *list, const cJSON *before, const cJSON *after, visit_change *visit) {
    struct json_index old, new;
    json_index_open(&old, before);
    json_index_open(&new, after);
    const cJSON *item;
    cJSON_ArrayForEach(item, after) {
        const cJSON *was = json_index_get(&old, item->string);
        if (!was || !json_equal(was, item))
            visit(list, item->string, was, item);
    }
    cJSON_ArrayForEach(item, before) {
        if (!json_index_get(&new, item->string))
            visit(list, item->string, item, NULL);
    }
    json_index_close(&old);
    json_index_close(&new);
}

static void add_metric(cJSON *list, const char *name, const cJSON *before, const cJSON *after) {
    double was, is;
    cJSON *change = add_change(list, name, before, after);
    json_add_number(change, "difference",
                    before && after && data_number(&was, before) && data_number(&is, after) ? is - was : (double)NAN);
}

static const char *out_digest(const cJSON *out) {
    return json_text(out, "sha256", "");
}

/* Outs differ by their bytes; how they were declared is a part of the key. */
static void add_out(cJSON *list, const char *name, const cJSON *before, const cJSON *after) {
    if (!before || !after || strcmp(out_digest(before), out_digest(after)) != 0)
        add_change(list, name, before, after);
}

/* ---- the place and programs that made a result ---- */

static cJSON *find_made(const cJSON *made, const char *name, const char *before, const char *after) {
    cJSON *item;
    cJSON_ArrayForEach(item, made) {
        if (strcmp(json_text(item, "name", ""), name) == 0 && strcmp(json_text(item, "before", ""), before) == 0 &&
            strcmp(json_text(item, "after", ""), after) == 0)
            return item;
    }
    return NULL;
}

/* Counts a stage for a change of the place or the programs; "" on a side: unknown. */
static void count_made(cJSON *made, const char *name, const char *before, const char *after) {
    if (strcmp(before, after) == 0)
        return;
    cJSON *found = find_made(made, name, before, after);
    double stages = json_double(found, "stages", 0);
    if (!found) {
        found = cJSON_CreateObject();
        cJSON_AddStringToObject(found, "name", name);
        json_add_text(found, "before", *before ? before : NULL);
        json_add_text(found, "after", *after ? after : NULL);
        cJSON_AddItemToArray(made, found);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(found, "stages");
    cJSON_AddNumberToObject(found, "stages", stages + 1);
}

static const cJSON *program_named(const cJSON *programs, const char *name) {
    const cJSON *item;
    cJSON_ArrayForEach(item, programs) {
        if (strcmp(record_program_read(item).name, name) == 0)
            return item;
    }
    return NULL;
}

static void count_programs(cJSON *made, const struct record_view *a, const struct record_view *b) {
    const cJSON *item;
    cJSON_ArrayForEach(item, b->programs) {
        const struct record_program new = record_program_read(item);
        const cJSON *same = program_named(a->programs, new.name);
        const struct record_program old = record_program_read(same);
        char *name = mem_printf("program %s", new.name);
        if (same)
            count_made(made, name, old.sha256 ? old.sha256 : "", new.sha256 ? new.sha256 : "");
        free(name);
    }
}

static void compare_made(cJSON *made, const cJSON *before, const cJSON *after) {
    const struct record_view a = record_read(before), b = record_read(after);
    const struct record_origin x = record_origin_read(before), y = record_origin_read(after);
    count_made(made, "platform", a.platform, b.platform);
    count_made(made, "host", x.hostname, y.hostname);
    count_made(made, "processor", x.cpu, y.cpu);
    count_made(made, "engine", x.engine, y.engine);
    count_made(made, "commit", x.commit, y.commit);
    count_made(made, "patch", x.diff_sha256, y.diff_sha256);
    count_made(made, "python", a.python ? record_python_read(a.python).sha256 : "",
               b.python ? record_python_read(b.python).sha256 : "");
    count_programs(made, &a, &b);
}

/* ---- the origin of a difference ---- */

static void add_name(cJSON *list, const char *name) {
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (strcmp(item->valuestring, name) == 0)
            return;
    }
    cJSON_AddItemToArray(list, cJSON_CreateString(name));
}

/* Whether an item of an input was made by a stage that differs; adds that stage. A file of the project was not, even
   if a stage has made the same bytes. */
static bool follows(const struct comparison *c, const cJSON *record, const char *input, const cJSON *item,
                    cJSON *stages) {
    const char *digest = out_digest(item);
    const struct stage *maker = bytemap_get(&c->after.by_out, digest, strlen(digest));
    if (!maker || !maker->differs || record_input_path(record, input, digest))
        return false;
    add_name(stages, maker->run.stage);
    return true;
}

static bool holds(const cJSON *input, const cJSON *item) {
    const cJSON *one;
    if (!cJSON_IsArray(input))
        return json_equal(input, item);
    cJSON_ArrayForEach(one, input) {
        if (json_equal(one, item))
            return true;
    }
    return false;
}

/* Whether all that is new in a component comes from stages that differ. */
static bool change_follows(const struct comparison *c, const cJSON *record, const struct why_change *change,
                           cJSON *stages) {
    const size_t prefix = strlen("in.");
    if (strncmp(change->name, "in.", prefix) != 0 || !change->before || !change->after)
        return false;
    const char *input = change->name + prefix;
    if (!cJSON_IsArray(change->after))
        return follows(c, record, input, change->after, stages);
    bool all = true;
    const cJSON *item;
    cJSON_ArrayForEach(item, change->after) {
        if (!holds(change->before, item))
            all = follows(c, record, input, item, stages) && all;
    }
    return all && cJSON_GetArraySize(change->before) == cJSON_GetArraySize(change->after);
}

/* Adds the components that differ; returns where that began. */
static const char *compare_keys(const struct comparison *c, cJSON *out, const cJSON *before, const cJSON *after) {
    struct why_change *changes;
    size_t count = why_changes(&changes, record_read(after).components, record_read(before).components);
    cJSON *components = cJSON_AddArrayToObject(out, "components");
    cJSON *stages = cJSON_CreateArray();
    bool itself = false;
    for (size_t i = 0; i < count; i++) {
        add_change(components, changes[i].name, changes[i].before, changes[i].after);
        itself = !change_follows(c, after, &changes[i], stages) || itself;
    }
    cJSON_AddItemToObject(out, "follows", stages);
    free(changes);
    return itself ? "itself" : "inputs";
}

/* ---- stages ---- */

static void add_states(cJSON *out, const struct stage *before, const struct stage *after) {
    cJSON *states = cJSON_AddArrayToObject(out, "state");
    cJSON_AddItemToArray(states, before ? cJSON_CreateString(before->run.state) : cJSON_CreateNull());
    cJSON_AddItemToArray(states, after ? cJSON_CreateString(after->run.state) : cJSON_CreateNull());
}

/* A known stage has a result like a finished one. */
static bool same_end(const struct stage *a, const struct stage *b) {
    bool ended_a = strcmp(a->run.state, "known") == 0 || strcmp(a->run.state, "finished") == 0;
    bool ended_b = strcmp(b->run.state, "known") == 0 || strcmp(b->run.state, "finished") == 0;
    return ended_a && ended_b ? true : strcmp(a->run.state, b->run.state) == 0;
}

static bool same_outs(const cJSON *before, const cJSON *after) {
    cJSON *list = cJSON_CreateArray();
    each_change(list, record_read(before).outs, record_read(after).outs, add_out);
    bool same = !list->child;
    cJSON_Delete(list);
    return same;
}

static void add_single(struct comparison *c, const struct stage *before, const struct stage *after) {
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "stage", (before ? before : after)->run.stage);
    cJSON_AddStringToObject(out, "changed", before ? "removed" : "added");
    add_states(out, before, after);
    cJSON_AddItemToArray(c->stages, out);
}

static void compare_records(struct comparison *c, cJSON *out, const struct stage *before, const struct stage *after,
                            const char *changed) {
    const struct record_view a = record_read(before->record), b = record_read(after->record);
    if (strcmp(a.key, b.key) != 0)
        changed = compare_keys(c, out, before->record, after->record);
    else if (!same_outs(before->record, after->record))
        changed = "bytes";
    cJSON_AddStringToObject(out, "changed", changed);
    each_change(cJSON_AddArrayToObject(out, "outs"), a.outs, b.outs, add_out);
    each_change(cJSON_AddArrayToObject(out, "metrics"), a.metrics, b.metrics, add_metric);
    compare_made(c->made, before->record, after->record);
}

static bool stage_differs(const struct stage *before, const struct stage *after) {
    if (!before || strcmp(before->run.key, after->run.key) != 0 || !same_end(before, after))
        return true;
    return before->record && after->record && !same_outs(before->record, after->record);
}

static void compare_stage(struct comparison *c, const struct stage *before, const struct stage *after) {
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "stage", after->run.stage);
    add_states(out, before, after);
    if (before->record && after->record)
        compare_records(c, out, before, after, "state");
    else
        cJSON_AddStringToObject(out, "changed", "state");
    cJSON_AddItemToArray(c->stages, out);
}

/* First says which stages differ, since a stage may stand before one that it follows. */
static void compare_stages(struct comparison *c) {
    for (size_t i = 0; i < c->after.count; i++) {
        struct stage *after = &c->after.stages[i];
        after->differs = stage_differs(side_find(&c->before, after->run.stage), after);
        c->same += !after->differs;
    }
    for (size_t i = 0; i < c->after.count; i++) {
        const struct stage *after = &c->after.stages[i], *before = side_find(&c->before, after->run.stage);
        if (after->differs && before)
            compare_stage(c, before, after);
        else if (after->differs)
            add_single(c, NULL, after);
    }
    for (size_t i = 0; i < c->before.count; i++)
        if (!side_find(&c->after, c->before.stages[i].run.stage))
            add_single(c, &c->before.stages[i], NULL);
}

/* ---- over the instances of a stage ---- */

struct series {
    double mean, squares; /* squares: of the deviations from the mean (Welford 1962) */
};

/* A metric over the instances that both runs have. */
struct spread {
    char *stage;
    const char *metric;
    double count;
    struct series before, after, difference;
};

struct spreads {
    struct spread *items;
    size_t count, capacity;
};

static void series_add(struct series *s, double value, double count) {
    double distance = value - s->mean;
    s->mean += distance / count;
    s->squares += distance * (value - s->mean);
}

static struct spread *spread_of(struct spreads *all, const char *stage, size_t length, const char *metric) {
    for (size_t i = all->count; i-- > 0;)
        if (strncmp(all->items[i].stage, stage, length) == 0 && !all->items[i].stage[length] &&
            strcmp(all->items[i].metric, metric) == 0)
            return &all->items[i];
    mem_grow(all->items, &all->capacity, all->count + 1);
    struct spread *s = &all->items[all->count++];
    *s = (struct spread){.stage = mem_printf("%.*s", (int)length, stage), .metric = metric};
    return s;
}

static void add_to_spreads(struct spreads *all, const struct stage *before, const struct stage *after) {
    const cJSON *item, *metrics = record_read(before->record).metrics;
    cJSON_ArrayForEach(item, record_read(after->record).metrics) {
        double was, is;
        if (!data_number(&was, cJSON_GetObjectItemCaseSensitive(metrics, item->string)) || !data_number(&is, item))
            continue;
        struct spread *s = spread_of(all, after->run.stage, strcspn(after->run.stage, "["), item->string);
        s->count++;
        series_add(&s->before, was, s->count);
        series_add(&s->after, is, s->count);
        series_add(&s->difference, is - was, s->count);
    }
}

static void add_series(cJSON *out, const char *name, const struct series *s, double count) {
    cJSON *item = cJSON_AddObjectToObject(out, name);
    json_add_number(item, "mean", s->mean);
    json_add_number(item, "sd", count > 1 ? sqrt(s->squares / (count - 1)) : (double)NAN);
}

static void add_spread(cJSON *list, const struct spread *s) {
    if (s->difference.mean == 0 && s->difference.squares == 0)
        return;
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "stage", s->stage);
    cJSON_AddStringToObject(out, "metric", s->metric);
    cJSON_AddNumberToObject(out, "count", s->count);
    add_series(out, "before", &s->before, s->count);
    add_series(out, "after", &s->after, s->count);
    add_series(out, "difference", &s->difference, s->count);
    cJSON_AddItemToArray(list, out);
}

static void compare_metrics(const struct comparison *c) {
    cJSON *list = cJSON_AddArrayToObject(c->tree, "metrics");
    struct spreads all = {0};
    for (size_t i = 0; i < c->after.count; i++) {
        const struct stage *after = &c->after.stages[i], *before = side_find(&c->before, after->run.stage);
        if (before && before->record && after->record)
            add_to_spreads(&all, before, after);
    }
    for (size_t i = 0; i < all.count; i++) {
        add_spread(list, &all.items[i]);
        free(all.items[i].stage);
    }
    free(all.items);
}

/* ---- energy ---- */

/* The joules of all stages with a label; NaN: none has it. */
static double joules_of(const struct side *side, const char *label) {
    double sum = (double)NAN;
    for (size_t i = 0; i < side->count; i++) {
        const cJSON *record = side->stages[i].record;
        if (!record)
            continue;
        const struct energy_view energy = energy_view_all(record_read(record).energy);
        if (strcmp(energy.label, label) == 0 && isfinite(energy.joules))
            sum = (isnan(sum) ? 0 : sum) + energy.joules;
    }
    return sum;
}

static void compare_energy(const struct comparison *c) {
    static const char *const labels[] = {"measured", "modelled"};
    cJSON *list = cJSON_AddArrayToObject(c->tree, "energy");
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        double before = joules_of(&c->before, labels[i]), after = joules_of(&c->after, labels[i]);
        if (isnan(before) && isnan(after))
            continue;
        cJSON *out = cJSON_CreateObject();
        cJSON_AddStringToObject(out, "label", labels[i]);
        json_add_number(out, "before", before);
        json_add_number(out, "after", after);
        json_add_number(out, "difference", after - before);
        cJSON_AddItemToArray(list, out);
    }
}

static void add_pair(cJSON *tree, const char *name, const char *before, const char *after) {
    const char *const pair[] = {before, after};
    cJSON_AddItemToObject(tree, name, cJSON_CreateStringArray(pair, 2));
}

cJSON *run_diff(const struct run_side *before, const struct run_side *after) {
    struct comparison c = {.tree = cJSON_CreateObject()};
    side_open(&c.before, before);
    side_open(&c.after, after);
    add_pair(c.tree, "runs", c.before.file.id, c.after.file.id);
    add_pair(c.tree, "pipelines", c.before.file.pipeline, c.after.file.pipeline);
    each_change(cJSON_AddArrayToObject(c.tree, "overrides"), c.before.file.overrides, c.after.file.overrides,
                add_plain);
    c.made = cJSON_AddArrayToObject(c.tree, "made");
    c.stages = cJSON_AddArrayToObject(c.tree, "stages");
    compare_stages(&c);
    cJSON_AddNumberToObject(c.tree, "same", c.same);
    compare_metrics(&c);
    compare_energy(&c);
    side_close(&c.before);
    side_close(&c.after);
    return c.tree;
}
