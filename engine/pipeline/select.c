/* Reads and checks "select", which chooses one group of a stage's instances by its metrics. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pipeline/reader.h"

static const char *const reduce_names[] = {"mean", "median", "min", "max"}; /* by enum reduce_type */
static const char *const pick_names[] = {"best", "median", "first"};        /* by enum pick_type, from PICK_BEST */

/* The index of a text in a list of choices; -1 after a reported fault. */
static int read_choice(struct part *part, const cJSON *node, const char *const *choices, size_t count) {
    const char *what = arena_printf(part->reader->arena, "\"%s\"", node->string);
    if (!need_text(part, node, what))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (strcmp(choices[i], node->valuestring) == 0)
            return (int)i;
    report_value(part, node, "\"%s\" is no value of \"%s\"%s", node->valuestring, node->string,
                 key_suggestion(part->reader, node->valuestring, choices, count));
    return -1;
}

/* The name in "metrics["val/loss"]" or "metrics.test["val/loss"]", which are written as in a reference; NULL for
   another text. */
static const char *quoted_metric(struct part *part, const char *text) {
    struct syntax_template parsed;
    struct syntax_fault fault;
    struct arena *arena = part->reader->arena;
    const char *reference = arena_printf(arena, "${stages.x.%s}", text);
    if (!strstr(text, "[\"") || template_parse(&parsed, arena, reference, NULL, 0, &fault) || parsed.count != 1)
        return NULL;
    const struct syntax_reference *r = parsed.parts[0].reference;
    bool good = r && r->step_count >= 2 && strcmp(r->steps[0].name, "metrics") == 0;
    for (size_t i = 1; good && i < r->step_count; i++)
        good = r->steps[i].name != NULL;
    return good ? steps_joined(arena, r->steps + 1, r->step_count - 1) : NULL;
}

/* Gives "loss" for "metrics.loss"; NULL for a text that names no metric. */
static const char *metric_name(struct part *part, const char *text) {
    static const char root[] = "metrics.";
    const char *quoted = quoted_metric(part, text);
    if (quoted)
        return quoted;
    return strncmp(text, root, sizeof root - 1) == 0 && text[sizeof root - 1] ? text + sizeof root - 1 : NULL;
}

/* The same for a node; NULL after a reported fault. */
static const char *read_metric(struct part *part, const cJSON *node) {
    const char *what = arena_printf(part->reader->arena, "\"%s\"", node->string);
    if (!need_text(part, node, what))
        return NULL;
    const char *text = node->valuestring, *name = metric_name(part, text);
    if (!name)
        report_value(part, node, "\"%s\" names a metric, as in \"metrics.%s\"; found \"%s\"", node->string,
                     name_is_valid(text) ? text : "loss", text);
    return name;
}

const cJSON *find_bound(struct part *part, const cJSON *node, enum where_type *type) {
    static const char *const bounds[] = {"at_most", "at_least", "equals"}; /* by enum where_type */
    const cJSON *only = NULL;
    size_t found = 0;
    for (int i = 0; i < 3; i++) {
        const cJSON *bound = cJSON_GetObjectItemCaseSensitive(node, bounds[i]);
        if (!bound)
            continue;
        found++;
        *type = (enum where_type)i;
        only = bound;
    }
    if (found != 1)
        report_value(part, node, "a condition needs exactly one of \"at_most\", \"at_least\" and \"equals\"; found %zu",
                     found);
    return found == 1 ? only : NULL;
}

static bool read_bound(struct part *part, const cJSON *node, struct where *out) {
    const cJSON *bound = find_bound(part, node, &out->type);
    return bound && read_number(part, bound, -INFINITY, INFINITY, &out->bound);
}

