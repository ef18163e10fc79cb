#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/suggest.h"
#include "stages/kinds/kind_check.h"

/* A value of a file may be long; a message shows its start. */
enum { SHOWN_BYTES = 60 };

bool checker_open(const struct kind_checker *c, const cJSON *node) {
    return node && c->is_open && c->is_open(c->context, node);
}

void checker_fault(struct kind_checker *c, const cJSON *at, bool on_key, const char *format, ...) {
    struct buffer message = {0};
    va_list args;
    va_start(args, format);
    buffer_vprintf(&message, format, args);
    va_end(args);
    c->faults++;
    if (c->report)
        c->report(c->context, at, on_key, buffer_text(&message));
    buffer_close(&message);
}

/* Appends the value for a message. A long one is cut, never inside a UTF-8 character. */
static void describe_found(struct buffer *out, const cJSON *node) {
    char *text = json_canonical_text(node);
    size_t length = strlen(text);
    bool cut = length > SHOWN_BYTES;
    if (cut)
        for (length = SHOWN_BYTES; length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80; length--)
            ;
    const char *word = cJSON_IsString(node)   ? "the text "
                       : cJSON_IsArray(node)  ? "the list "
                       : cJSON_IsObject(node) ? "the object "
                                              : "";
    buffer_puts(out, word);
    buffer_append(out, text, length);
    buffer_puts(out, cut ? "..." : "");
    free(text);
}

static void describe_range(struct buffer *out, const struct param *p) {
    if (p->min == 0 && p->max == 0)
        return;
    buffer_puts(out, " from ");
    json_number(out, p->min);
    buffer_puts(out, " to ");
    json_number(out, p->max);
}

static void describe_choices(struct buffer *out, const struct param *p, const char *quote) {
    for (size_t i = 0; p->choices[i]; i++)
        buffer_printf(out, "%s%s%s%s", i ? (p->choices[i + 1] ? ", " : " or ") : "", quote, p->choices[i], quote);
}

static void describe_items(struct buffer *out, const struct param *p, const char *what) {
    buffer_printf(out, "a list of ");
    if (p->min_items && p->min_items == p->max_items)
        buffer_printf(out, "%zu ", p->min_items);
    else if (p->max_items)
        buffer_printf(out, "%zu to %zu ", p->min_items, p->max_items);
    buffer_puts(out, what);
}

static const char *type_plural(enum param_type type) {
    switch (type) {
    case PARAM_INTEGER:
        return "integers";
    case PARAM_NUMBER:
        return "numbers";
    case PARAM_BOOLEAN:
        return "true or false";
    case PARAM_STRING:
    case PARAM_CHOICE:
        return "texts";
    case PARAM_LIST:
        return "lists";
    case PARAM_OBJECT:
    case PARAM_MAP:
        return "objects";
    case PARAM_ANY:
        break;
    }
    return "values";
}

static void describe_allowed(struct buffer *out, const struct param *p) {
    switch (p->type) {
    case PARAM_INTEGER:
        if (p->choices) {
            describe_choices(out, p, "");
            break;
        }
        buffer_puts(out, "an integer");
        describe_range(out, p);
        break;
    case PARAM_NUMBER:
        buffer_puts(out, "a number");
        describe_range(out, p);
        break;
    case PARAM_BOOLEAN:
        buffer_puts(out, "true or false");
        break;
    case PARAM_STRING:
        buffer_puts(out, "a text");
        break;
    case PARAM_CHOICE:
        describe_choices(out, p, "\"");
        break;
    case PARAM_LIST:
        describe_items(out, p, type_plural(p->members ? p->members[0].type : PARAM_ANY));
        break;
    case PARAM_OBJECT:
        buffer_puts(out, "an object");
        break;
    case PARAM_MAP:
        buffer_printf(out, "an object whose values are %s", type_plural(p->members[0].type));
        break;
    case PARAM_ANY:
        buffer_puts(out, "any value");
        break;
    }
    if (p->unit)
        buffer_printf(out, " (%s)", p->unit);
}

static size_t choice_count(const struct param *p) {
    size_t n = 0;
    while (p->choices[n])
        n++;
    return n;
}

static void fault_value(struct kind_checker *c, const struct param *p, const cJSON *node) {
    struct buffer found = {0}, allowed = {0};
    describe_found(&found, node);
    describe_allowed(&allowed, p);
    bool is_choice = p->type == PARAM_CHOICE && cJSON_IsString(node);
    char *suggestion =
        suggest_text(is_choice ? node->valuestring : "", p->choices, is_choice ? choice_count(p) : 0, "");
    checker_fault(c, node, false, "\"%s\" is %s; allowed is %s%s", p->name, buffer_text(&found), buffer_text(&allowed),
                  suggestion);
    free(suggestion);
    buffer_close(&found);
    buffer_close(&allowed);
}

