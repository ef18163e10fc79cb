/* Reads and checks "matrix": axes, like, exclude, extra. */
#include <string.h>

#include "engine/base/json.h"
#include "engine/pipeline/axes.h"

/* ---- reading ---- */

static const struct value *list_of(struct draft *d, const struct value *const *items, size_t count,
                                   const struct location *at) {
    struct value *v = arena_alloc(d->part->reader->arena, sizeof *v);
    v->type = VALUE_LIST;
    v->at = *at;
    v->as.list.items = items;
    v->as.list.count = count;
    return v;
}

static const struct value *list_of_one(struct draft *d, const struct value *item) {
    const struct value **items = arena_array(d->part->reader->arena, 1, sizeof *items);
    items[0] = item;
    return list_of(d, items, 1, &item->at);
}

/* Compiles a list of the file. An object in it may refer to outs of stages and to the axes before this one. */
static const struct value *compile_items(struct draft *d, const cJSON *node, size_t own_index) {
    struct scope plain = {.part = d->part, .draft = d, .place = &place_axis, .uses = &d->uses};
    struct scope member = plain;
    member.place = &place_axis_member;
    member.axis_limit = own_index + 1;
    const struct value **items = arena_array(d->part->reader->arena, (size_t)cJSON_GetArraySize(node), sizeof *items);
    size_t count = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, node) {
        items[count++] = value_compile(cJSON_IsObject(item) ? &member : &plain, item);
    }
    struct location at = locate_value(d->part, node);
    return list_of(d, items, count, &at);
}

/* The values of {"range": ...} and the other forms. `node` is the axis: the form, or a reference to a param that is one. */
static const struct value *expand_axis(struct draft *d, const cJSON *node, const cJSON *form) {
    struct reader *r = d->part->reader;
    struct location at = locate_value(d->part, node);
    const cJSON *list = axis_expand(d->part, form);
    d->broken |= !list;
    return list ? value_structured(r, value_literal(r, list, &at)) : NULL;
}

/* {"rows": "${stages.list.outs.samples}"}: the out. NULL: the rows stand in a file of the project. */
static const struct value *compile_rows(struct draft *d, const cJSON *node, struct axis *axis) {
    struct reader *r = d->part->reader;
    static const char *const keys[] = {"rows", "label", "types"};
    struct scope scope = {.part = d->part, .draft = d, .place = &place_rows, .uses = &d->uses};
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(node, "rows");
    if (!cJSON_IsString(rows) || !strstr(rows->valuestring, "${"))
        return NULL;
    const struct value *v = value_compile(&scope, rows);
    if (value_is_broken(v) || v->type != VALUE_REFERENCE)
        return value_is_broken(v) ? v : NULL;
    struct rows_form *form = arena_alloc(r->arena, sizeof *form);
    CHECK_KEYS(d->part, node, keys);
    d->broken |= !axis_rows_form(form, d->part, node);
    axis->rows = form;
    return v;
}

static const struct value *compile_axis(struct draft *d, const cJSON *node, struct axis *axis, size_t own_index) {
    struct reader *r = d->part->reader;
    const struct value *rows = cJSON_IsObject(node) ? compile_rows(d, node, axis) : NULL;
    if (rows)
        return rows;
    if (cJSON_IsArray(node))
        return compile_items(d, node, own_index);
    if (cJSON_IsObject(node))
        return expand_axis(d, node, node);
    if (!cJSON_IsString(node) || !strstr(node->valuestring, "${")) {
        report_value(d->part, node, "the axis \"%s\" is a list of values; found %s%s", node->string, describe(r, node),
                     cJSON_IsNull(node) ? "" : " (put it in brackets)");
        d->broken = true;
        return NULL;
    }
    struct scope scope = {.part = d->part, .draft = d, .place = &place_axis, .uses = &d->uses};
    const struct value *v = value_compile(&scope, node);
    if (value_is_broken(v) || v->type == VALUE_REFERENCE)
        return v;
    if (v->type == VALUE_LITERAL && cJSON_IsArray(v->as.literal))
        return value_structured(r, v);
    if (v->type == VALUE_LITERAL && axis_is_form(v->as.literal))
        return expand_axis(d, node, v->as.literal);
    return list_of_one(d, v);
}