static const struct where *read_where(struct draft *d, const cJSON *node, size_t *count) {
    static const char *const keys[] = {"metric", "at_most", "at_least", "equals"};
    struct part *part = d->part;
    *count = 0;
    if (!need_list(part, node, arena_printf(part->reader->arena, "\"%s\"", node->string)))
        return NULL;
    struct where *where = arena_array(part->reader->arena, (size_t)cJSON_GetArraySize(node), sizeof *where);
    const cJSON *item;
    cJSON_ArrayForEach(item, node) {
        if (!need_object(part, item, "a condition"))
            continue;
        CHECK_KEYS(part, item, keys);
        const cJSON *metric = cJSON_GetObjectItemCaseSensitive(item, "metric");
        if (!metric)
            report_value(part, item,
                         "a condition needs \"metric\", as in {\"metric\": \"metrics.loss\", \"at_most\": 0.1}");
        struct where entry = {.metric = metric ? read_metric(part, metric) : NULL};
        bool bound = read_bound(part, item, &entry);
        if (entry.metric && bound)
            where[(*count)++] = entry;
    }
    return where;
}

static void read_goal(struct draft *d, const cJSON *node, struct select_decl *select) {
    const cJSON *minimize = cJSON_GetObjectItemCaseSensitive(node, "minimize");
    const cJSON *maximize = cJSON_GetObjectItemCaseSensitive(node, "maximize");
    const cJSON *group_by = cJSON_GetObjectItemCaseSensitive(node, "group_by");
    const cJSON *pick = cJSON_GetObjectItemCaseSensitive(node, "pick");
    if (cJSON_IsArray(group_by) && !group_by->child) {
        const cJSON *needless = minimize ? minimize : maximize ? maximize : pick;
        if (needless)
            report_value(d->part, needless,
                         "\"group_by\": [] takes all instances, so \"%s\" has nothing to choose from",
                         needless->string);
        return;
    }
    if (!minimize == !maximize) {
        report_value(d->part, node, "a select needs exactly one of \"minimize\" and \"maximize\"; found %s",
                     minimize ? "both" : "none");
        return;
    }
    select->maximize = maximize != NULL;
    select->metric = read_metric(d->part, minimize ? minimize : maximize);
}

static void read_from(struct draft *d, const cJSON *node, struct select_decl *select) {
    const cJSON *from = cJSON_GetObjectItemCaseSensitive(node, "from");
    if (!from) {
        report_value(d->part, node, "a select needs \"from\", the stage whose instances it chooses from");
        return;
    }
    struct scope scope = {.part = d->part, .draft = d, .place = &place_from, .uses = &d->uses};
    select->from = resolve_stage_name(&scope, from);
    if (!select->from)
        return;
    bool collects = use_is_list(select->from);
    if (collects)
        report_value(d->part, from, "\"from\" uses all instances: remove \"*\"");
    if (collects)
        select->from = NULL;
}

/* 40 or "80%". */
static void read_quorum(struct part *part, const cJSON *node, struct select_decl *select) {
    enum { MOST = 1000000 };
    int count = 0;
    const cJSON *value = compile_constant(part, node);
    select->quorum_at = locate_value(part, node);
    if (!value)
        return;
    if (!cJSON_IsString(value)) {
        if (read_integer(part, node, 1, MOST, &count))
            select->quorum = count;
        return;
    }
    char *end;
    double percent = strtod(value->valuestring, &end);
    bool good = end != value->valuestring && strcmp(end, "%") == 0 && percent > 0 && percent <= 100;
    if (!good)
        report_value(part, node,
                     "a quorum is a number of instances, as in 40, or a part of them, as in \"80%%\"; found %s",
                     describe(part->reader, value));
    select->quorum = good ? percent / 100 : 0;
    select->quorum_is_part = good;
}