static bool choice_holds(const struct param *p, const char *text) {
    for (size_t i = 0; p->choices[i]; i++)
        if (strcmp(p->choices[i], text) == 0)
            return true;
    return false;
}

static bool number_fits(const struct param *p, const cJSON *node) {
    double v = node->valuedouble;
    if (!cJSON_IsNumber(node) || !isfinite(v) || (p->type == PARAM_INTEGER && v != floor(v)))
        return false;
    if (p->type == PARAM_INTEGER && p->choices) {
        struct buffer text = {0};
        json_number(&text, v);
        bool holds = choice_holds(p, buffer_text(&text));
        buffer_close(&text);
        return holds;
    }
    return (p->min == 0 && p->max == 0) || (v >= p->min && v <= p->max);
}

static bool value_fits(const struct param *p, const cJSON *node) {
    switch (p->type) {
    case PARAM_INTEGER:
    case PARAM_NUMBER:
        return number_fits(p, node);
    case PARAM_BOOLEAN:
        return cJSON_IsBool(node);
    case PARAM_STRING:
        return cJSON_IsString(node);
    case PARAM_CHOICE:
        return cJSON_IsString(node) && choice_holds(p, node->valuestring);
    case PARAM_LIST:
        return cJSON_IsArray(node);
    case PARAM_OBJECT:
    case PARAM_MAP:
        return cJSON_IsObject(node);
    case PARAM_ANY:
        break;
    }
    return true;
}

static void check_value(struct kind_checker *c, const struct param *p, const cJSON *node);

static void check_items(struct kind_checker *c, const struct param *p, const cJSON *list) {
    size_t count = 0, before = c->faults;
    const cJSON *last = NULL;
    for (const cJSON *item = list->child; item; item = item->next, count++) {
        if (p->members)
            check_value(c, &p->members[0], item);
        bool open = checker_open(c, item);
        if (p->ascending && !open && last && c->faults == before && item->valuedouble < last->valuedouble)
            checker_fault(c, item, false, "\"%s\" must not fall, but %g stands behind %g", p->name, item->valuedouble,
                          last->valuedouble);
        last = open || !cJSON_IsNumber(item) ? NULL : item;
    }
    if ((p->min_items || p->max_items) && (count < p->min_items || count > p->max_items))
        fault_value(c, p, list);
}

static void fault_unknown(struct kind_checker *c, const char *owner, const struct param *members, size_t count,
                          const cJSON *node) {
    const char **names = mem_array(count, sizeof *names);
    struct buffer allowed = {0};
    for (size_t i = 0; i < count; i++) {
        names[i] = members[i].name;
        buffer_printf(&allowed, "%s%s", i ? ", " : "; allowed are ", members[i].name);
    }
    char *suggestion = suggest_text(node->string, names, count, buffer_text(&allowed));
    checker_fault(c, node, true, "%s has no parameter \"%s\"%s", owner, node->string, suggestion);
    free(suggestion);
    buffer_close(&allowed);
    free(names);
}

static void check_members(struct kind_checker *c, const char *owner, const struct param *members, size_t count,
                          const cJSON *object) {
    for (const cJSON *node = object ? object->child : NULL; node; node = node->next) {
        const struct param *p = param_find(members, count, node->string);
        if (p)
            check_value(c, p, node);
        else
            fault_unknown(c, owner, members, count, node);
    }
    for (size_t i = 0; i < count; i++)
        if (!members[i].fallback && !cJSON_GetObjectItemCaseSensitive(object, members[i].name))
            checker_fault(c, object, false, "%s needs \"%s\"%s%s", owner, members[i].name, members[i].doc ? ": " : "",
                          members[i].doc ? members[i].doc : "");
}

static void check_value(struct kind_checker *c, const struct param *p, const cJSON *node) {
    if (checker_open(c, node))
        return;
    if (!value_fits(p, node)) {
        fault_value(c, p, node);
        return;
    }
    if (p->type == PARAM_LIST)
        check_items(c, p, node);
    else if (p->type == PARAM_OBJECT && p->member_count)
        check_members(c, p->name, p->members, p->member_count, node);
    else if (p->type == PARAM_MAP)
        for (const cJSON *value = node->child; value; value = value->next)
            check_value(c, &p->members[0], value);
}

size_t kind_check_with(const struct kind *kind, const cJSON *with, kind_is_open *is_open, kind_fault *report,
                       void *context) {
    struct kind_checker c = {is_open, report, context, 0};
    if (checker_open(&c, with))
        return 0;
    if (with && !cJSON_IsObject(with)) {
        checker_fault(&c, with, false, "\"with\" must be an object");
        return c.faults;
    }
    char *owner = kind_uses(kind);
    check_members(&c, owner, kind->params, kind->param_count, with);
    free(owner);
    if (kind->check && with)
        kind->check(with, &c);
    return c.faults;
}