static void read_axis(struct draft *d, const cJSON *node, struct axis *axes) {
    size_t index = d->decl.matrix.axis_count;
    need_name(d->part, node, "an axis");
    struct axis *axis = &axes[d->decl.matrix.axis_count++];
    axis->name = node->string;
    axis->at = locate_key(d->part, node);
    axis->values = compile_axis(d, node, axis, index);
    if (axis->values && axis->values->type == VALUE_LIST && axis->values->as.list.count == 0)
        report_value(d->part, node, "the axis \"%s\" has no values: the stage would have no instance", node->string);
}

static void read_like(struct draft *d, const cJSON *node) {
    struct scope scope = {.part = d->part, .draft = d, .place = &place_whole, .uses = &d->uses};
    const struct reference *reference = resolve_stage_name(&scope, node);
    d->axes_broken |= !reference;
    if (!reference)
        return;
    if (reference->collect || reference->pin_count)
        report_value(d->part, node, "\"like\" names a whole stage; remove the pins");
    d->decl.matrix.like = reference->stage;
}

/* Reads "exclude" or "extra", a constant list of objects. */
static const struct value *read_coordinates(struct draft *d, const cJSON *node) {
    struct scope scope = {.part = d->part, .draft = d, .place = &place_constant, .uses = &d->uses};
    struct reader *r = d->part->reader;
    const struct value *v = value_structured(r, value_compile(&scope, node));
    if (value_is_broken(v))
        return NULL;
    if (v->type != VALUE_LIST) {
        report_value(d->part, node, "\"%s\" is a list of objects, as in [{\"size\": 7}]; found %s", node->string,
                     describe(r, v->type == VALUE_LITERAL ? v->as.literal : node));
        return NULL;
    }
    return v;
}

/* Reports a stage with too many axes and stops all further checks of it. */
static bool check_axis_count(struct draft *d, size_t count) {
    if (count <= MAX_AXES)
        return true;
    report_value(d->part, d->matrix_node, "the stage \"%s\" has %zu axes; at most %d are allowed", d->decl.name, count,
                 MAX_AXES);
    d->axes_broken = d->broken = true;
    return false;
}

static bool is_axis(const char *name) {
    return strcmp(name, "like") != 0 && strcmp(name, "exclude") != 0 && strcmp(name, "extra") != 0;
}

void read_matrix(struct draft *d, const cJSON *node) {
    if (!need_object(d->part, node, "\"matrix\"")) {
        d->axes_broken = d->broken = true;
        return;
    }
    size_t count = 0;
    const cJSON *member;
    cJSON_ArrayForEach(member, node) {
        count += is_axis(member->string);
    }
    if (!check_axis_count(d, count))
        return;
    struct matrix *matrix = &d->decl.matrix;
    struct axis *axes = arena_array(d->part->reader->arena, count, sizeof *axes);
    *matrix = (struct matrix){.axes = axes};
    cJSON_ArrayForEach(member, node) {
        if (strcmp(member->string, "like") == 0)
            read_like(d, member);
        else if (strcmp(member->string, "exclude") == 0)
            matrix->exclude = read_coordinates(d, member);
        else if (strcmp(member->string, "extra") == 0)
            matrix->extra = read_coordinates(d, member);
        else
            read_axis(d, member, axes);
    }
}

/* ---- checking ---- */

