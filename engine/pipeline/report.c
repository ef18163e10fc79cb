/* Reports faults and words their messages. */
#include <string.h>

#include "engine/base/suggest.h"
#include "engine/pipeline/reader.h"

enum { MAX_QUOTED = 60, MAX_LISTED = 24 };

struct location locate_value(const struct part *part, const cJSON *node) {
    return (struct location){.source = part->source, .node = node};
}

struct location locate_key(const struct part *part, const cJSON *node) {
    return (struct location){.source = part->source, .node = node, .type = AT_KEY};
}

static struct location locate_site(const struct site *site) {
    return (struct location){site->part->source, site->node, AT_TEXT, (uint32_t)site->offset};
}

bool is_silent(const struct reader *r) {
    return r->diagnostics->errors > MAX_ERRORS;
}

static void add(struct reader *r, enum severity severity, const struct location *at, const char *format, va_list args)
    __attribute__((format(printf, 4, 0)));

static void add(struct reader *r, enum severity severity, const struct location *at, const char *format, va_list args) {
    if (is_silent(r))
        return;
    if (r->diagnostics->errors == MAX_ERRORS && severity == SEVERITY_ERROR) {
        struct location whole = {.source = r->root->source};
        diagnostics_add(r->diagnostics, severity, &whole, "more than %d errors: the rest is not shown", MAX_ERRORS);
        return;
    }
    struct buffer text = {0};
    buffer_vprintf(&text, format, args);
    diagnostics_add(r->diagnostics, severity, at, "%s", buffer_text(&text));
    buffer_close(&text);
}

void report(struct reader *r, const struct location *at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add(r, SEVERITY_ERROR, at, format, args);
    va_end(args);
}

void report_value(const struct part *part, const cJSON *node, const char *format, ...) {
    struct location at = locate_value(part, node);
    va_list args;
    va_start(args, format);
    add(part->reader, SEVERITY_ERROR, &at, format, args);
    va_end(args);
}

void report_key(const struct part *part, const cJSON *node, const char *format, ...) {
    struct location at = locate_key(part, node);
    va_list args;
    va_start(args, format);
    add(part->reader, SEVERITY_ERROR, &at, format, args);
    va_end(args);
}

void report_site(const struct site *site, const char *format, ...) {
    struct location at = locate_site(site);
    va_list args;
    va_start(args, format);
    add(site->part->reader, SEVERITY_ERROR, &at, format, args);
    va_end(args);
}

void warn_value(const struct part *part, const cJSON *node, const char *format, ...) {
    struct location at = locate_value(part, node);
    va_list args;
    va_start(args, format);
    add(part->reader, SEVERITY_WARNING, &at, format, args);
    va_end(args);
}

static const char *keep_buffer(struct reader *r, struct buffer *text) {
    const char *kept = arena_strdup(r->arena, buffer_text(text));
    buffer_close(text);
    return kept;
}

const char *describe(struct reader *r, const cJSON *node) {
    struct buffer text = {0};
    if (is_silent(r))
        return "";
    if (cJSON_IsString(node)) {
        size_t length = strlen(node->valuestring);
        size_t shown = length > MAX_QUOTED ? MAX_QUOTED : length;
        while (shown && shown < length && (node->valuestring[shown] & 0xC0) == 0x80)
            shown--;
        buffer_printf(&text, "the text \"%.*s%s\"", (int)shown, node->valuestring, shown < length ? "..." : "");
    } else if (cJSON_IsNumber(node)) {
        buffer_puts(&text, "the number ");
        json_number(&text, node->valuedouble);
    } else {
        buffer_puts(&text, cJSON_IsArray(node)    ? "a list"
                           : cJSON_IsObject(node) ? "an object"
                           : cJSON_IsTrue(node)   ? "true"
                           : cJSON_IsFalse(node)  ? "false"
                                                  : "null");
    }
    return keep_buffer(r, &text);
}

const char *join(struct reader *r, const char *const *names, size_t count) {
    struct buffer text = {0};
    for (size_t i = 0; i < count && i < MAX_LISTED; i++)
        buffer_printf(&text, "%s%s", i ? ", " : "", names[i]);
    if (count > MAX_LISTED)
        buffer_printf(&text, " and %zu more", count - MAX_LISTED);
    return keep_buffer(r, &text);
}

static size_t common_prefix(const char *a, const char *b) {
    size_t length = 0;
    while (a[length] && a[length] == b[length])
        length++;
    return length;
}

/* Finds the name with the longest common beginning: "env" for "environment", "retries" for "retry". */
static const char *suggest_beginning(const char *name, const char *const *known, size_t count) {
    const char *best = NULL;
    size_t longest = 2; /* a common beginning has at least three letters */
    for (size_t i = 0; i < count; i++) {
        size_t shorter = strlen(known[i]) < strlen(name) ? strlen(known[i]) : strlen(name);
        size_t common = common_prefix(name, known[i]);
        if (common > longest && 3 * common >= 2 * shorter) {
            best = known[i];
            longest = common;
        }
    }
    return best;
}

static const char *suggest(struct reader *r, const char *name, const char *const *known, size_t count, const char *lead,
                           const char *capital) {
    if (is_silent(r))
        return ""; /* is not shown */
    bool compare = count <= MAX_COMPARED - r->compared;
    r->compared += compare ? count : 0;
    const char *near = compare ? suggest_nearest(name, known, count) : NULL;
    if (compare && !near)
        near = suggest_beginning(name, known, count);
    if (near && count == 1)
        return arena_printf(r->arena, "; did you mean \"%s\"?", near);
    if (near)
        return arena_printf(r->arena, "; did you mean \"%s\"? %s: %s", near, capital, join(r, known, count));
    return arena_printf(r->arena, "; %s: %s", lead, join(r, known, count));
}

const char *suggestion(struct reader *r, const char *name, const char *const *known, size_t count, const char *none) {
    if (count == 0)
        return arena_printf(r->arena, "; %s", none);
    return suggest(r, name, known, count, count == 1 ? "there is" : "there are", count == 1 ? "There is" : "There are");
}

const char *key_suggestion(struct reader *r, const char *name, const char *const *allowed, size_t count) {
    return suggest(r, name, allowed, count, "allowed", "Allowed");
}