void read_select(struct draft *d, const cJSON *node) {
    static const char *const keys[] = {"from",     "group_by", "reduce", "where", "where_each",
                                       "minimize", "maximize", "pick",   "quorum"};
    struct part *part = d->part;
    d->axes_broken = true;
    if (!need_object(part, node, "\"select\""))
        return;
    CHECK_KEYS(part, node, keys);
    struct select_decl *select = arena_alloc(part->reader->arena, sizeof *select);
    d->decl.select = select;
    read_from(d, node, select);
    d->axes_broken = !select->from;
    read_goal(d, node, select);
    const cJSON *group_by = cJSON_GetObjectItemCaseSensitive(node, "group_by");
    const cJSON *reduce = cJSON_GetObjectItemCaseSensitive(node, "reduce");
    const cJSON *where = cJSON_GetObjectItemCaseSensitive(node, "where");
    const cJSON *where_each = cJSON_GetObjectItemCaseSensitive(node, "where_each");
    const cJSON *pick = cJSON_GetObjectItemCaseSensitive(node, "pick");
    const cJSON *quorum = cJSON_GetObjectItemCaseSensitive(node, "quorum");
    if (group_by)
        select->group_by = read_texts(part, group_by, &select->group_by_count, NULL);
    else
        report_value(part, node,
                     "a select needs \"group_by\", the axes whose values it chooses; [] takes all instances");
    int choice = reduce ? read_choice(part, reduce, reduce_names, 4) : REDUCE_MEAN;
    select->reduce = choice < 0 ? REDUCE_MEAN : (enum reduce_type)choice;
    choice = pick ? read_choice(part, pick, pick_names, 3) : -1;
    select->pick = choice < 0 ? PICK_ALL : (enum pick_type)(PICK_BEST + choice);
    if (quorum)
        read_quorum(part, quorum, select);
    if (where)
        select->where = read_where(d, where, &select->where_count);
    if (where_each)
        select->where_each = read_where(d, where_each, &select->where_each_count);
}

/* ---- checking ---- */

static bool is_pinned(const struct reference *from, const char *axis) {
    for (size_t i = 0; i < from->pin_count; i++)
        if (strcmp(from->pins[i].axis, axis) == 0)
            return true;
    return false;
}

static void check_groups(struct draft *d, const cJSON *node) {
    struct reader *r = d->part->reader;
    const struct select_decl *select = d->decl.select;
    const struct draft *from = draft_of(r, select->from->stage);
    const char **open = arena_array(r->arena, from->decl.axis_count, sizeof *open);
    size_t count = 0;
    for (size_t i = 0; i < from->decl.axis_count; i++)
        if (!is_pinned(select->from, from->decl.axes[i]))
            open[count++] = from->decl.axes[i];
    if (from->decl.axis_count == 0) {
        report_value(d->part, cJSON_GetObjectItemCaseSensitive(node, "from"),
                     "the %s \"%s\" has no axis, so a select has nothing to choose from",
                     from->decl.type == STAGE_SELECT ? "select" : "stage", from->decl.full_name);
        return;
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(node, "group_by")) {
        bool known = !cJSON_IsString(item);
        for (size_t i = 0; i < count && !known; i++)
            known = strcmp(open[i], item->valuestring) == 0;
        if (!known && is_pinned(select->from, item->valuestring))
            report_value(d->part, item, "the axis \"%s\" is pinned in \"from\": it has one value to choose from",
                         item->valuestring);
        else if (!known)
            report_value(d->part, item, "the %s \"%s\" has no axis \"%s\"%s",
                         from->decl.type == STAGE_SELECT ? "select" : "stage", from->decl.full_name, item->valuestring,
                         suggestion(r, item->valuestring, open, count, "all its axes are pinned"));
    }
}

static void check_metric_at(struct draft *d, const cJSON *node) {
    const char *name = cJSON_IsString(node) ? metric_name(d->part, node->valuestring) : NULL;
    struct site site = {d->part, node, sizeof "metrics." - 1};
    if (name)
        check_metric(d->part->reader, d->decl.select->from->stage, name, &site);
}

static void check_conditions(struct draft *d, const cJSON *list) {
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        check_metric_at(d, cJSON_GetObjectItemCaseSensitive(item, "metric"));
    }
}

void check_select(struct draft *d) {
    struct reader *r = d->part->reader;
    if (!d->decl.select || !d->decl.select->from || !draft_of(r, d->decl.select->from->stage)->axes_known) {
        d->axes_broken = true;
        return;
    }
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(d->node, "select");
    check_groups(d, node);
    check_metric_at(d, cJSON_GetObjectItemCaseSensitive(node, "minimize"));
    check_metric_at(d, cJSON_GetObjectItemCaseSensitive(node, "maximize"));
    check_conditions(d, cJSON_GetObjectItemCaseSensitive(node, "where"));
    check_conditions(d, cJSON_GetObjectItemCaseSensitive(node, "where_each"));
}