/* Puts the axes of `like` before the stage's own. */
static void join_axes(struct draft *d) {
    struct reader *r = d->part->reader;
    struct matrix *matrix = &d->decl.matrix;
    const struct draft *like = draft_of(r, matrix->like);
    if (!like->axes_known) {
        d->axes_broken = true;
        return;
    }
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(d->matrix_node, "like");
    if (like->decl.axis_count == 0)
        report_value(d->part, node, "the stage \"%s\" has no axes to take", like->decl.full_name);
    if (!check_axis_count(d, like->decl.axis_count + matrix->axis_count))
        return;
    struct axis *axes = arena_array(r->arena, like->decl.axis_count + matrix->axis_count, sizeof *axes);
    for (size_t i = 0; i < like->decl.axis_count; i++) {
        axes[i] = (struct axis){like->decl.axes[i], NULL, NULL, locate_value(d->part, node)};
        const cJSON *own = cJSON_GetObjectItemCaseSensitive(d->matrix_node, like->decl.axes[i]);
        if (!own)
            continue;
        report_key(d->part, own, "the axis \"%s\" comes from \"%s\" already", own->string, like->decl.full_name);
        d->broken = true;
    }
    if (matrix->axis_count)
        memcpy(axes + like->decl.axis_count, matrix->axes, matrix->axis_count * sizeof *axes);
    matrix->axes = axes;
    matrix->like_count = like->decl.axis_count;
    matrix->axis_count += like->decl.axis_count;
}

/* The "label" of an object; NULL when it has none, or when it depends on results (`*unknown`). */
static const struct value *label_of(struct reader *r, const struct value *item, bool *unknown) {
    item = value_structured(r, item);
    if (item->type != VALUE_EXTENDS) {
        *unknown = item->type != VALUE_OBJECT;
        return value_member(item, "label");
    }
    const struct value *label = value_member(item->as.extends.patch, "label");
    return label ? label : label_of(r, item->as.extends.base, unknown);
}

static bool is_object(const struct value *v) {
    return v->type == VALUE_OBJECT || v->type == VALUE_EXTENDS ||
           (v->type == VALUE_LITERAL && cJSON_IsObject(v->as.literal));
}

/* The label of an axis value; NULL for a value that is no object, or whose label is faulty or unknown. */
static const char *check_label(struct draft *d, const char *axis, const struct value *item) {
    struct reader *r = d->part->reader;
    if (!is_object(item) || value_is_broken(item))
        return NULL;
    bool unknown = false;
    const struct value *label = label_of(r, item, &unknown);
    if (!label && !unknown)
        report(r, &item->at,
               "an object as a value of the axis \"%s\" needs a \"label\", which names it in \"[%s=...]\"", axis, axis);
    if (!label)
        return NULL;
    const char *text = value_text(label);
    if (text && *text)
        return text;
    report(r, &label->at, "the \"label\" of a value of the axis \"%s\" is plain text; found %s", axis,
           label->type != VALUE_LITERAL         ? "a reference"
           : !cJSON_IsString(label->as.literal) ? describe(r, label->as.literal)
                                                : "the empty text");
    return NULL;
}

static bool same_value(const struct value *a, const struct value *b) {
    return a->type == VALUE_LITERAL && b->type == VALUE_LITERAL && json_equal(a->as.literal, b->as.literal);
}

static void check_values(struct draft *d, const struct axis *axis) {
    const struct value *list = axis->values;
    if (!list || list->type != VALUE_LIST)
        return;
    struct reader *r = d->part->reader;
    struct bytemap labels = {0}; /* label -> index of the first value with it */
    for (size_t i = 0; i < list->as.list.count; i++) {
        const struct value *item = list->as.list.items[i];
        const char *label = check_label(d, axis->name, item);
        if (!label)
            continue;
        const size_t *first = bytemap_get(&labels, label, strlen(label));
        if (first && !same_value(list->as.list.items[*first], item))
            report(r, &item->at, "two values of the axis \"%s\" have the label \"%s\"; rename one", axis->name, label);
        if (!first)
            put_index(r, &labels, label, i);
    }
    bytemap_close(&labels);
}

static bool has_axis(const struct matrix *matrix, const char *name) {
    for (size_t i = 0; i < matrix->axis_count; i++)
        if (strcmp(matrix->axes[i].name, name) == 0)
            return true;
    return false;
}

const char **axis_names(const struct draft *d) {
    const struct matrix *matrix = &d->decl.matrix;
    const char **names = arena_array(d->part->reader->arena, matrix->axis_count, sizeof *names);
    for (size_t i = 0; i < matrix->axis_count; i++)
        names[i] = matrix->axes[i].name;
    return names;
}

static void check_coordinate_names(struct draft *d, const struct value *item, const cJSON *shown, const char *what) {
    struct reader *r = d->part->reader;
    const struct matrix *matrix = &d->decl.matrix;
    for (size_t i = 0; i < item->as.object.count && !is_silent(r); i++) {
        const char *name = item->as.object.names[i];
        if (has_axis(matrix, name))
            continue;
        const cJSON *member = shown ? cJSON_GetObjectItemCaseSensitive(shown, name) : NULL;
        struct location at = member ? locate_key(d->part, member) : item->at;
        report(r, &at, "\"%s\" names \"%s\", which is no axis%s", what, name,
               suggestion(r, name, axis_names(d), matrix->axis_count, "the stage has none"));
    }
}

static void check_complete(struct draft *d, const struct value *item) {
    struct reader *r = d->part->reader;
    const struct matrix *matrix = &d->decl.matrix;
    const char **missing = arena_array(r->arena, matrix->axis_count, sizeof *missing);
    size_t count = 0;
    for (size_t i = 0; i < matrix->axis_count; i++) {
        const struct value *value = value_member(item, matrix->axes[i].name);
        if (value)
            check_label(d, matrix->axes[i].name, value);
        else
            missing[count++] = matrix->axes[i].name;
    }
    if (count)
        report(r, &item->at, "an entry of \"extra\" names every axis; missing: %s", join(r, missing, count));
}

static void check_coordinates(struct draft *d, const struct value *list, const char *what) {
    struct reader *r = d->part->reader;
    const cJSON *shown = cJSON_GetObjectItemCaseSensitive(d->matrix_node, what);
    shown = cJSON_IsArray(shown) ? shown->child : NULL;
    for (size_t i = 0; list && i < list->as.list.count; i++) {
        const struct value *item = value_structured(r, list->as.list.items[i]);
        const cJSON *node = shown;
        struct location at = node ? locate_value(d->part, node) : item->at;
        shown = shown ? shown->next : NULL;
        if (item->type != VALUE_OBJECT) {
            report(r, &at, "an entry of \"%s\" is an object of axes and values, as in {\"size\": 7}; found %s", what,
                   item->type == VALUE_LITERAL ? describe(r, item->as.literal) : "something else");
            continue;
        }
        struct value copy = *item;
        copy.at = at;
        check_coordinate_names(d, &copy, node, what);
        if (strcmp(what, "extra") == 0)
            check_complete(d, &copy);
        else if (item->as.object.count == 0)
            report(r, &at, "an empty entry of \"exclude\" would exclude every instance");
    }
}

void check_matrix(struct draft *d) {
    if (!d->matrix_node)
        return;
    if (d->decl.matrix.like)
        join_axes(d);
    for (size_t i = d->decl.matrix.like_count; i < d->decl.matrix.axis_count; i++)
        check_values(d, &d->decl.matrix.axes[i]);
    if (d->axes_broken)
        return;
    if (d->decl.matrix.axis_count == 0 && !d->decl.matrix.like)
        report_value(d->part, d->matrix_node, "the matrix has no axis; name one, or remove \"matrix\"");
    check_coordinates(d, d->decl.matrix.exclude, "exclude");
    check_coordinates(d, d->decl.matrix.extra, "extra");
}
